/** A purchase whose worker dies at each of its writes, over any control plane. */
import { live } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { type AgentEvent, ControlPlane, Ids, RunLog, Runs, Worker } from "@runlease/core"
import { SharedPlane, TestRuns } from "@runlease/testkit"
import { Array, DateTime, Deferred, Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Purchase } from "../src/agents.js"
import { agents } from "../src/worker.js"
import * as MortalWorker from "./MortalWorker.js"

/** The ports of a new project, in the process of its control plane. */
export const inProcess = Layer.unwrapEffect(
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane.ControlPlane
    const { id } = yield* SharedPlane.newProject
    return Layer.succeedContext(controlPlane.project(id))
  }),
)

/** Asks again when a busy machine answers late: each of these requests may be sent twice. */
const patiently = <A, E extends { readonly _tag: string }, R>(request: Effect.Effect<A, E, R>) =>
  Effect.retry(request, { while: ({ _tag }) => _tag === "ControlPlaneUnavailable" })

/** Approves the first question of a run, and nothing after it. Returns what the question is about. */
const approveOnce = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const log = yield* RunLog.RunLog
    const runs = yield* Runs.Runs
    yield* patiently(
      Stream.runHead(
        Stream.filter(log.follow({ runId }), ({ event }) => TestRuns.outcomeOf(event) === "interrupt"),
      ),
    )
    const [question] = (yield* patiently(runs.get(runId))).waiting!.interrupts
    yield* patiently(
      runs.resume(runId, [{ interruptId: question!.id, status: "resolved", payload: { approved: true } }]),
    )
    return question!.metadata?.["about"]
  })

const Recorded = Schema.Struct({ name: Schema.String, result: Schema.parseJson(Schema.Unknown) })

/** The results that the log has of the steps with that name. */
const resultsOf = (events: ReadonlyArray<AgentEvent.LogEvent>, step: string) =>
  events
    .filter((event) => event.type === "CUSTOM" && event["name"] === "runlease.step")
    .flatMap((event) => Option.toArray(Schema.decodeUnknownOption(Recorded)(event["value"])))
    .flatMap(({ name, result }) => (name === step ? [result] : []))

/** Buys two lamps, with a worker that dies at that write and a second one after it. */
const buy = (death?: MortalWorker.Death) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const worker = yield* MortalWorker.start(agents, death)
    const publicId = Ids.RunId.make(yield* Ids.uuidV7)
    const { run } = yield* patiently(
      Purchase.submit({ item: "lamp", count: 2 }, { maxAttempts: 20, publicId }),
    )
    const person = yield* Effect.forkScoped(approveOnce(run.runId))
    const value = yield* Effect.forkScoped(patiently(Purchase.await(run.runId)))
    yield* Effect.raceFirst(Deferred.await(worker.killed), Fiber.await(value))
    const isKilled = yield* Deferred.isDone(worker.killed)
    const ending = yield* Effect.forkScoped(worker.end)
    if (isKilled) {
      yield* Effect.provide(Worker.make({ drainTimeout: 0 }), agents)
    }

    const { boughtAt, ...order } = yield* Fiber.join(value)
    deepStrictEqual(order, { order: "north-lamp", cents: 2000 })
    deepStrictEqual(yield* patiently(Purchase.await(run.runId)), { ...order, boughtAt })
    deepStrictEqual(yield* Fiber.join(person), { euros: 20, warehouse: "north" })

    const events = yield* patiently(TestRuns.eventsOf(run.runId))
    deepStrictEqual(resultsOf(events, "order"), [{ ...order, boughtAt: DateTime.formatIso(boughtAt) }])
    deepStrictEqual(
      Array.filterMap(events, (event) => Option.fromNullable(TestRuns.outcomeOf(event))),
      ["interrupt", "success"],
    )
    const { items } = yield* patiently(runs.list())
    deepStrictEqual(items.map(({ agentId, status }) => [agentId, status]).toSorted(), [
      ["price", "completed"],
      ["purchase", "completed"],
      ["stock", "completed"],
    ])
    yield* Fiber.join(ending)
    return { isKilled, sent: yield* worker.sent }
  }).pipe(Effect.scoped)

/**
 * Declares the test. `ports` are those of a project that no other purchase has. `deaths`: a worker dies at every write, or at the first of
 * each name.
 *
 * Purchases go on side by side, since each waits for the lease of its dead worker. A worker may have fewer writes than the first one, where
 * both children have ended before the parent waits for them; all have one of each name.
 */
export const suite = <A, E>(
  name: string,
  plane: Layer.Layer<A, E>,
  ports: Layer.Layer<ControlPlane.ProjectPorts, unknown, A>,
  deaths: "every write" | "each kind of write",
): void =>
  live(
    `over ${name}, a purchase whose worker is killed at ${deaths} orders once, asks once, and spawns each child once`,
    () =>
      Effect.gen(function* () {
        const own = Layer.provide(ports, Layer.succeedContext(yield* Layer.build(plane)))
        const { sent } = yield* Effect.provide(buy(), own)
        deepStrictEqual(Array.fromIterable(sent.keys()).toSorted(), [
          "append",
          "claim",
          "complete",
          "spawn",
          "suspend",
        ])
        const all = Array.fromIterable(sent).flatMap(([write, count]) =>
          Array.cartesian(Array.range(1, deaths === "every write" ? count : 1), [
            "before",
            "after",
          ] as const).map(([nth, moment]): MortalWorker.Death => ({ write, nth, moment })),
        )
        yield* Effect.forEach(
          all,
          (death) =>
            Effect.map(Effect.provide(buy(death), own), ({ isKilled }) =>
              assertTrue(isKilled || death.nth > 1, `No worker died ${death.moment} its ${death.write}`),
            ),
          { concurrency: 10, discard: true },
        )
      }).pipe(Effect.scoped),
  )
