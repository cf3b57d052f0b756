import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, Leases, Runs, Schedules, Summaries, TokenUsage, WorkerRegistry } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as Faults from "@runlease/testkit/Faults"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer, Redacted } from "effect"
import { call } from "./raw.js"
import { serve } from "./serving.js"
import { sqlite } from "./sqlite.js"

const stores = { memory: MemoryControlPlane.layer, sqlite }

const inProject = "/projects/default"

/** A worker that says what it does, as one of this package does. */
const registerWorker = (workerKey: string, runlease: object) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const { id } = yield* registry.register({
      implementationKind: "kind",
      workerKey,
      metadata: { runlease: { version: null, agents: null, slots: 1, in_use: 0, ...runlease } },
    })
    yield* registry.heartbeat(id)
    return id
  })

/** A key of a project of its own. */
const foreignKey = Effect.gen(function* () {
  const access = yield* Access.Access
  const other = yield* access.createProject("other")
  const { token } = yield* access.createKey({ projectId: other.id, name: "foreign", admin: true })
  return Redacted.value(token)
})

/** The rows of lists as another version has written them: the first one is wrong in what `change` sets. */
const firstRow =
  (change: object) =>
  <A extends { readonly items: ReadonlyArray<object> }, E, R>(listed: Effect.Effect<A, E, R>) =>
    Effect.map(listed, (page) => ({
      ...page,
      items: page.items.map((item, index) => (index === 0 ? { ...item, ...change } : item)),
    })) as Effect.Effect<A, E, R>

const withWrongRows = MemoryControlPlane.layer.pipe(
  Faults.overProjects(Runs.Runs, (runs) => ({
    ...runs,
    list: (options) => firstRow({ maxAttempts: 0 })(runs.list(options)),
  })),
  Faults.overProjects(Summaries.Summaries, (summaries) => ({
    ...summaries,
    runs: (options) => firstRow({ tokens: 2 ** 60 })(summaries.runs(options)),
  })),
)

describe("a list with a row that does not fit it", () => {
  it.effect("has the other rows", () =>
    Effect.gen(function* () {
      for (const id of ["good", "wrong"]) {
        yield* call("POST", "/runs", { body: { kind: "agent", public_id: id, request: { agent_id: "a" } } })
      }
      for (const path of [`${inProject}/runs`, `${inProject}/run-summaries`]) {
        const { json, status } = yield* call("GET", path)
        deepStrictEqual(
          [path, status, json.data?.map(({ run_id }: { run_id: string }) => run_id), json.page_info?.next],
          [path, 200, ["good"], null],
        )
      }
    }).pipe(Effect.provide(serve(withWrongRows))),
  )
})

for (const [name, store] of Object.entries(stores)) {
  const served = Layer.provideMerge(serve(store), store)
  const test = <A, E>(title: string, body: Effect.Effect<A, E, Layer.Layer.Success<typeof served>>) =>
    it.effect(title, () => Effect.provide(body, served))

  describe(`what people look at, over ${name}`, () => {
    test(
      "are answered whatever a program has reported of its usage",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const most = Number.MAX_SAFE_INTEGER
        const report = TokenUsage.toEvent({ inputTokens: most, outputTokens: most }, { cost: most })
        const runs = yield* Effect.replicateEffect(TestRuns.hold(worker), 2)
        for (const run of runs) {
          yield* TestRuns.append(run, [report, report])
          yield* TestRuns.complete(run)
        }
        const of = `/runs/${runs[0]!.runId}`
        const paths = [
          `${of}/usage`,
          `${of}/summary`,
          `${inProject}/run-summaries`,
          `${inProject}/statistics`,
        ]
        const answers = yield* Effect.forEach(paths, (path) => call("GET", path))
        deepStrictEqual(
          answers.map(({ status }) => status),
          [200, 200, 200, 200],
        )
        deepStrictEqual(answers[0]!.json, {
          usage: [{ inputTokens: most, outputTokens: most, totalTokens: most }],
          cost: most,
          unfinished: 0,
          runs: 1,
        })
        deepStrictEqual([answers[1]!.json.tokens, answers[1]!.json.cost], [most, most])
      }),
    )

    test(
      "are the statistics of a project, and of one agent of it",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        yield* TestRuns.complete(yield* TestRuns.hold(worker, { agentId: "writer" }))
        yield* TestRuns.submit({ agentId: "reader" })
        const { json, status } = yield* call("GET", `${inProject}/statistics?last=2`)
        strictEqual(status, 200)
        deepStrictEqual(
          json.counts.map(({ agent_id, runs }: { agent_id: string; runs: object }) => [agent_id, runs]),
          [
            ["reader", { pending: 1, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 }],
            ["writer", { pending: 0, running: 0, waiting: 0, completed: 1, failed: 0, cancelled: 0 }],
          ],
        )
        strictEqual(json.periods.length, 2)
        const { claimed, ended, pending, pick_up, submitted } = json.periods[1]
        deepStrictEqual([submitted, claimed, ended.completed, pending], [2, 1, 1, 1])
        deepStrictEqual([pick_up.count, typeof pick_up.p50_ms], [1, "number"])
        deepStrictEqual(json.periods[0].pick_up, { count: 0, p50_ms: null, p99_ms: null })
        const one = yield* call("GET", `${inProject}/statistics?agent_id=reader&step=hour`)
        deepStrictEqual([one.json.counts.length, one.json.periods.length], [1, 60])
        strictEqual(one.json.agents[0].submitted, 1)
        for (const wrong of ["last=0", "last=1501", "step=day"]) {
          strictEqual((yield* call("GET", `${inProject}/statistics?${wrong}`)).status, 400)
        }
      }),
    )

    test(
      "are runs as a list shows them, by page and by filter",
      Effect.gen(function* () {
        for (const agentId of ["one", "two", "one"]) yield* TestRuns.submit({ agentId })
        const first = yield* call("GET", `${inProject}/run-summaries?limit=2`)
        strictEqual(first.status, 200)
        deepStrictEqual([first.json.data.length, first.json.searched], [2, null])
        const rest = yield* call(
          "GET",
          `${inProject}/run-summaries?limit=2&cursor=${encodeURIComponent(first.json.page_info.next)}`,
        )
        deepStrictEqual([rest.json.data.length, rest.json.page_info.next], [1, null])
        const ofOne = yield* call("GET", `${inProject}/run-summaries?agent_id=one&status=pending`)
        strictEqual(ofOne.json.data.length, 2)
        const [run] = ofOne.json.data
        const summary = yield* call("GET", `/runs/${run.run_id}/summary`)
        deepStrictEqual([summary.status, summary.json], [200, run])
        deepStrictEqual([run.status, run.claims, run.tokens], ["pending", [], 0])
        strictEqual((yield* call("GET", "/runs/nothing/summary")).json.error, "run_not_found")
        strictEqual((yield* call("GET", `${inProject}/run-summaries?cursor=x`)).json.error, "invalid_cursor")
        strictEqual((yield* call("GET", `${inProject}/run-summaries?status=done`)).status, 400)
        strictEqual((yield* call("GET", `${inProject}/run-summaries?error_code=x`)).json.searched, 3)
        strictEqual((yield* call("GET", `${inProject}/run-summaries?error_code=`)).status, 400)
        const counts = yield* call("GET", `${inProject}/run-counts?agent_id=one`)
        deepStrictEqual(counts.json, {
          counts: { pending: 2, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 },
          searched: 2,
          whole: true,
        })
        strictEqual((yield* call("GET", `${inProject}/run-counts?attempt=0`)).status, 400)
      }),
    )

    test(
      "is what needs somebody: runs that wait, the oldest that is pending, and stale schedules",
      Effect.gen(function* () {
        const schedules = yield* Schedules.Schedules
        const schedule = { target: { kind: "agent", id: "one" }, schedule: "0 0 1 1 *" } as const
        yield* schedules.create({ ...schedule, name: "fresh", health: { maxStalenessSeconds: 86_400 } })
        const stale = yield* schedules.create({ ...schedule, name: "b", health: { maxStalenessSeconds: 1 } })
        yield* TestRuns.eventually(schedules.list({ stale: true }), ({ items }) => items.length > 0)
        const worker = yield* TestRuns.register()
        const waiting = yield* TestRuns.hold(worker)
        const leases = yield* Leases.Leases
        yield* leases.suspend(TestRuns.leaseOf(waiting), TestRuns.forToolCall())
        const pending = yield* TestRuns.submit()
        const { json } = yield* call("GET", `${inProject}/attention`)
        deepStrictEqual(
          json.waits.map(({ run_id }: { run_id: string }) => run_id),
          [waiting.runId],
        )
        strictEqual(json.waits[0].waiting.interrupts.length, 1)
        strictEqual(json.oldest_pending.run_id, pending.runId)
        deepStrictEqual(
          json.stale_schedules.map(({ id }: { id: string }) => id),
          [stale.id],
        )
      }),
    )

    test(
      "is what a pending run waits for",
      Effect.gen(function* () {
        const { conversationId, runId } = yield* TestRuns.submit()
        const behind = yield* TestRuns.submit({ conversationId })
        const { json, status } = yield* call("GET", `/runs/${behind.runId}/standing`)
        deepStrictEqual(
          [status, json.gate, json.ahead.run_id, json.runs_ahead, json.queued_before],
          [200, "behind", runId, 1, null],
        )
        strictEqual((yield* call("GET", `/runs/${runId}/standing`)).json.queued_before, 0)
        strictEqual((yield* call("GET", "/runs/nothing/standing")).json.error, "run_not_found")
      }),
    )

    test(
      "are workers, what they hold and what they lost",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const run = yield* TestRuns.hold(worker)
        const list = yield* call("GET", `${inProject}/worker-summaries`)
        deepStrictEqual(
          list.json.data.map((summary: { worker: { id: string; drain: boolean; in_flight: number } }) => [
            summary.worker.id,
            summary.worker.drain,
            summary.worker.in_flight,
          ]),
          [[worker, false, 1]],
        )
        const held = yield* call("GET", `/agent-workers/workers/${worker}/leases`)
        deepStrictEqual(
          held.json.data.map(({ run_id }: { run_id: string }) => run_id),
          [run.runId],
        )
        deepStrictEqual((yield* call("GET", `${inProject}/lost-leases`)).json.data, [])
      }),
    )

    test(
      "are agents: those of workers in contact with their forms, and those that have runs",
      Effect.gen(function* () {
        const form = { type: "object", properties: { topic: { type: "string" } } }
        yield* registerWorker("one", { agents: ["writer", "reader"], forms: { writer: form } })
        yield* registerWorker("two", { agents: ["writer"] })
        yield* TestRuns.register("foreign")
        yield* TestRuns.submit({ agentId: "orphan" })
        const agents = Effect.map(call("GET", `${inProject}/agents`), ({ json }) => json.data)
        const orphan = { agent_id: "orphan", workers: 0, form: null }
        deepStrictEqual(yield* agents, [
          orphan,
          { agent_id: "reader", workers: 1, form: null },
          { agent_id: "writer", workers: 2, form },
        ])
        yield* registerWorker("any", {})
        strictEqual((yield* agents)[0].workers, 1)
      }),
    )

    test(
      "a worker is asked to drain by an API key alone",
      Effect.gen(function* () {
        const registered = yield* call("POST", "/agent-workers/projects/default/workers", {
          body: { implementation_kind: "kind", worker_key: "worker" },
        })
        const at = `/agent-workers/workers/${registered.json.worker.id}`
        const own = { token: registered.json.token }
        strictEqual((yield* call("POST", `${at}/drain`, { ...own, body: { drain: true } })).status, 403)
        strictEqual((yield* call("POST", `${at}/heartbeat`, own)).json.worker.drain, false)
        const asked = yield* call("POST", `${at}/drain`, { body: { drain: true } })
        deepStrictEqual([asked.status, asked.json.drain, asked.json.status], [200, true, "active"])
        const beat = yield* call("POST", `${at}/heartbeat`, {
          ...own,
          body: { status: "draining", metadata: { runlease: { slots: 2 } } },
        })
        deepStrictEqual(
          [beat.json.worker.drain, beat.json.worker.status, beat.json.worker.metadata],
          [true, "draining", { runlease: { slots: 2 } }],
        )
        const back = yield* call("POST", `${at}/drain`, { body: { drain: false } })
        strictEqual(back.json.drain, false)
        strictEqual((yield* call("POST", `${at}/drain`, { body: {} })).status, 400)
      }),
    )

    test(
      "nothing of it is there for a key of another project",
      Effect.gen(function* () {
        const token = yield* foreignKey
        const worker = yield* TestRuns.register()
        const run = yield* TestRuns.hold(worker)
        const paths = [
          "statistics",
          "attention",
          "run-summaries",
          "run-counts",
          "worker-summaries",
          "lost-leases",
          "agents",
        ]
        for (const path of [...paths, "live?topics=runs"]) {
          const refused = yield* call("GET", `${inProject}/${path}`, { token })
          deepStrictEqual([path, refused.status, refused.json.error], [path, 404, "project_not_found"])
          strictEqual(
            (yield* call("GET", `/projects/other/${path.replace("live?topics=runs", "agents")}`, { token }))
              .status,
            200,
          )
        }
        for (const path of ["summary", "live"]) {
          const refused = yield* call("GET", `/runs/${run.runId}/${path}`, { token })
          deepStrictEqual([path, refused.status, refused.json.error], [path, 404, "run_not_found"])
        }
        const at = `/agent-workers/workers/${worker}`
        deepStrictEqual((yield* call("GET", `${at}/leases`, { token })).json.data, [])
        const drained = yield* call("POST", `${at}/drain`, { token, body: { drain: true } })
        deepStrictEqual([drained.status, drained.json.error], [404, "worker_not_found"])
        for (const path of paths) {
          strictEqual((yield* call("GET", `${inProject}/${path}`, { token: null })).status, 401)
        }
      }),
    )
  })
}
