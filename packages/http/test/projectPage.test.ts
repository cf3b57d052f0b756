import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, ControlPlaneUnavailable, Summaries } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Context, Effect, Layer, TestClock } from "effect"
import { breath, open, overStores, type Page, type PageEvent } from "./pages.js"
import { call } from "./raw.js"
import { serve } from "./serving.js"

const live = (topics: string) => `/projects/default/live?topics=${topics}`

/** Moves time on until something has come. */
const inTime = <A>(come: Effect.Effect<A>) =>
  Effect.raceFirst(come, Effect.forever(Effect.zipRight(breath, TestClock.adjust("200 millis"))))

const seconds = (count: number) =>
  Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), breath), count - 1)

const idsOf = ({ data }: PageEvent): ReadonlyArray<string> =>
  data.map(({ run_id }: { readonly run_id: string }) => run_id)

const names = (events: ReadonlyArray<PageEvent>) => events.map(({ name }) => name).toSorted()

overStores("the page of a project", (test) => {
  test(
    "gets each topic at the beginning as its endpoint gives it, and nothing while nothing changes",
    Effect.gen(function* () {
      yield* TestRuns.submit()
      yield* TestRuns.register()
      const page = yield* open(live("attention,workers,runs"))
      const first = [yield* inTime(page.next), yield* inTime(page.next), yield* inTime(page.next)]
      deepStrictEqual(names(first), ["attention", "runs", "workers"])
      const dataOf = (topic: string) => first.find((event) => event.name === topic)?.data
      for (const [topic, path] of [
        ["attention", "attention"],
        ["workers", "worker-summaries?limit=100"],
      ] as const) {
        deepStrictEqual(dataOf(topic), (yield* call("GET", `/projects/default/${path}`)).json)
      }
      deepStrictEqual(dataOf("runs"), (yield* call("GET", "/projects/default/run-summaries")).json.data)
      yield* seconds(5)
      deepStrictEqual(yield* page.rest, [])
    }),
  )

  test(
    "gets statistics of the periods that it names",
    Effect.gen(function* () {
      const page = yield* open(`${live("statistics")}&step=hour&last=3`)
      const { data } = yield* inTime(page.next)
      strictEqual(data.periods.length, 3)
      deepStrictEqual(data, (yield* call("GET", "/projects/default/statistics?step=hour&last=3")).json)
      yield* TestRuns.submit()
      const { data: after } = yield* inTime(page.next)
      strictEqual(after.periods[2].submitted, 1)
    }),
  )

  test(
    "gets of the runs those that have changed",
    Effect.gen(function* () {
      const runs = [yield* TestRuns.submit(), yield* TestRuns.submit()].map(({ runId }) => runId)
      const page = yield* open(live("runs"))
      deepStrictEqual(idsOf(yield* inTime(page.next)), runs.toReversed())
      const claimed = yield* TestRuns.claimOne(yield* TestRuns.register())
      const changed = yield* inTime(page.next)
      deepStrictEqual([idsOf(changed), changed.data[0].status], [[claimed.runId], "running"])
      const { runId } = yield* TestRuns.submit()
      deepStrictEqual(idsOf(yield* inTime(page.next)), [runId])
    }),
  )

  test(
    "is refused topics that there are not",
    Effect.gen(function* () {
      for (const topics of ["", "all", "runs,", "runs,people"]) {
        const refused = yield* call("GET", live(topics))
        deepStrictEqual([refused.status, refused.json.field], [400, "topics"])
      }
    }),
  )
})

/** A store in memory whose lists of runs are counted, and fail while it is down. */
const counting = () => {
  const state = { reads: 0, isDown: false }
  const counted = Layer.effect(
    ControlPlane.ControlPlane,
    Effect.map(ControlPlane.ControlPlane, (controlPlane) => ({
      ...controlPlane,
      project: (projectId) => {
        const ports = controlPlane.project(projectId)
        const summaries = Context.get(ports, Summaries.Summaries)
        return Context.add(ports, Summaries.Summaries, {
          ...summaries,
          runs: (request) =>
            Effect.suspend(() => {
              state.reads += 1
              return state.isDown
                ? new ControlPlaneUnavailable.ControlPlaneUnavailable({
                    operation: "Summaries.runs",
                    message: "unplugged",
                  })
                : summaries.runs(request)
            }),
        })
      },
    })),
  )
  const store = MemoryControlPlane.layer
  return { state, served: Layer.provideMerge(serve(Layer.provideMerge(counted, store)), store) }
}

describe("the pages of a project", () => {
  it.effect("share one read a second, which ends with the last of them", () => {
    const { served, state } = counting()
    return Effect.gen(function* () {
      yield* TestRuns.submit()
      const pages: ReadonlyArray<Page> = yield* Effect.all(Array.makeBy(20, () => open(live("runs"))))
      for (const page of pages) yield* inTime(page.next)
      const before = state.reads
      yield* seconds(5)
      assertTrue(state.reads - before >= 4 && state.reads - before <= 6)
      // One that comes later needs no read of its own.
      const late = yield* open(live("runs"))
      const reads = state.reads
      strictEqual((yield* late.next).data.length, 1)
      strictEqual(state.reads, reads)
      for (const page of [...pages, late]) yield* page.close
      yield* seconds(3)
      const after = state.reads
      yield* seconds(5)
      strictEqual(state.reads, after)
    }).pipe(Effect.scoped, Effect.provide(served))
  })

  it.effect("end while the store does not answer, and begin anew", () => {
    const { served, state } = counting()
    return Effect.gen(function* () {
      yield* TestRuns.submit()
      const page = yield* open(live("runs,attention"))
      yield* inTime(page.nextOf("runs"))
      state.isDown = true
      yield* inTime(page.ended)
      state.isDown = false
      const again = yield* open(live("runs"))
      strictEqual((yield* inTime(again.next)).data.length, 1)
    }).pipe(Effect.scoped, Effect.provide(served))
  })
})
