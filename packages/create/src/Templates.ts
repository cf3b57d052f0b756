/**
 * The kinds of project that there are.
 */

/** A kind of project. `name` is its folder in `templates`. */
export interface Template {
  readonly name: string
  readonly title: string
  readonly hint: string
  /** The scripts to run first, each in a separate terminal, with what each shows. */
  readonly firstSteps: ReadonlyArray<readonly [script: string, shows: string]>
}

export const all: ReadonlyArray<Template> = [
  {
    name: "worker",
    title: "A worker",
    hint: "typed agents on SQLite, with an approval",
    firstSteps: [
      ["dev", "a worker and its dashboard"],
      ["submit", "a run that waits for your approval"],
    ],
  },
  {
    name: "embedded",
    title: "In an Effect HTTP application",
    hint: "your routes, the API of the runs and a worker in one process",
    firstSteps: [
      ["dev", "the application, with the dashboard below /agents/"],
      ["submit", "a request to it, and the run that it makes"],
    ],
  },
  {
    name: "chat",
    title: "A chat page",
    hint: "useChat of the AI SDK, with approvals",
    firstSteps: [
      ["dev", "the agent and its dashboard"],
      ["page", "the page"],
    ],
  },
  {
    name: "ai-sdk",
    title: "An agent of the AI SDK",
    hint: "a ToolLoopAgent with an approval, streamed and recorded",
    firstSteps: [
      ["dev", "a worker and its dashboard"],
      ["submit", "a run that waits for your approval"],
    ],
  },
  {
    name: "openai-agents",
    title: "An agent of the OpenAI Agents SDK",
    hint: "an Agent with an approval, streamed and recorded",
    firstSteps: [
      ["dev", "a worker and its dashboard"],
      ["submit", "a run that waits for your approval"],
    ],
  },
  {
    name: "coding-agent",
    title: "A coding agent",
    hint: "over the Agent Client Protocol, with permissions",
    firstSteps: [
      ["dev", "a worker and its dashboard"],
      ["submit", "a run that waits for your permission to write a file"],
    ],
  },
  {
    name: "fleet",
    title: "A server and workers",
    hint: "for PostgreSQL; on SQLite until you name one",
    firstSteps: [
      ["dev", "a server with its dashboard, and two workers"],
      ["submit", "twelve runs, shared by the workers"],
    ],
  },
]

export const names: ReadonlyArray<string> = all.map(({ name }) => name)
