/** Runs scripted agents as real processes, and reads their notes. */
import * as ClaimedRuns from "@runlease/testkit/ClaimedRuns"
import { AcpExecutor } from "@runlease/executor-acp"
import { type AgentEvent, Executor, type Run } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Chunk, Deferred, Effect, Exit, Random, Schema, Stream } from "effect"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

export const claimed = (changes: Partial<Run.ClaimedRun> = {}): Run.ClaimedRun =>
  ClaimedRuns.make({ leaseOwner: null, maxAttempts: 5, ...changes })

export const { conversationId, messageId } = claimed()

export const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

export type Step = Readonly<Record<string, unknown>>

export interface Script {
  readonly steps?: ReadonlyArray<Step>
  readonly [key: string]: unknown
}

/** A folder that is removed when the scope closes. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-acp-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
)

const ps = Effect.map(
  Effect.promise(() => promisify(execFile)("ps", ["-A", "-ww", "-o", "pid=,args="], { maxBuffer: 2 ** 26 })),
  ({ stdout }) => stdout.split("\n"),
)

/** The pids of the processes whose command line contains `token`. */
export const pidsOf = (token: string) =>
  Effect.map(ps, (lines) =>
    lines.filter((line) => line.includes(token)).map((line) => Number.parseInt(line, 10)),
  )

/** Repeats `look` until `is` accepts its value. */
export const until = <A, E, R>(look: Effect.Effect<A, E, R>, is: (value: A) => boolean) =>
  look.pipe(Effect.delay("20 millis"), Effect.repeat({ until: is }), Effect.timeout("4 minutes"))

export interface Subject {
  readonly options: AcpExecutor.Options
  readonly token: string
  readonly workRoot: string
  /** The notes of the agent's processes. */
  readonly notes: Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>>
  readonly alive: Effect.Effect<number>
  readonly produced: Effect.Effect<number>
}

/** An agent that follows the script, with its own work root. */
export const scripted = (script: Script, changes: Partial<AcpExecutor.Options> = {}) =>
  Effect.gen(function* () {
    const root = yield* folder
    const token = `agent-${yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)}`
    const log = join(root, "log")
    const count = join(root, "count")
    const file = join(root, "script")
    yield* Effect.promise(() => writeFile(file, JSON.stringify({ log, count, ...script })))
    const subject: Subject = {
      token,
      workRoot: join(root, "work"),
      options: {
        command: process.execPath,
        args: [fixture("agent.mjs"), token, file],
        permission: "allow",
        workRoot: join(root, "work"),
        killAfter: "300 millis",
        cancelGrace: "500 millis",
        ...changes,
      },
      notes: Effect.promise(async () =>
        existsSync(log)
          ? (await readFile(log, "utf8"))
              .split("\n")
              .filter((line) => line !== "")
              .map((line): Record<string, unknown> => JSON.parse(line))
          : [],
      ),
      alive: Effect.map(pidsOf(token), (pids) => pids.length),
      produced: Effect.promise(async () => (existsSync(count) ? (await readFile(count)).length : 0)),
    }
    return subject
  })

/** A step of an agent that ends once the test opens it. */
export const gate = Effect.map(folder, (path) => {
  const file = join(path, "open")
  const step: Step = {
    terminal: { command: "sh", args: ["-c", `until [ -e '${file}' ]; do sleep 0.02; done`] },
    wait: true,
  }
  return { step, open: Effect.promise(() => writeFile(file, "")) }
})

/** Changes the script for the next processes of the agent. */
export const rewrite = ({ options }: Pick<Subject, "options">, changes: Script) =>
  Effect.promise(async () => {
    const file = String(options.args?.[2])
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...changes }))
  })

export const execute = ({ options }: Pick<Subject, "options">, run = claimed()) =>
  Stream.unwrap(Effect.map(AcpExecutor.make(options), ({ execute }) => Executor.toStream(execute)(run)))

/** All events of a run, and how its stream ended. */
export const outcomeOf = (subject: Pick<Subject, "options">, run = claimed()) =>
  Effect.gen(function* () {
    const events: Array<AgentEvent.LogEvent> = []
    const exit = yield* Effect.exit(
      Stream.runForEach(execute(subject, run), (event) => Effect.sync(() => events.push(event))),
    )
    return { events, exit }
  })

/** All events of a run whose stream ends. */
export const eventsOf = (subject: Pick<Subject, "options">, run = claimed()) =>
  Effect.map(Stream.runCollect(execute(subject, run)), Chunk.toReadonlyArray)

/** The failure of a run, and the events before it. */
export const failureOf = (subject: Pick<Subject, "options">, run = claimed()) =>
  Effect.gen(function* () {
    const { events, exit } = yield* outcomeOf(subject, run)
    const error = yield* Effect.flip(exit)
    return { events, error: yield* Schema.decodeUnknown(Schema.instanceOf(Executor.ExecutorError))(error) }
  })

export const textOf = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? [String(event["delta"])] : [])).join("")

/** The log's id of a tool call of `claimed`, by the agent's own id. */
export const callId = (id: string): string => `${id}-4e65d3fb`

/** The details of tool calls in the log, beside their input and result. */
export const detailsOf = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) => (event.type === "CUSTOM" && event.name === "acp.tool_call" ? [event.value] : []))

export const resultsOf = (events: ReadonlyArray<AgentEvent.LogEvent>) =>
  events.flatMap((event) => (event.type === "TOOL_CALL_RESULT" ? [event.content] : []))

/** Runs until the agent has sent this text, and gives the fiber, which runs on. */
export const untilText = (subject: Pick<Subject, "options">, text: string, run = claimed()) =>
  Effect.gen(function* () {
    const arrived = yield* Deferred.make<void, Executor.ExecutorFailure>()
    let all = ""
    const fiber = yield* Stream.runForEach(execute(subject, run), (event) => {
      all += textOf([event])
      return all.includes(text) ? Deferred.succeed(arrived, undefined) : Effect.void
    }).pipe(
      Effect.onExit((exit) => Deferred.done(arrived, Exit.asVoid(exit))),
      Effect.forkScoped,
    )
    yield* Deferred.await(arrived)
    return fiber
  })

/** The control plane of the runs. */
export const ports = MemoryControlPlane.layer
