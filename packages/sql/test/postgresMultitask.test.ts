import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Claims,
  Conversations,
  InboxMessage,
  RequestSnapshot,
  type Run,
  RunLog,
  Runs,
  WorkerRegistry,
} from "@runlease/core"
import { Array, Context, Effect, Layer } from "effect"
import { SqlControlPlane } from "../src/index.js"
import * as PostgresDatabase from "./PostgresDatabase.js"

const rounds = 20

/** The control planes of three servers on one database. */
const servers = Effect.flatMap(PostgresDatabase.url, (url) =>
  Effect.all([0, 1, 2].map(() => Layer.build(SqlControlPlane.layerPostgres({ url, maxConnections: 4 })))),
)

type Plane = Effect.Effect.Success<typeof servers>[number]

const snapshot = RequestSnapshot.fromText("Shorter")

const submit = (plane: Plane, submission: Omit<Runs.SubmissionInput, "agentId">) =>
  Context.get(plane, Runs.Runs).submit({ agentId: "agent", snapshot, ...submission })

const conversationOf = (plane: Plane) =>
  Effect.map(Context.get(plane, Conversations.Conversations).create(), ({ id }) => id)

const runsOf = (plane: Plane, conversationId: Runs.SubmissionInput["conversationId"]) =>
  Effect.map(Context.get(plane, Runs.Runs).list(), ({ items }) =>
    items.filter((run) => run.conversationId === conversationId),
  )

/** How often a run has been told something. */
const toldTimes = (plane: Plane, runId: Run.Run["runId"]) =>
  Effect.map(
    Context.get(plane, RunLog.RunLog).read({ runId }),
    Array.filterMap(({ event }) => InboxMessage.fromEvent(event)),
  ).pipe(Effect.map((messages) => messages.length))

describe("submissions to one lane from several PostgreSQL servers at once", () => {
  it.scopedLive("of those that reject, one is accepted", () =>
    Effect.gen(function* () {
      const planes = yield* servers
      for (let round = 0; round < rounds; round++) {
        const conversationId = yield* conversationOf(planes[0]!)
        const verdicts = yield* Effect.forEach(
          planes,
          (plane) => Effect.either(submit(plane, { conversationId, multitask: "reject" })),
          { concurrency: "unbounded" },
        )
        const [accepted] = Array.getRights(verdicts)
        deepStrictEqual(
          Array.getLefts(verdicts).map((error) => [error._tag, "runId" in error && error.runId]),
          Array.makeBy(2, () => ["ConversationBusy", accepted!.run.runId]),
        )
      }
    }),
  )

  it.scopedLive("of those that interrupt, one is left", () =>
    Effect.gen(function* () {
      const planes = yield* servers
      for (let round = 0; round < rounds; round++) {
        const conversationId = yield* conversationOf(planes[0]!)
        yield* submit(planes[0]!, { conversationId })
        yield* Effect.forEach(planes, (plane) => submit(plane, { conversationId, multitask: "interrupt" }), {
          concurrency: "unbounded",
        })
        const runs = yield* runsOf(planes[0]!, conversationId)
        deepStrictEqual(
          runs.map(({ status }) => status),
          ["pending", "cancelled", "cancelled", "cancelled"],
        )
      }
    }),
  )

  it.scopedLive("of those of which the latest stays, one waits behind the run that works", () =>
    Effect.gen(function* () {
      const planes = yield* servers
      const registry = Context.get(planes[0]!, WorkerRegistry.WorkerRegistry)
      const { id: workerId } = yield* registry.register({ implementationKind: "test", workerKey: "worker-1" })
      const claims = Context.get(planes[0]!, Claims.Claims)
      for (let round = 0; round < rounds; round++) {
        const conversationId = yield* conversationOf(planes[0]!)
        yield* submit(planes[0]!, { conversationId, priority: 1 })
        yield* claims.claim({ workerId, limit: 1, leaseDuration: "30 seconds" })
        yield* submit(planes[0]!, { conversationId })
        yield* Effect.forEach(planes, (plane) => submit(plane, { conversationId, multitask: "latest" }), {
          concurrency: "unbounded",
        })
        const runs = yield* runsOf(planes[0]!, conversationId)
        deepStrictEqual(
          runs.map(({ status }) => status),
          ["pending", "cancelled", "cancelled", "cancelled", "running"],
        )
      }
    }),
  )

  it.scopedLive("one public id acts once", () =>
    Effect.gen(function* () {
      const planes = yield* servers
      for (let round = 0; round < rounds; round++) {
        const conversationId = yield* conversationOf(planes[0]!)
        const { run: first } = yield* submit(planes[0]!, { conversationId })
        const cancel = Context.get(planes[1]!, Runs.Runs).cancel(first.runId)
        const steering = { conversationId, publicId: `steers-${round}`, multitask: "steer" } as const
        const [answers] = yield* Effect.all(
          [
            Effect.forEach(planes, (plane) => submit(plane, steering), { concurrency: "unbounded" }),
            round % 2 === 0 ? Effect.void : cancel,
          ],
          { concurrency: "unbounded" },
        )
        strictEqual(answers.filter(({ duplicate }) => !duplicate).length, 1)
        strictEqual(new Set(answers.map(({ run, steered }) => `${run.runId} ${steered}`)).size, 1)
        // A message to the run, or a run.
        const steered = answers.every((answer) => answer.steered)
        strictEqual(yield* toldTimes(planes[2]!, first.runId), steered ? 1 : 0)
        strictEqual((yield* runsOf(planes[2]!, conversationId)).length, steered ? 1 : 2)
        for (const multitask of ["reject", "interrupt", "latest"] as const) {
          const lane = { concurrencyKey: `${multitask}-${round}` }
          const once = yield* Effect.forEach(
            planes,
            (plane) => submit(plane, { ...lane, publicId: lane.concurrencyKey, multitask }),
            { concurrency: "unbounded" },
          )
          deepStrictEqual(once.map(({ duplicate, run }) => [duplicate, run.status]).toSorted(), [
            [false, "pending"],
            [true, "pending"],
            [true, "pending"],
          ])
        }
      }
    }),
  )

  it.scopedLive("none is steered to a run that ends meanwhile", () =>
    Effect.gen(function* () {
      const planes = yield* servers
      const claims = Context.get(planes[0]!, Claims.Claims)
      const registry = Context.get(planes[0]!, WorkerRegistry.WorkerRegistry)
      const { id: workerId } = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
      for (let round = 0; round < rounds; round++) {
        const conversationId = yield* conversationOf(planes[0]!)
        const { run: first } = yield* submit(planes[0]!, { conversationId })
        const [cancelled, { run, steered }] = yield* Effect.all(
          [
            Context.get(planes[1]!, Runs.Runs).cancel(first.runId),
            submit(planes[2]!, { conversationId, multitask: "steer" }),
          ],
          { concurrency: "unbounded" },
        )
        strictEqual(cancelled.cancelled, true)
        deepStrictEqual(
          [run.runId === first.runId, yield* toldTimes(planes[0]!, first.runId)],
          steered ? [true, 1] : [false, 0],
        )
        // A run of its own is not behind the one that has ended.
        const claimed = yield* claims.claim({ workerId, limit: 10, leaseDuration: "60 seconds" })
        deepStrictEqual(
          claimed.map(({ runId }) => runId),
          steered ? [] : [run.runId],
        )
      }
    }),
  )
})
