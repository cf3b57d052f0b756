/**
 * Helpers of the fault tests: a client of a server's ports, programs that report signals and progress, and the checks
 * that every log passes after any fault.
 */
import { FetchHttpClient, FileSystem, Path } from "@effect/platform"
import { expect } from "@effect/vitest"
import { type AgentEvent, Ids, RunLog, Runs } from "@runlease/core"
import { Client } from "@runlease/http"
import { Chunk, Context, type Duration, Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { inspect } from "node:util"
import * as AgUi from "./AgUi.js"
import { awaited, type Env, has, json, type Running, start, write } from "./Processes.js"

/** The ports of runs and logs, over HTTP. */
export const connect = Effect.fnUntraced(function* (env: Env) {
  const ports = yield* Layer.build(
    Client.layerWith({
      baseUrl: env.RUNLEASE_URL,
      token: Redacted.make(env.RUNLEASE_API_KEY),
      project: env.RUNLEASE_PROJECT,
    }).pipe(Layer.provide(FetchHttpClient.layer)),
  )
  return { runs: Context.get(ports, Runs.Runs), log: Context.get(ports, RunLog.RunLog) }
})

export type Ports = Effect.Effect.Success<ReturnType<typeof connect>>

/** Submits a run and returns its id. */
export const submit = (
  { runs }: Ports,
  runId: string,
  more: { readonly agent?: string; readonly workerKey?: string; readonly maxAttempts?: number } = {},
) => {
  const { agent = "counter", ...rest } = more
  return Effect.map(
    runs.submit({ agentId: Ids.AgentId.make(agent), publicId: Ids.RunId.make(runId), ...rest }),
    ({ run }) => run.runId,
  )
}

/** Soon at first, as most states are there soon, and then seldom, as each query takes CPU time of what it waits for. */
const soonThenSeldom = Schedule.union(Schedule.exponential("10 millis", 1.5), Schedule.spaced("100 millis"))

/** Repeats `query`, every `step` where that is given, until its result passes. Fails after four minutes, with its name and the last result. */
export const until = <A, E, R>(
  query: Effect.Effect<A, E, R>,
  passes: (result: A) => boolean,
  name = "the awaited state did not occur",
  step?: Duration.DurationInput,
) =>
  Effect.suspend(() => {
    let last: A
    const next = Effect.map(query, (result) => passes((last = result)))
    const schedule = step === undefined ? soonThenSeldom : Schedule.spaced(step)
    return Effect.repeat(next, { until: (passed) => passed, schedule }).pipe(
      Effect.map(() => last),
      awaited(Effect.sync(() => `${name}: ${inspect(last)}`)),
    )
  })

/** Starts a worker with a Node module as its program, and waits until it is registered. */
export const startWorker = Effect.fnUntraced(function* (
  settings: { readonly cwd: string; readonly env: Env },
  program: string,
  ...flags: ReadonlyArray<string>
) {
  const worker = yield* start(
    [
      "worker",
      "--json",
      "--env",
      `DIR=${settings.cwd}`,
      ...flags,
      "--command",
      process.execPath,
      "--",
      program,
    ],
    settings,
  )
  const registered = json(yield* worker.line(has({ event: "registered" })))
  return { ...worker, workerId: String(registered["worker_id"]) as Ids.WorkerId }
})

/** Lets the programs of a folder end. */
export const go = Effect.fnUntraced(function* (cwd: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.writeFileString(path.join(cwd, "go"), "")
})

/** Waits until a worker prints this event of a run. */
export const eventOf = (worker: Running, event: string, runId: string) =>
  Effect.map(worker.line(has({ event, run_id: runId })), (line) => {
    const fields = json(line)
    return { ...fields, at: Date.parse(String(fields["time"])) }
  })

/**
 * Writes a program that logs a count every `every` ms, `run/attempt/1` first, and records a TERM in a file of its
 * folder. It ends at `upTo`, an expression over `attempt`, or when a file `go` exists. With `children` it starts two
 * processes that ignore TERM, one of them in a session of its own.
 */
export const counter = (
  cwd: string,
  options: { readonly upTo?: string; readonly every: number; readonly children?: boolean },
) =>
  write(
    cwd,
    "counter.mjs",
    `import { spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
const { RUNLEASE_RUN_ID: run, RUNLEASE_ATTEMPT, DIR } = process.env
const attempt = Number(RUNLEASE_ATTEMPT)
const emit = (name, value) => process.stdout.write(JSON.stringify({ type: "CUSTOM", name, value }) + "\\n")
process.on("SIGTERM", () => {
  writeFileSync(\`\${DIR}/term-\${run}-\${attempt}\`, String(Date.now()), { flag: "wx" })
  process.exit(1)
})
const sleepers = ${options.children === true}
  ? [false, true].map((detached) => spawn("sh", ["-c", "trap '' TERM; sleep 600 & wait"], { detached, stdio: "ignore" }).pid)
  : []
emit("begun", [process.pid, ...sleepers])
for (let n = 1; n <= (${options.upTo ?? "Infinity"}) && !existsSync(\`\${DIR}/go\`); n++) {
  emit("count", \`\${run}/\${attempt}/\${n}\`)
  await setTimeout(${options.every})
}
`,
  )

/** A program that prints words: five when the folder of the test has a file `go` as it starts, endlessly otherwise. */
export const talker = (cwd: string) =>
  write(
    cwd,
    "talker.mjs",
    `import { existsSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
const { RUNLEASE_ATTEMPT: attempt, DIR } = process.env
const last = existsSync(\`\${DIR}/go\`) ? 5 : Infinity
for (let n = 1; n <= last; n++) {
  process.stdout.write("word " + attempt + "/" + n + "\\n")
  await setTimeout(50)
}
`,
  )

/** Waits until the program of an attempt gets TERM. Returns that instant, in milliseconds. */
export const termAt = Effect.fnUntraced(function* (cwd: string, runId: string, attempt: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(cwd, `term-${runId}-${attempt}`)
  const text = yield* until(
    Effect.orElseSucceed(fs.readFileString(file), () => ""),
    (content) => content !== "",
    `the program of attempt ${attempt} of ${runId} recorded no TERM`,
  )
  return Number(text)
})

/** Waits for the first event of a log that passes. */
export const logged = ({ log }: Ports, runId: Ids.RunId, test: (event: AgentEvent.LogEvent) => boolean) =>
  log.follow({ runId }).pipe(
    Stream.filter(({ event }) => test(event)),
    Stream.runHead,
    Effect.flatten,
    Effect.map(({ event }) => event),
    awaited(Effect.succeed(`the awaited event is not in the log of ${runId}`)),
  )

/** Waits until the program of a run handles TERM. Returns its processes. */
export const begun = (ports: Ports, runId: Ids.RunId) =>
  Effect.map(
    logged(ports, runId, ({ name }) => name === "begun"),
    (event) => event["value"] as ReadonlyArray<number>,
  )

/** The processes among `pids` that still run; a zombie does not count. */
export const alive = (pids: ReadonlyArray<number>) =>
  Effect.sync(() => {
    // Its exit code is 1 when none of them is there.
    const listed = spawnSync("ps", ["-o", "pid=,stat=", "-p", pids.join(",")], { encoding: "utf8" })
      .stdout.trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
    return listed.flatMap(([pid, stat]) => (stat === undefined || stat.startsWith("Z") ? [] : [Number(pid)]))
  })

/** Checks the log of an ended run: no gap in the numbers, one end, valid AG-UI. Returns the log and its counts. */
export const wholeLog = Effect.fnUntraced(function* ({ log }: Ports, runId: Ids.RunId) {
  const entries = Chunk.toReadonlyArray(yield* Stream.runCollect(log.follow({ runId })))
  expect(entries.map(({ eventId }) => eventId)).toEqual(entries.map((_, index) => index + 1))
  const sequences = entries.flatMap(({ sequence }) => (sequence === null ? [] : [sequence]))
  expect(sequences).toEqual(sequences.map((_, index) => index + 1))
  const events = entries.map(({ event }) => event)
  expect(events.filter(({ type }) => type === "RUN_FINISHED" || type === "RUN_ERROR")).toHaveLength(1)
  yield* AgUi.verify(events)
  const counted = events.flatMap(({ name, value }) => (name === "count" ? [String(value)] : []))
  expect(new Set(counted).size).toBe(counted.length)
  return { entries, counted }
})

/** The counts of one attempt. */
export const counts = (runId: string, attempt: number, upTo: number) =>
  Array.from({ length: upTo }, (_, index) => `${runId}/${attempt}/${index + 1}`)
