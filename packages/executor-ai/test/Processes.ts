/** Starts `runlease` in separate processes: a server on a SQLite file, and workers that tests kill. */
import * as Bundle from "../../cli/checkout/bundle.mjs"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The bundle of a fixture: to compile the sources takes each worker longer than its run. */
const fixture = (name: string) =>
  Effect.promise(() => Bundle.fixture(new URL(`fixtures/${name}.ts`, import.meta.url)))

const kill = (child: ChildProcess) =>
  Effect.async<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** Starts `runlease`, and gives the first line of `--json` that has `field`. The Scope kills it. */
const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
  field: string,
) {
  const runlease = yield* Effect.promise(Bundle.command)
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [runlease, ...args, "--json"], {
        // The environment is minimal, so that no setting of the machine is read.
        env: { PATH: process.env["PATH"]!, HOME: env["HOME"]!, NO_COLOR: "1", ...env },
        stdio: ["ignore", "pipe", "inherit"],
      }),
    ),
    kill,
  )
  const line = yield* Effect.async<Record<string, unknown>, Error>((resume) => {
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
      const found = text
        .split("\n")
        .slice(0, -1)
        .find((one) => one.includes(`"${field}"`))
      if (found !== undefined) resume(Effect.succeed(JSON.parse(found) as Record<string, unknown>))
    })
    child.once("exit", (code) =>
      resume(Effect.fail(new Error(`runlease ${args.join(" ")} ended with ${code}: ${text}`))),
    )
  })
  return { line, kill: kill(child) }
})

interface Settings {
  readonly folder: string
  readonly apiKey: string
}

/** A server on a free port. Gives its URL. */
const server = ({ apiKey, folder }: Settings) =>
  Effect.map(
    start(
      ["serve", "--port", "0", "--database", `sqlite:${folder}/runs.sqlite`],
      { RUNLEASE_API_KEY: apiKey, HOME: folder },
      "url",
    ),
    ({ line }) => String(line["url"]),
  )

/** A worker of that server, once it is registered. Its model is at `model`. */
const worker = (
  { apiKey, folder }: Settings,
  {
    agent,
    mcp,
    model,
    notes,
    url,
  }: {
    readonly agent: string
    readonly mcp: string
    readonly model: string
    readonly notes: string
    readonly url: string
  },
) =>
  start(
    ["worker", "--module", agent, "--agent", "agent", "--lease", "5s"],
    {
      RUNLEASE_URL: url,
      RUNLEASE_API_KEY: apiKey,
      HOME: folder,
      NOTES: notes,
      MODEL_URL: model,
      MCP_SERVER: mcp,
    },
    "worker_id",
  )

/** The bundle of the MCP server of tests. */
export const mcpServer = fixture("mcp-server")

/**
 * A server in a new folder, for workers of the agent of that fixture whose model is at `model`. `calls` are those of their tools, in order.
 */
export const open = Effect.fnUntraced(function* (model: string, name = "pages-agent") {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-processes-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  )
  const settings: Settings = { folder, apiKey: "rlk_processes" }
  const notes = join(folder, "notes")
  const url = yield* server(settings)
  const agent = yield* fixture(name)
  const mcp = name === "pages-agent" ? "" : yield* mcpServer
  return {
    connection: { url, apiKey: settings.apiKey },
    startWorker: worker(settings, { agent, mcp, url, notes, model }),
    calls: Effect.map(
      Effect.promise(() => readFile(notes, "utf8").catch(() => "")),
      (text) => text.trim().split("\n"),
    ),
  }
})
