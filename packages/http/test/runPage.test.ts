import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Leases } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Duration, Effect, Exit, Layer, Scope, TestClock } from "effect"
import * as LogReads from "../../sql/test/LogReads.js"
import { breath, open, overStores, type Page, type PageEvent } from "./pages.js"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"
import { sqlite } from "./sqlite.js"

const liveOf = ({ runId }: { readonly runId: string }) => `/runs/${runId}/live`

const said = (value: unknown) => AgentEvent.custom("said", value)

const idsOf = ({ data }: PageEvent): ReadonlyArray<number> =>
  data.map(({ event_id }: { readonly event_id: number }) => event_id)

/** The next event, which takes time of the TestClock to come. */
const nextInTime = (page: Page) =>
  Effect.raceFirst(page.next, Effect.forever(Effect.zipRight(breath, TestClock.adjust("50 millis"))))

overStores("the page of a run", (test) => {
  test(
    "gets the summary, the log, what is added to it, and an end",
    Effect.gen(function* () {
      const run = yield* TestRuns.submit()
      const page = yield* open(liveOf(run))
      const first = yield* page.next
      deepStrictEqual(
        [first.name, first.id, first.data.run_id, first.data.status],
        ["run", undefined, run.runId, "pending"],
      )

      const claimed = yield* TestRuns.claimOne(yield* TestRuns.register())
      const started = yield* nextInTime(page)
      deepStrictEqual([started.name, idsOf(started), started.id], ["entries", [1], 1])
      deepStrictEqual((yield* call("GET", `/runs/${run.runId}/events`)).json.data, started.data)
      const running = yield* nextInTime(page)
      deepStrictEqual([running.name, running.data.status], ["run", "running"])

      yield* TestRuns.append(claimed, [said(1), said(2)])
      const more = yield* nextInTime(page)
      deepStrictEqual([more.name, idsOf(more), more.id], ["entries", [2, 3], 3])

      yield* TestRuns.complete(claimed)
      const last = yield* nextInTime(page)
      deepStrictEqual([last.name, idsOf(last)], ["entries", [4]])
      const completed = yield* page.next
      deepStrictEqual([completed.name, completed.data.status], ["run", "completed"])
      deepStrictEqual(yield* page.next, { name: "end", id: undefined, data: {} })
      yield* page.ended
    }),
  )

  test(
    "goes on after the last event that it has seen",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      yield* TestRuns.append(claimed, [said(1), said(2)])
      yield* TestRuns.complete(claimed)
      const { key } = yield* Served
      const headers = { authorization: `Bearer ${key}`, "last-event-id": "2" }
      const page = yield* open(liveOf(claimed), headers)
      strictEqual((yield* page.next).name, "run")
      deepStrictEqual(idsOf(yield* page.next), [3, 4])
      strictEqual((yield* page.next).name, "end")
      const again = yield* open(liveOf(claimed), { ...headers, "last-event-id": "4" })
      deepStrictEqual([(yield* again.next).name, (yield* again.next).name], ["run", "end"])
    }),
  )

  test(
    "gets what comes within a quarter of a second as one batch",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const page = yield* open(liveOf(claimed))
      deepStrictEqual([(yield* page.next).name, idsOf(yield* page.next)], ["run", [1]])
      for (const value of [1, 2, 3]) yield* TestRuns.append(claimed, [said(value)])
      yield* breath
      yield* TestClock.adjust("249 millis")
      yield* breath
      deepStrictEqual(yield* page.rest, [])
      yield* TestClock.adjust("1 millis")
      deepStrictEqual(idsOf(yield* page.next), [2, 3, 4])
    }),
  )

  test(
    "gets a long log at once, in pages",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      for (let batch = 0; batch < 20; batch++) {
        yield* TestRuns.append(
          claimed,
          Array.makeBy(100, () => said("x".repeat(1000))),
        )
      }
      const page = yield* open(liveOf(claimed))
      yield* page.nextOf("run")
      const ids: Array<number> = []
      let pages = 0
      while (ids.at(-1) !== 2001) {
        ids.push(...idsOf(yield* page.nextOf("entries")))
        pages += 1
      }
      deepStrictEqual(ids, Array.range(1, 2001))
      assertTrue(pages > 1)
    }),
  )

  test(
    "gets the summary again within ten seconds when it has changed without an entry, and only then",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const page = yield* open(liveOf(claimed))
      const [before] = (yield* page.nextOf("run")).data.claims
      strictEqual(before.renewals, 0)
      yield* page.nextOf("entries")
      yield* TestClock.adjust("10 seconds")
      yield* breath
      deepStrictEqual(yield* page.rest, [])
      const leases = yield* Leases.Leases
      const { workerId, ...lease } = TestRuns.leaseOf(claimed)
      yield* leases.renew({ workerId, leases: [lease], leaseDuration: TestRuns.leaseDuration })
      yield* TestClock.adjust("10 seconds")
      const { data, name: event } = yield* page.next
      deepStrictEqual([event, data.claims[0].renewals], ["run", 1])
    }),
  )

  test(
    "ends with its session, and is kept open by comments until then",
    Effect.gen(function* () {
      const { key } = yield* Served
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const signedIn = yield* call("POST", "/session", { token: null, body: { api_key: key } })
      const cookie = signedIn.headers.get("set-cookie")!.split(";")[0]!
      const [ending, other] = [yield* open(liveOf(claimed), { cookie }), yield* open(liveOf(claimed))]
      yield* ending.nextOf("entries")
      yield* other.nextOf("entries")
      for (let second = 0; second < 16; second++) {
        yield* TestClock.adjust("1 second")
        yield* breath
      }
      assertTrue(ending.comments() > 0)
      yield* call("DELETE", "/session", {
        token: null,
        headers: { cookie, "sec-fetch-site": "same-origin" },
      })
      yield* Effect.raceFirst(
        ending.ended,
        Effect.forever(Effect.zipRight(breath, TestClock.adjust("1 second"))),
      )
      strictEqual(other.hasEnded(), false)
    }),
  )
})

describe("the pages of runs", () => {
  it.scoped("end when the server shuts down", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const store = yield* Layer.build(MemoryControlPlane.layer)
      const served = yield* Layer.buildWithScope(serve(Layer.succeedContext(store)), scope)
      const claimed = yield* Effect.provide(Effect.flatMap(TestRuns.register(), TestRuns.hold), store)
      const [run, project] = yield* Effect.provide(
        Effect.all([open(liveOf(claimed)), open("/projects/default/live?topics=runs,attention")]),
        served,
      )
      yield* run.next
      yield* project.next
      yield* Scope.close(scope, Exit.void)
      yield* run.ended
      yield* project.ended
    }),
  )

  it.live("read a log from the database once for 200 of them", () =>
    LogReads.counted((reads) =>
      Effect.gen(function* () {
        const claimed = yield* TestRuns.hold(yield* TestRuns.register())
        const [took] = yield* Effect.timed(
          Effect.gen(function* () {
            const pages = yield* Effect.all(Array.makeBy(200, () => open(liveOf(claimed))))
            for (const page of pages) yield* page.nextOf("entries")
            yield* TestRuns.append(claimed, [said(1)])
            yield* TestRuns.complete(claimed)
            for (const page of pages) yield* page.ended
          }),
        )
        assertTrue(reads() >= 1)
        // Beside the slow poll of the tail.
        assertTrue(reads() <= 1 + Duration.toSeconds(took))
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(serve(sqlite), sqlite))),
    ),
  )
})
