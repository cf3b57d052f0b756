/** Payloads of agents over HTTP: how a submission has one, and which are refused. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Access,
  Agent,
  ControlPlane,
  Ids,
  Leases,
  RequestSnapshot,
  Run,
  Runs,
  Schedules,
  Worker,
  WorkerRegistry,
} from "@runlease/core"
import * as JsonSchemaCost from "@runlease/core/JsonSchemaCost"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestThreads from "@runlease/testkit/TestThreads"
import { Context, Effect, Either, FastCheck, Fiber, Layer, Queue, Schema, TestClock } from "effect"
import {
  CanonicalRun,
  ConversationRun,
  Outcome,
  fromOutcome,
  fromRun,
  toOutcome,
  toRun,
} from "../src/Wire/Run.js"
import { call } from "./raw.js"
import { client, serve } from "./serving.js"

class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { files: Schema.Int }) {}

const Review = Agent.make({
  name: "review",
  payload: { repository: Schema.String, pull: Schema.Int },
  success: Schema.Struct({ approved: Schema.Boolean }),
  error: TooLarge,
})

const sentence = "The payload of agent review does not fit: `pull` is no integer"
const wrong = { repository: "runlease", pull: "twelve" }
const right = { repository: "runlease", pull: 12 }

type Behind =
  | Access.Access
  | ControlPlane.ControlPlane
  | Leases.Leases
  | Runs.Runs
  | Schedules.Schedules
  | WorkerRegistry.WorkerRegistry

/** The ports of the store behind the server, for what a test does beside its clients. */
class Store extends Context.Tag("test/Store")<Store, Context.Context<Behind>>() {}

const served = client.pipe(
  Layer.provideMerge(serve(MemoryControlPlane.layer)),
  Layer.provideMerge(Layer.effect(Store, Effect.context<Behind>())),
  Layer.provide(MemoryControlPlane.layer),
)

const test = <A, E>(title: string, body: Effect.Effect<A, E, Layer.Layer.Success<typeof served>>) =>
  it.effect(title, () => Effect.provide(body, served))

const registerForms = (workerKey: string, forms: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const registry = yield* WorkerRegistry.WorkerRegistry
    const runlease = { version: null, agents: Object.keys(forms), slots: 1, in_use: 0, forms }
    const worker = yield* registry.register({ implementationKind: "kind", workerKey, metadata: { runlease } })
    return worker.id
  })

const submit = (input: unknown, request: object = {}, run: object = {}) =>
  call("POST", "/runs", {
    body: { kind: "agent", ...run, request: { agent_id: "review", input, ...request } },
  })

const refusal = { error: "invalid_payload", detail: sentence, field: "input" }

const integers = (...names: ReadonlyArray<string>) => ({
  type: "object",
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, { type: "integer" }])),
})

describe("the input of a submission", () => {
  test(
    "is any JSON, beside no messages",
    Effect.gen(function* () {
      for (const input of [{ pull: 12 }, [1, null], "text", "", 0, false, null]) {
        const { json, status } = yield* submit(input)
        strictEqual(status, 202)
        deepStrictEqual((yield* call("GET", `/runs/${json.run.run_id}/snapshot`)).json, {
          ...RequestSnapshot.empty,
          input,
        })
      }
    }),
  )

  test(
    "goes beside the request snapshot, and is there once",
    Effect.gen(function* () {
      const snapshot = RequestSnapshot.fromText("Be brief")
      const { json } = yield* submit(right, { request_snapshot: snapshot })
      const runs = yield* Runs.Runs
      deepStrictEqual(yield* runs.snapshot(json.run.run_id), { ...snapshot, input: right })
      const twice = yield* submit(right, { request_snapshot: { ...snapshot, input: right } })
      strictEqual(twice.status, 400)
      deepStrictEqual(
        [twice.json.field, twice.json.detail],
        ["request.input", "request.input: is in `request_snapshot` too; give it once"],
      )
    }),
  )

  test(
    "reaches a worker through both directions of the wire",
    Effect.gen(function* () {
      const snapshot = { ...RequestSnapshot.empty, input: { deep: [{ pull: 12 }] } }
      const run = yield* TestRuns.submit({ agentId: "review", snapshot })
      const claimed = yield* TestRuns.claimOne(yield* TestRuns.register())
      deepStrictEqual([claimed.runId, claimed.snapshot], [run.runId, snapshot])
    }),
  )
})

describe("a payload that fits no schema of its agent", () => {
  test(
    "is refused in process however many workers have the same schema",
    Effect.gen(function* () {
      const form = integers(...Array.from({ length: 100 }, (_, index) => `field${index}`))
      for (let index = 0; index < 10; index += 1) yield* registerForms(`worker-${index}`, { review: form })
      const input = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`field${index}`, index]))
      const own = Context.get(yield* Store, Runs.Runs)
      const snapshot = { ...RequestSnapshot.empty, input }
      const error = yield* Effect.flip(own.submit({ agentId: "review", snapshot }))
      deepStrictEqual([error._tag, "field" in error && error.field], ["InvalidSubmission", "input"])
    }),
  )

  test(
    "is refused in a fork that edits it, or that has another agent, in the process of the store too",
    Effect.gen(function* () {
      yield* registerForms("one", { review: Review.schemas.form })
      const { json } = yield* submit(right)
      const runId = Ids.RunId.make(json.run.run_id)
      yield* call("POST", `/runs/${runId}/cancel`)
      const free = yield* TestRuns.submit({
        agentId: "other",
        snapshot: { ...RequestSnapshot.empty, input: wrong },
      })
      const forked = (id: Ids.RunId, ...edits: ReadonlyArray<object>) =>
        call("POST", `/runs/${id}/fork`, { body: { after_event_id: 1, edits } })
      const edit = { type: "input", input: wrong } as const
      const field = "edits.1.input"
      deepStrictEqual((yield* forked(runId, { type: "agent", agent_id: "review" }, edit)).json, {
        error: "edit_refused",
        detail: `${field}: ${sentence}`,
        field,
      })
      deepStrictEqual(
        (yield* forked(free.runId, { type: "agent", agent_id: "review" })).json["field"],
        "edits.0.agent_id",
      )
      deepStrictEqual((yield* forked(runId, { ...edit, input: { ...right, pull: 13 } })).status, 202)
      deepStrictEqual((yield* forked(runId, { type: "agent", agent_id: "other" }, edit)).status, 202)

      const refused = new Runs.EditRefused({ field: "edits.0.input", message: sentence })
      const options = { after: Run.EventId.make(1), edits: [edit] }
      deepStrictEqual(yield* Effect.flip((yield* Runs.Runs).fork(runId, options)), refused)
      const own = Context.get(yield* Store, Runs.Runs)
      deepStrictEqual(yield* Effect.flip(own.fork(runId, options)), refused)
    }),
  )

  test(
    "is refused with one sentence by a program, over HTTP, by the client and by a worker",
    Effect.gen(function* () {
      const registered = yield* registerForms("one", { review: Review.schemas.form })
      const { json, status } = yield* submit(wrong)
      deepStrictEqual([status, json], [422, refusal])
      const runs = yield* Runs.Runs
      const snapshot = { ...RequestSnapshot.empty, input: wrong }
      const refused = new Runs.InvalidSubmission({ field: "input", message: sentence })
      deepStrictEqual(yield* Effect.flip(runs.submit({ agentId: "review", snapshot })), refused)
      deepStrictEqual(yield* Effect.flip(Review.submit(wrong as never)), refused)
      deepStrictEqual((yield* runs.list()).items, [])

      const parent = yield* TestRuns.hold(registered, { agentId: "review" })
      const spawn = Effect.flatMap(Leases.Leases, (leases) =>
        leases.spawn(TestRuns.leaseOf(parent), {
          stepId: "step-1",
          name: "review",
          submission: { publicId: "child", agentId: "review", snapshot },
        }),
      )
      deepStrictEqual(yield* Effect.flip(spawn), refused)

      // A program in the process of the store is refused as well.
      const store = yield* Store
      const submission = { agentId: "review", snapshot }
      const own = Context.get(store, Runs.Runs)
      deepStrictEqual(yield* Effect.flip(own.submit(submission)), refused)
      const [first, second] = yield* own.submitMany([submission, { ...submission, agentId: "other" }])
      deepStrictEqual([first, Either.isRight(second!)], [Either.left(refused), true])
      deepStrictEqual(yield* Effect.flip(Effect.provide(spawn, store)), refused)

      // The rows take it, as they do where no worker is in contact.
      const project = yield* Context.get(store, Access.Access).getProject(ControlPlane.defaultProject)
      const rows = Context.get(store, ControlPlane.ControlPlane).project(project.id)
      const { run } = yield* Context.get(rows, Runs.Runs).submit(submission)
      const working = yield* Effect.fork(
        Layer.launch(
          Layer.provide(
            Worker.layer,
            Review.toLayer(() => Effect.succeed({ approved: true })),
          ),
        ),
      )
      const error = yield* Effect.flip(Review.await(run.runId))
      yield* Fiber.interrupt(working)
      deepStrictEqual(error._tag === "RunFailed" ? [error.error?.code, error.error?.message] : error, [
        "invalid_payload",
        sentence,
      ])
    }),
  )

  test(
    "is refused where a schedule is made or changed, over HTTP and in process",
    Effect.gen(function* () {
      yield* registerForms("one", { review: Review.schemas.form })
      const at = "/projects/default/schedules"
      const daily = { name: "daily", target: { kind: "agent", id: "review" }, schedule: "0 9 * * *" } as const
      const bad = { ...refusal, field: "config.input" }
      const post = yield* call("POST", at, { body: { ...daily, config: { input: wrong } } })
      deepStrictEqual([post.status, post.json], [422, bad])
      const without = yield* call("POST", at, { body: daily })
      deepStrictEqual(
        [without.status, without.json.detail],
        [422, "The payload of agent review does not fit: `repository` is missing; `pull` is missing"],
      )
      const made = yield* call("POST", at, { body: { ...daily, config: { input: right } } })
      strictEqual(made.status, 201)
      const patch = yield* call("PATCH", `${at}/${made.json.schedule.id}`, {
        body: { config: { input: wrong } },
      })
      deepStrictEqual([patch.status, patch.json], [422, bad])
      const declared = { ...daily, key: "k", config: { input: wrong } }
      const put = yield* call("PUT", at, { body: { source: "s", schedules: [declared] } })
      deepStrictEqual([put.status, put.json.field], [422, "schedules.0.config.input"])

      const own = Context.get(yield* Store, Schedules.Schedules)
      const [created, updated, applied] = yield* Effect.all([
        Effect.flip(own.create({ ...daily, config: { input: wrong } })),
        Effect.flip(own.update(made.json.schedule.id, { config: { input: wrong } })),
        Effect.flip(own.apply({ source: "s", schedules: [declared] })),
      ])
      const field = "config.input"
      deepStrictEqual(created, new Schedules.InvalidSchedule({ field, message: sentence }))
      deepStrictEqual(updated, created)
      deepStrictEqual(
        applied,
        new Schedules.InvalidSchedule({ field: `schedules.0.${field}`, message: sentence }),
      )
    }),
  )

  test(
    "fits where it fits the schema of one worker",
    Effect.gen(function* () {
      yield* registerForms("one", { review: integers("pull") })
      yield* registerForms("two", { review: integers("issue") })
      strictEqual((yield* submit({ issue: 1 })).status, 202)
      strictEqual((yield* submit({ pull: 1 })).status, 202)
      strictEqual((yield* submit({ pull: "1" })).status, 422)
      strictEqual((yield* submit({ pull: "1" }, { agent_id: "other" })).status, 202)
    }),
  )

  test(
    "is refused by no schema that has changed since it was read",
    Effect.gen(function* () {
      yield* registerForms("one", { review: integers("pull") })
      strictEqual((yield* submit({ issue: 1 })).status, 422)
      yield* registerForms("two", { review: integers("issue") })
      strictEqual((yield* submit({ issue: 1 })).status, 202)
    }),
  )

  test(
    "is refused by a schema that is there when the last were read ten seconds before",
    Effect.gen(function* () {
      strictEqual((yield* submit(wrong)).status, 202)
      yield* TestClock.adjust("11 seconds")
      yield* registerForms("one", { review: Review.schemas.form })
      strictEqual((yield* submit(wrong)).status, 422)
    }),
  )

  test(
    "is a duplicate where its submission was accepted before",
    Effect.gen(function* () {
      const again = { public_id: "review-1" }
      strictEqual((yield* submit(wrong, {}, again)).json.duplicate, false)
      yield* TestClock.adjust("11 seconds")
      yield* registerForms("one", { review: Review.schemas.form })
      const { json, status } = yield* submit(wrong, {}, again)
      deepStrictEqual([status, json.duplicate], [202, true])
      strictEqual((yield* submit(wrong)).status, 422)
    }),
  )

  test(
    "is left to the worker where its schema cannot be checked, or not in time",
    Effect.gen(function* () {
      const schemas = [
        { $ref: "#/$defs/none" },
        { $ref: "#" },
        { type: "string", pattern: "(" },
        { type: "string", pattern: "^(a+)+$" },
      ]
      for (const [index, schema] of schemas.entries()) {
        const agent = `agent-${index}`
        yield* registerForms(agent, { [agent]: schema })
        strictEqual((yield* submit(`${"a".repeat(50)}b`, { agent_id: agent })).status, 202)
      }
    }),
  )

  test(
    "is refused too where its check is watched: by a pattern, by a schema that refers to itself, and with many values",
    Effect.gen(function* () {
      const tree = {
        type: "object",
        properties: { left: { $ref: "#/$defs/Tree" }, size: { type: "integer" } },
      }
      const schemas = {
        pattern: { type: "string", pattern: "^[a-z]+$" },
        tree: { $ref: "#/$defs/Tree", $defs: { Tree: tree } },
        list: { type: "array", items: { type: "integer" } },
      }
      yield* registerForms("one", schemas)
      const tooMany = Array.from({ length: 2000 }, (_, index) => (index < 1999 ? index : "last"))
      const answers = yield* Effect.forEach(
        [
          ["pattern", "A"],
          ["tree", { left: { left: { size: "large" } } }],
          ["list", tooMany],
        ] as const,
        ([agent, input]) => submit(input, { agent_id: agent }),
      )
      deepStrictEqual(
        answers.map(({ json, status }) => [status, json.detail]),
        [
          [422, "The payload of agent pattern does not fit: it does not match ^[a-z]+$"],
          [422, "The payload of agent tree does not fit: `left.left.size` is no integer"],
          [422, "The payload of agent list does not fit: `1999` is no integer"],
        ],
      )
      const plain = { ...integers("pull"), $defs: { Int: { type: "integer" } } }
      const sizeOf = (schema: object) => JsonSchemaCost.ofSchema(schema)
      strictEqual(sizeOf({ ...plain, properties: { pull: { $ref: "#/$defs/Int" } } }), 8)
      deepStrictEqual(Object.values(schemas).map(sizeOf), [undefined, undefined, 4])
      deepStrictEqual(
        [right, tooMany].map((value) => JsonSchemaCost.ofValue(value, 2000)),
        [5, undefined],
      )
    }),
  )

  test(
    "is checked on a thread where a schema of many references meets many values, and never where both are small",
    Effect.gen(function* () {
      const threads = yield* TestThreads.started
      const count = 240
      const definitions = Array.from({ length: count }, (_, index) => [
        `d${index}`,
        index < count - 1 ? { $ref: `#/$defs/d${index + 1}` } : { type: "integer" },
      ])
      const chain = {
        type: "array",
        items: { $ref: "#/$defs/d0" },
        $defs: Object.fromEntries(definitions),
      }
      yield* registerForms("one", { review: Review.schemas.form, chain })
      strictEqual((yield* submit(wrong)).status, 422)
      strictEqual((yield* submit(right)).status, 202)
      strictEqual(yield* Queue.size(threads), 0)
      // Just more steps than the event loop takes, so that a busy machine too makes the check in its time.
      const input = [...Array.from({ length: 99 }, (_, index) => index), "no integer"]
      strictEqual((yield* submit(input, { agent_id: "chain" })).status, 422)
      strictEqual(yield* Queue.size(threads), 1)
    }).pipe(Effect.scoped),
  )

  const batch = (agents: ReadonlyArray<string>, input: unknown) =>
    call("POST", "/runs/batch", {
      body: { runs: agents.map((agent_id) => ({ kind: "agent", request: { agent_id, input } })) },
    })
  const statusesOf = ({ json }: Effect.Effect.Success<ReturnType<typeof batch>>) =>
    new Set<number>(json.answers.map(({ status }: { readonly status: number }) => status))

  test(
    "is checked on a thread when the runs of its batch have taken the steps of a request",
    Effect.gen(function* () {
      const threads = yield* TestThreads.started
      yield* registerForms("one", { list: { type: "array", items: { type: "integer" } } })
      const input = [...Array.from({ length: 98 }, (_, index) => index), "last"]
      const answer = yield* batch(
        Array.from({ length: 100 }, () => "list"),
        input,
      )
      deepStrictEqual(Array.from(statusesOf(answer)), [422])
      strictEqual(yield* Queue.size(threads), 1)
    }).pipe(Effect.scoped),
  )

  test(
    "is left to the worker when the runs of its batch have taken the time of a request",
    Effect.gen(function* () {
      const threads = yield* TestThreads.started
      const agents = Array.from({ length: 4 }, (_, index) => `agent-${index}`)
      const schema = { type: "string", pattern: "^(a+)+$" }
      yield* registerForms("one", Object.fromEntries(agents.map((agent) => [agent, schema])))
      const answer = yield* batch(agents, `${"a".repeat(50)}b`)
      deepStrictEqual(Array.from(statusesOf(answer)), [202])
      strictEqual(yield* Queue.size(threads), 2)
    }).pipe(Effect.scoped),
  )

  test(
    "does not concern a submission without an input",
    Effect.gen(function* () {
      yield* registerForms("one", { review: Review.schemas.form })
      strictEqual((yield* submit(undefined)).status, 202)
    }),
  )
})

describe("the failure that an agent declares", () => {
  test(
    "reaches a waiting program over HTTP, and is in the answer once",
    Effect.gen(function* () {
      const working = yield* Effect.fork(
        Layer.launch(
          Layer.provide(
            Worker.layer,
            Review.toLayer(({ pull }) => new TooLarge({ files: pull })),
          ),
        ),
      )
      const { run } = yield* Review.submit(right)
      deepStrictEqual(yield* Effect.flip(Review.await(run.runId)), new TooLarge({ files: 12 }))
      yield* Fiber.interrupt(working)
      const { json } = yield* call("GET", `/runs/${run.runId}`)
      const detail = { _tag: "TooLarge", files: 12 }
      deepStrictEqual([json.error.code, json.error.detail], ["TooLarge", detail])
      strictEqual(json.config.terminal_error_detail, undefined)
      const inConversation = yield* call("GET", `/conversations/${run.conversationId}/runs/${run.runId}`)
      deepStrictEqual(inConversation.json.terminal_error_detail, detail)
    }),
  )

  it.scoped("passes through the wire without a loss", () =>
    Effect.gen(function* () {
      const plane = yield* Layer.build(MemoryControlPlane.layer)
      const { run } = yield* Context.get(plane, Runs.Runs).submit({ agentId: "review" })
      const error = FastCheck.record(
        {
          code: FastCheck.option(FastCheck.string(), { nil: null }),
          message: FastCheck.string(),
          detail: FastCheck.jsonValue(),
        },
        { requiredKeys: ["code", "message"] },
      ).map((made) => JSON.parse(JSON.stringify(made)) as Run.RunError)
      const overJson = <A, I>(schema: Schema.Schema<A, I>, value: A): A =>
        Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(value))))
      let detailed = 0
      for (const failure of FastCheck.sample(error, 500)) {
        if (failure.detail !== undefined) detailed += 1
        const failed: Run.Run = { ...run, status: "failed", error: failure }
        deepStrictEqual(overJson(ConversationRun, failed).error, failure)
        const canonical = overJson(CanonicalRun, fromRun(failed))
        deepStrictEqual((yield* toRun(canonical)).error, failure)
        const outcome: Runs.Outcome = { status: "failed", error: failure }
        deepStrictEqual(toOutcome(overJson(Outcome, fromOutcome(outcome))).error, failure)
      }
      assertTrue(detailed > 50, `${detailed}`)
    }),
  )
})
