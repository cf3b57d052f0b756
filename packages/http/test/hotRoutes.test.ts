import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Either, FastCheck, Layer, Option, Schema, Tracer } from "effect"
import * as Api from "../src/Api/Operations.js"
import { RenewManyOptions } from "../src/Api/Workers.js"
import * as Decoder from "../src/Wire/Decoder.js"
import { choice } from "../src/Wire.js"
import { type Call, call } from "./raw.js"
import { direct, serve, Served } from "./serving.js"

const { constant, constantFrom, oneof, record } = FastCheck

/** Values at and beyond the edges of what any field takes. */
const oddValue: FastCheck.Arbitrary<unknown> = constantFrom(
  null,
  true,
  -1,
  0,
  0.5,
  101,
  301,
  2 ** 53,
  "",
  ".",
  "a\u0000b",
  "\ud800",
  "a\n",
  "x".repeat(129),
  [],
  [null],
  [[]],
  {},
  { toString: 1 },
  [{ type: "" }],
)

const field = (...usual: ReadonlyArray<unknown>) =>
  oneof({ weight: 12, arbitrary: constantFrom(...usual) }, { weight: 1, arbitrary: oddValue })

const event = AgentEvent.custom("test", 1)
const events = field([event], [event, event], [{ type: "CUSTOM", name: "test", value: "é😀" }])
const runId = field("run-0", "run-1", "run-2", "nowhere")
const epoch = field(1, 2, null)
const sequence = field(0, 1, 2)

/** A struct that has the named fields, and perhaps the others. */
const some = (fields: Readonly<Record<string, FastCheck.Arbitrary<unknown>>>, ...required: Array<string>) =>
  record(fields, { requiredKeys: required })

const operation: FastCheck.Arbitrary<unknown> = oneof(
  {
    weight: 3,
    arbitrary: some(
      {
        operation: constant("claim"),
        limit: field(1, 2),
        lease_duration_seconds: field(60),
        agent_ids: field(["agent"], ["other"], null),
        claim_id: field("claim-1", "claim-2"),
        wait_seconds: field(0, 10),
      },
      "operation",
    ),
  },
  {
    weight: 6,
    arbitrary: some(
      {
        operation: constant("append"),
        run_id: runId,
        lease_epoch: epoch,
        events,
        expected_previous_event_id: field(0, 1, 2),
        expected_previous_external_event_sequence: sequence,
        unknown: oddValue,
      },
      "operation",
      "run_id",
      "events",
    ),
  },
  {
    weight: 3,
    arbitrary: some(
      {
        operation: constant("complete"),
        run_id: runId,
        lease_epoch: epoch,
        status: field("completed", "failed", "cancelled"),
        metadata: field({ anything: 1 }),
        terminal_error_code: field("code"),
        terminal_error_message: field("message"),
        terminal_error_detail: oddValue,
        result: oddValue,
        last: oneof(oddValue, record({ events, expected_previous_external_event_sequence: sequence })),
      },
      "operation",
      "run_id",
      "status",
    ),
  },
  {
    weight: 2,
    arbitrary: some(
      {
        operation: field("release", "suspend", "dance"),
        run_id: runId,
        lease_epoch: epoch,
        tool_call_id: field("call"),
        tool_name: field("tool"),
        reason: field("reason"),
      },
      "operation",
      "run_id",
    ),
  },
  { weight: 1, arbitrary: oddValue },
)

const exchangeBody: FastCheck.Arbitrary<unknown> = oneof(
  {
    weight: 12,
    arbitrary: record({ operations: FastCheck.array(operation, { maxLength: 5 }) }),
  },
  { weight: 1, arbitrary: record({ operations: oddValue, other: oddValue }) },
  { weight: 1, arbitrary: constant({ operations: Array.from({ length: 257 }, () => null) }) },
  { weight: 1, arbitrary: oddValue },
)

const renewBody: FastCheck.Arbitrary<unknown> = some({
  leases: oneof(
    oddValue,
    FastCheck.array(some({ run_id: runId, lease_epoch: epoch }, "run_id"), { maxLength: 3 }),
  ),
  run_ids: oneof(oddValue, FastCheck.array(runId, { maxLength: 3 })),
  lease_duration_seconds: field(5, 60, 300),
  other: oddValue,
})

const text = (body: FastCheck.Arbitrary<unknown>): FastCheck.Arbitrary<string> =>
  FastCheck.tuple(
    body,
    oneof(
      { weight: 12, arbitrary: constant((json: string) => json) },
      {
        weight: 1,
        arbitrary: constantFrom(
          (json: string) => json.slice(0, -1),
          (json: string) => `\ufeff${json}`,
          (json: string) => ` ${json}\n`,
          (json: string) => json + " ".repeat(20_000),
          () => "",
          () => `${"[".repeat(300)}${"]".repeat(300)}`,
        ),
      },
    ),
  ).map(([value, spoil]) => spoil(JSON.stringify(value)))

interface Sent {
  readonly path: string
  readonly token: "worker" | "key" | "other" | "wrong" | "none"
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

const sent: FastCheck.Arbitrary<Sent> = oneof(
  record({ name: constant("exchange"), text: text(exchangeBody) }),
  record({ name: constant("leases"), text: text(renewBody) }),
).chain(({ name, text }) =>
  record({
    path: oneof(
      { weight: 20, arbitrary: constant(`/agent-workers/workers/:id/${name}`) },
      {
        weight: 1,
        arbitrary: constantFrom(
          `/agent-workers/workers/:id/${name}?a=1`,
          `/agent-workers/workers/:id/${name}/`,
          `/agent-workers/workers/none/${name}`,
          `/agent-workers/workers/00000000-0000-4000-8000-000000000000/${name}`,
        ),
      },
    ),
    token: oneof(
      { weight: 20, arbitrary: constant("worker" as const) },
      { weight: 2, arbitrary: constant("key" as const) },
      { weight: 1, arbitrary: constantFrom("other" as const, "wrong" as const, "none" as const) },
    ),
    headers: oneof(
      { weight: 20, arbitrary: constant<Readonly<Record<string, string>>>({}) },
      {
        weight: 1,
        arbitrary: constantFrom<Readonly<Record<string, string>>>(
          { "content-type": "text/plain" },
          { "content-type": "application/json; charset=utf-8" },
          { "content-type": "application/merge-patch+json" },
          { "x-runlease-epoch": "none" },
          { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
        ),
      },
    ),
    text: constant(text),
  }),
)

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** Numbers the ids that a server makes by chance in the order in which they come. */
const withoutChance = () => {
  const names = new Map<string, string>()
  return (answer: string): string =>
    answer.replaceAll(uuid, (id) => {
      const name = names.get(id) ?? `id-${names.size}`
      names.set(id, name)
      return name
    })
}

const register = (workerKey: string) =>
  Effect.map(
    call("POST", "/agent-workers/projects/default/workers", {
      body: { implementation_kind: "test", worker_key: workerKey },
    }),
    ({ json }): { readonly id: string; readonly token: string } => ({
      id: json.worker.id,
      token: json.token,
    }),
  )

/** A server with workers and runs, and what it answers to requests. */
const target = Effect.gen(function* () {
  const served = yield* Served
  const worker = yield* register("worker")
  const other = yield* register("other")
  for (const run of ["run-0", "run-1", "run-2"]) {
    yield* call("POST", "/runs", { body: { kind: "agent", public_id: run, request: { agent_id: "agent" } } })
  }
  const named = withoutChance()
  const tokens = { worker: worker.token, key: served.key, other: other.token, wrong: "wrong", none: null }
  return ({ headers, path, text, token }: Sent) => {
    const request: Call = { token: tokens[token], text, headers }
    return Effect.map(
      Effect.provideService(call("POST", path.replace(":id", worker.id), request), Served, served),
      (answer) => ({
        status: answer.status,
        headers: Array.from(answer.headers).filter(([name]) => name !== "date" && name !== "content-length"),
        text: named(answer.text),
      }),
    )
  }
})

const targetOf = (on: boolean) =>
  Effect.flatMap(Layer.build(serve(MemoryControlPlane.layer, {}, direct(on))), (context) =>
    Effect.provide(target, context),
  )

/** JSON has no undefined, so a field that a schema gives as undefined is absent. */

const exchange = (token: Sent["token"], text: string): Sent => ({
  path: "/agent-workers/workers/:id/exchange",
  token,
  headers: {},
  text,
})

/** One request for each status that chance may leave out. */
const examples: ReadonlyArray<Sent> = [
  exchange("worker", '{"operations":[]}'),
  exchange("worker", "{"),
  exchange("other", '{"operations":[]}'),
  exchange("wrong", '{"operations":[]}'),
  exchange("none", '{"operations":[]}'),
]

describe("hot routes", () => {
  it.scoped("answer as the router does", () =>
    Effect.gen(function* () {
      const one = yield* targetOf(true)
      const two = yield* targetOf(false)
      const seen = new Set<number>()
      const seed = Date.now()
      for (const request of [...examples, ...FastCheck.sample(sent, { numRuns: 300, seed })]) {
        const [answer, expected] = yield* Effect.all([one(request), two(request)])
        deepStrictEqual({ seed, request, answer }, { seed, request, answer: expected })
        seen.add(answer.status)
      }
      for (const status of [200, 400, 401, 403]) assertTrue(seen.has(status), `no ${status}`)
    }),
  )

  it.effect("read a body as its schema does", () =>
    Effect.sync(() => {
      const schemas: ReadonlyArray<Schema.Schema<unknown, unknown>> = [
        choice("operation", Api.Operation) as Schema.Schema<unknown, unknown>,
        RenewManyOptions as Schema.Schema<unknown, unknown>,
      ]
      let taken = 0
      for (const schema of schemas) {
        const compiled = Decoder.compiledOf(schema as Schema.Schema<{}, unknown>)
        const bySchema = Schema.decodeUnknownEither(schema)
        for (const value of FastCheck.sample(FastCheck.oneof(operation, renewBody), { numRuns: 20_000 })) {
          const expected = bySchema(value)
          const read = compiled(value)
          if (Either.isLeft(expected)) strictEqual(read, undefined)
          else if (read !== undefined) {
            taken += 1
            deepStrictEqual(read, expected.right)
          }
          deepStrictEqual(Either.getRight(Decoder.decode(schema, value)), Either.getRight(expected))
        }
      }
      assertTrue(taken > 1000, `${taken}`)
    }),
  )

  it.scoped("are a part of the caller's trace", () =>
    Effect.gen(function* () {
      const native = yield* Effect.tracer
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (...args) => {
          const span = native.span(...args)
          spans.push(span)
          return span
        },
        context: (f, fiber) => native.context(f, fiber),
      })
      const context = yield* Effect.withTracer(
        Layer.build(serve(MemoryControlPlane.layer, {}, direct(true))),
        tracer,
      )
      const answer = yield* Effect.provide(target, context)
      spans.length = 0
      yield* answer({
        path: "/agent-workers/workers/:id/exchange",
        token: "worker",
        headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
        text: JSON.stringify({ operations: [{ operation: "claim" }] }),
      })
      const parentOf = (name: string) =>
        Option.getOrUndefined(
          Option.flatMap(
            Option.fromNullable(spans.find((span) => span.name === name)),
            ({ parent }) => parent,
          ),
        )
      strictEqual(parentOf("http.server POST")?.spanId, "b7ad6b7169203331")
      strictEqual(
        spans.find(({ name }) => name === "http.server POST")?.attributes.get("http.route"),
        "/agent-workers/workers/:worker_id/exchange",
      )
      strictEqual(
        parentOf("Claims.claim")?.spanId,
        spans.find(({ name }) => name === "http.server POST")?.spanId,
      )
    }),
  )
})
