import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, ControlPlane, Ids, RunLog } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Chunk, Effect, Layer, Stream } from "effect"
import { CurrentPrincipal } from "../src/contract/Principal.js"
import * as Rebuilds from "../src/server/Rebuilds.js"
import * as StreamTurns from "../src/server/StreamTurns.js"
import * as WrittenLog from "../src/server/WrittenLog.js"

const test = TestRuns.tester(
  Layer.mergeAll(
    Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
    StreamTurns.layer,
    Rebuilds.layer,
    Layer.succeed(CurrentPrincipal, {
      _tag: "ApiKey",
      keyId: Ids.KeyId.make("00000000-0000-7000-8000-000000000001"),
      projectId: Ids.ProjectId.make("00000000-0000-7000-8000-000000000002"),
      admin: false,
    }),
  ),
)

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => AgentEvent.custom("n", from + index))

describe("WrittenLog", () => {
  test(
    "has the entries between two events, over several pages, and none that came since",
    Effect.gen(function* () {
      const ports = yield* Effect.context<ControlPlane.ProjectPorts>()
      const log = yield* RunLog.RunLog
      const { runId } = yield* TestRuns.submit()
      for (let at = 0; at < 12; at += 1) yield* log.append({ runId, events: events(at * 100, 100) })
      const { latestEventId } = yield* TestRuns.getRun(runId)
      yield* log.append({ runId, events: events(1200, 3) })
      const idsOf = (wanted: Omit<WrittenLog.Wanted, "runId">) =>
        Effect.map(Stream.runCollect(WrittenLog.entries(ports, { runId, ...wanted })), (entries) =>
          Chunk.toReadonlyArray(entries).map(({ eventId }) => Number(eventId)),
        )
      const upTo = Number(latestEventId)
      const all = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at + 1)
      deepStrictEqual(yield* idsOf({ upTo: latestEventId }), all(0, upTo))
      deepStrictEqual(yield* idsOf({}), all(0, upTo + 3))
      const [first] = yield* log.read({ runId, limit: 1 })
      deepStrictEqual(yield* idsOf({ after: first!.eventId, upTo: latestEventId }), all(1, upTo))
      deepStrictEqual(yield* idsOf({ types: ["RUN_FINISHED"] }), [])
      const folded: Array<number> = []
      yield* WrittenLog.fold(ports, { runId, upTo: latestEventId }, ({ eventId }) => folded.push(eventId))
      deepStrictEqual(folded, all(0, upTo))
    }),
  )

  test(
    "lets others have the event loop between two pages, though the store has both at once",
    Effect.gen(function* () {
      const ports = yield* Effect.context<ControlPlane.ProjectPorts>()
      const log = yield* RunLog.RunLog
      const { runId } = yield* TestRuns.submit()
      for (let at = 0; at < 21; at += 1) yield* log.append({ runId, events: events(at * 100, 100) })
      const waiting = Effect.async<"others">((resume) => {
        setImmediate(() => resume(Effect.succeed("others")))
      })
      const first = (
        reading: Effect.Effect<
          unknown,
          unknown,
          StreamTurns.StreamTurns | CurrentPrincipal | Rebuilds.Rebuilds
        >,
      ) => Effect.race(waiting, Effect.as(reading, "reading"))
      strictEqual(yield* first(Stream.runDrain(WrittenLog.entries(ports, { runId }))), "others")
      strictEqual(yield* first(WrittenLog.fold(ports, { runId }, () => {})), "others")
      strictEqual(yield* first(log.read({ runId, types: ["RUN_FINISHED"] })), "others")
    }),
  )

  test(
    "has one turn at a time, which what is in it already does not wait for",
    Effect.gen(function* () {
      const { inTurn } = yield* Rebuilds.Rebuilds
      strictEqual(yield* inTurn(inTurn(Effect.succeed("read"))), "read")
    }),
  )
})
