/** Who keeps a job that blocks the event loop of its worker for longer than its lease, while another worker is idle. */
import { Runs } from "@runlease/core"
import { Context, Effect, Option, Schedule, type Scope } from "effect"
import { existsSync, readFileSync } from "node:fs"
import * as BullMqJob from "../../peers/BullMqJob.js"
import type { Options, Queue } from "../blocker.js"
import * as Child from "../Child.js"
import { type Part, type Row, summaries } from "../Figures.js"
import * as Machine from "../Machine.js"
import { Scale } from "../Scale.js"
import * as Stores from "../Stores.js"
import { submission } from "../Submission.js"

/** In seconds. */
const lease = 10

interface Job {
  readonly queue: Queue
  readonly submit: Effect.Effect<unknown, unknown>
  readonly isDone: Effect.Effect<boolean, unknown>
}

const runlease = (onLoop: boolean) =>
  Effect.gen(function* () {
    const server = yield* Stores.server(yield* Machine.sqlite(`blocked_${onLoop}`, "normal"))
    const runs = Context.get(yield* Stores.client(server.ready), Runs.Runs)
    return {
      queue: { _tag: "Runlease", served: server.ready, onLoop },
      submit: runs.submit(submission),
      isDone: Effect.map(runs.list(), ({ items }) => items[0]?.status === "completed"),
    } satisfies Job
  })

/** Null on a machine without Redis. */
const bullMq: Effect.Effect<Job | null, never, Machine.Machine | Scope.Scope> = Effect.gen(function* () {
  const redis = yield* (yield* Machine.Machine).redis("always")
  if (Option.isNone(redis)) return null
  const options = { port: redis.value.port, name: "blocked" }
  const queue = yield* BullMqJob.queue(options)
  return {
    queue: { _tag: "BullMq", ...options },
    submit: Effect.promise(() => queue.add("job", {})),
    isDone: Effect.promise(async () => (await queue.getJobCounts("completed"))["completed"] === 1),
  }
})

const until = <E>(check: Effect.Effect<boolean, E>) =>
  Effect.repeat(check, { until: (done) => done, schedule: Schedule.spaced("50 millis") })

const figuresOf = (name: string, { isDone, queue, submit }: Job) =>
  Effect.gen(function* () {
    const { blocked } = yield* Scale
    const { folder } = yield* Machine.Machine
    const executions = `${folder}/executions of ${name}`
    const begun = () => (existsSync(executions) ? readFileSync(executions, "utf8").trim().split("\n") : [])
    const startWorker = Child.start("blocker.ts", { queue, executions, lease, blocked } satisfies Options)
    yield* startWorker
    yield* submit
    yield* until(Effect.sync(() => begun().length > 0))
    yield* startWorker
    yield* until(isDone)
    // The job may be done while its first execution goes on, and its lock may lapse after that.
    yield* Effect.sleep(`${blocked + lease} seconds`)
    const [first, second] = begun().map(Number)
    const againAfter = second === undefined ? {} : { "executed again after": (second - first!) / 1000 }
    return summaries([{ executions: begun().length, ...againAfter }])
  }).pipe(Effect.scoped)

const row = <E, R>(name: string, job: Effect.Effect<Job | null, E, R>) =>
  Effect.flatMap(job, (started) =>
    started === null
      ? Effect.succeed<Row>({ name, figures: { executions: null } })
      : Effect.map(figuresOf(name, started), (figures): Row => ({ name, figures })),
  )

export const measure = Effect.gen(function* () {
  const { blocked } = yield* Scale
  return {
    title: `A job that blocks its worker for ${blocked} s, with a lease of ${lease} s`,
    columns: [
      { name: "executions", unit: "" },
      { name: "executed again after", unit: "s" },
    ],
    rows: [
      yield* row("Runlease", runlease(false)),
      yield* row("Runlease, renewed on the event loop", runlease(true)),
      yield* row("BullMQ", bullMq),
    ],
  } satisfies Part
}).pipe(Effect.scoped)
