import { describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { AgentEvent, ControlPlane, MemoryControlPlane, RunLog } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Chunk, Effect, Layer, Stream } from "effect"
import * as WrittenLog from "../src/server/WrittenLog.js"

const test = TestRuns.tester(Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer))

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
    }),
  )
})
