/** The commands that start a worker for this server. */

export const workerKinds = {
  program: {
    label: "Program",
    about: "Any program: it reads the request and prints text or events.",
    flags: "--command PROGRAM -- ARGUMENTS",
  },
  module: {
    label: "Module",
    about: "A function in JavaScript or TypeScript.",
    flags: "--module ./my-worker.ts",
  },
  model: {
    label: "Model",
    about: "A language model with the key of its provider in the environment.",
    flags: "--model anthropic:claude-sonnet-4-5",
  },
  acp: {
    label: "Coding agent",
    about: "A coding agent that speaks the Agent Client Protocol.",
    flags: `--acp "opencode acp"`,
  },
  agui: {
    label: "AG-UI",
    about: "A remote agent that speaks AG-UI.",
    flags: "--ag-ui https://agents.example.com/ag-ui/{agent_id}",
  },
} as const

export type WorkerKind = keyof typeof workerKinds

/** Where this page is served from is where workers connect to. */
const serverUrl = (): string => document.baseURI.replace(/\/$/, "")

/** A program that is everywhere: the answer is the request. */
const example = "--command printenv -- RUNLEASE_PROMPT"

export const workerCommand = (kind: WorkerKind | "example"): string =>
  `export RUNLEASE_URL=${serverUrl()} RUNLEASE_API_KEY=KEY\nrunlease worker ${kind === "example" ? example : workerKinds[kind].flags}`
