/** What every store must do about limits of agents, besides those of keys, and about limits with names that are of all later runs of agents. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits, ofAgent, ofKey, ofName } from "@runlease/core/Limits"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { type ClaimedRun, EventId } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { sha256 } from "@runlease/core/Digest"
import { Effect, Either, type Layer } from "effect"
import { onlyRunning } from "./LimitCounting.js"
import * as TestRuns from "./TestRuns.js"

const submitOfAgent = (publicId: string, input: Partial<SubmissionInput> = {}) =>
  TestRuns.submit({ publicId, agentId: "import", ...input })

const withInput = (input: unknown): Partial<SubmissionInput> => ({
  snapshot: { ...RequestSnapshot.empty, input },
})

const withMetadata = (metadata: unknown): Partial<SubmissionInput> => ({
  snapshot: {
    ...RequestSnapshot.empty,
    messages: [
      { id: "1", role: "user", parts: [], metadata: { customer: "older" } },
      { id: "2", role: "user", parts: [], metadata },
      { id: "3", role: "assistant", parts: [], metadata: { customer: "agent" } },
    ],
  },
})

const idsOf = (runs: ReadonlyArray<ClaimedRun>) => runs.map(({ runId }) => runId)

/** The keys of the limits with names that have runs, with how many they have, from the oldest on. */
const keys = Effect.flatMap(Limits, ({ list }) =>
  Effect.map(list(), ({ items }) =>
    items
      .filter(({ kind }) => kind === "named")
      .map(({ key, name, open, running, waiting }) => `${name} ${key}: ${running + open + waiting}`)
      .toReversed(),
  ),
)

const agentIds = ["import"]

const ids = (names: ReadonlyArray<string>) => names.map((name) => Ids.AgentId.make(name))

/** Declares the tests of limits with names that have agents. */
export const namedSuite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Limits with names of agents (${name})`, () => {
    test(
      "each later run of the agents is under the limit, by the key in its payload, and those before are not",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, get } = yield* Limits
        yield* submitOfAgent("before", withInput({ tenant: { id: "a" } }))
        const of = ofName("crm", { agentIds: ["import", "export"], keyFrom: "input.tenant.id" })
        const bounds = { maxRunning: 1, rate: null, maxPending: null }
        deepStrictEqual(yield* define(of, { maxRunning: 1 }), {
          of: { ...of, agentIds: ids(["import", "export"]), keyFrom: "input.tenant.id" },
          bounds,
          use: null,
        })
        deepStrictEqual(yield* get("crm"), yield* define(of, bounds))
        const run = yield* submitOfAgent("a1", withInput({ tenant: { id: "a" } }))
        strictEqual(run.limits, undefined)
        yield* submitOfAgent("a2", { ...withInput({ tenant: { id: "a" } }), agentId: "export" })
        yield* submitOfAgent("b1", withInput({ tenant: { id: "b" } }))
        yield* submitOfAgent("other", { ...withInput({ tenant: { id: "a" } }), agentId: "other" })
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["before", "a1", "b1", "other"])
        yield* TestRuns.complete(claimed[1]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["a2"])
      }),
    )

    test(
      "batches, children, retries and forks are under it, and a run that its submitter executes is not",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        const leases = yield* Leases
        const runs = yield* Runs
        yield* define(ofName("crm", { agentIds, keyFrom: "labels.customer.id" }), { maxRunning: 20 })
        const labels = { "customer.id": "7" }
        const parent = yield* TestRuns.hold(worker, {
          publicId: "parent",
          agentId: "import",
          concurrencyKey: null,
          labels,
        })
        yield* leases.spawn(TestRuns.leaseOf(parent), {
          stepId: "step",
          name: "step",
          detached: false,
          submission: { publicId: "child", agentId: "import" },
        })
        deepStrictEqual(yield* keys, ["crm 7: 2"])
        yield* TestRuns.complete(parent)
        yield* runs.retry(parent.runId)
        yield* runs.fork(parent.runId, { after: EventId.make(1) })
        yield* runs.submitMany([
          { agentId: "import", labels },
          { agentId: "import", labels: { "customer.id": "8" } },
        ])
        yield* submitOfAgent("driven", { labels, initialStatus: "running" })
        deepStrictEqual(yield* keys, ["crm 7: 3", "crm 8: 1"])
      }),
    )

    test(
      "a key is a text, a number or a boolean; runs without one share the key none, and a text that is too long counts by its digest",
      Effect.gen(function* () {
        const { define } = yield* Limits
        const long = "x".repeat(129)
        const keyed = (keyFrom: string, input: Partial<SubmissionInput>) =>
          Effect.gen(function* () {
            yield* define(ofName("crm", { agentIds, keyFrom }), { maxRunning: 1 })
            const runs = yield* Runs
            const before = yield* keys
            const { run } = yield* runs.submit({ agentId: "import", ...input })
            const after = yield* keys
            yield* runs.cancel(run.runId)
            return after.find((key) => !before.includes(key))?.replace(/^crm (.*): \d+$/, "$1")
          })
        const found = yield* Effect.forEach(
          [
            ["input.customer", withInput({ customer: "Ünï 7" })],
            ["input.customer", withInput({ customer: 7.5 })],
            ["input.customer", withInput({ customer: false })],
            ["input", withInput("whole")],
            ["input.items.1", withInput({ items: ["a", "b"] })],
            ["metadata.customer", withMetadata({ customer: "7" })],
            ["input.customer", withInput({ customer: long })],
            ["input.customer", withInput({ customer: "" })],
            ["input.customer", withInput({ customer: null })],
            ["input.customer", withInput({ customer: { id: 7 } })],
            ["input.customer", withInput({})],
            ["input.customer.length", withInput({ customer: "7" })],
            ["metadata.customer", {}],
            ["labels.customer", {}],
          ] as const,
          ([keyFrom, input]) => keyed(keyFrom, input),
        )
        deepStrictEqual(found, [
          "Ünï 7",
          "7.5",
          "false",
          "whole",
          "b",
          "7",
          sha256(long),
          ...Array.from({ length: 7 }, () => "none"),
        ])
      }),
    )

    test(
      "without a path all runs have one key, a submission that names the limit has its own, and a limit without agents is of later runs no more",
      Effect.gen(function* () {
        const { define, remove } = yield* Limits
        yield* define(ofName("crm", { agentIds }), { maxRunning: 1 })
        yield* submitOfAgent("1")
        yield* submitOfAgent("2")
        yield* submitOfAgent("own", { limits: { crm: "own" } })
        deepStrictEqual(yield* keys, ["crm all: 2", "crm own: 1"])
        yield* define(ofName("crm"), { maxRunning: 1 })
        yield* submitOfAgent("3")
        deepStrictEqual(yield* keys, ["crm all: 2", "crm own: 1"])
        yield* define(ofName("crm", { agentIds }), { maxRunning: 1 })
        yield* remove(ofName("crm"))
        yield* submitOfAgent("4")
        deepStrictEqual(yield* keys, ["crm all: 2", "crm own: 1"])
      }),
    )

    test(
      "an agent is in two limits at most, besides the two that a submission names and that of all its runs",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        for (const limit of ["a", "b"]) yield* define(ofName(limit), { maxRunning: 1 })
        for (const limit of ["y", "z"]) yield* define(ofName(limit, { agentIds }), { maxRunning: 1 })
        const third = ofName("third", { agentIds: ["other", "import"] })
        const refused = yield* Effect.flip(define(third, { maxRunning: 1 }))
        deepStrictEqual([refused._tag, "field" in refused && refused.field], ["InvalidLimit", "agentIds"])
        yield* define(ofName("z", { agentIds: ["import", "other"] }), { maxRunning: 1 })
        yield* define(ofAgent("import"), { maxRunning: 1 })
        const limits = { a: "1", b: "1" }
        yield* submitOfAgent("1", { limits })
        yield* submitOfAgent("2", { limits })
        deepStrictEqual(yield* keys, ["a 1: 2", "b 1: 1", "y all: 1", "z all: 1"])
        const claimed = yield* TestRuns.claimOne(worker)
        strictEqual(claimed.runId, "1")
        deepStrictEqual(yield* TestRuns.claim(worker), [])
        yield* TestRuns.complete(claimed)
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "2")
      }),
    )

    test(
      "it bounds what is pending by the key of each run, of those of one commit too",
      Effect.gen(function* () {
        const { define } = yield* Limits
        const runs = yield* Runs
        yield* define(ofName("crm", { agentIds, keyFrom: "labels.customer" }), {
          maxRunning: 1,
          maxPending: 1,
        })
        const ofCustomer = (customer: string) => ({ agentId: "import", labels: { customer } })
        yield* runs.submit(ofCustomer("7"))
        const verdicts = yield* runs.submitMany(["7", "7", "8"].map(ofCustomer))
        deepStrictEqual(
          verdicts.map((verdict) => (Either.isLeft(verdict) ? verdict.left._tag : "accepted")),
          ["accepted", "TooManyPending", "accepted"],
        )
        const refused = yield* Effect.flip(runs.submit(ofCustomer("7")))
        deepStrictEqual([refused._tag, "key" in refused && refused.key], ["TooManyPending", "7"])
      }),
    )

    test(
      "agents and paths are checked",
      Effect.gen(function* () {
        const { define } = yield* Limits
        const refused = (agents: Parameters<typeof ofName>[1]) =>
          Effect.map(Effect.either(define(ofName("crm", agents), { maxRunning: 1 })), (verdict) =>
            Either.isLeft(verdict) && verdict.left._tag === "InvalidLimit" ? verdict.left.field : null,
          )
        deepStrictEqual(
          yield* Effect.all([
            refused({ agentIds: [] }),
            refused({ agentIds: Array.from({ length: 101 }, (_, at) => `agent-${at}`) }),
            refused({ agentIds: ["import", ""] }),
            refused({ keyFrom: "input.customer" }),
            refused({ agentIds, keyFrom: "output.customer" }),
            refused({ agentIds, keyFrom: "metadata" }),
            refused({ agentIds, keyFrom: "input..customer" }),
            refused({ agentIds, keyFrom: `input.${"x".repeat(251)}` }),
            refused({ agentIds, keyFrom: `input.${"x".repeat(250)}` }),
          ]),
          ["agentIds", "agentIds", "agentIds.1", "keyFrom", "keyFrom", "keyFrom", "keyFrom", "keyFrom", null],
        )
      }),
    )
  })
}

/** A submission of key `key`. */
const submit = (publicId: string, concurrencyLimit: number) =>
  TestRuns.submit({ publicId, concurrencyKey: "key", concurrencyLimit })

const limits = Effect.flatMap(Limits, ({ list }) => Effect.map(list(), ({ items }) => items))

/** Declares the tests of limits of agents. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Limits of agents (${name})`, () => {
    test(
      "a limit bounds the runs of an agent that work at once, also of those that were there before, and others are not in their way",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define, remove } = yield* Limits
        for (const publicId of ["1", "2", "3", "4"]) yield* TestRuns.submit({ publicId, agentId: "limited" })
        const [first] = yield* TestRuns.claim(worker, { limit: 1 })
        const usage = {
          ...ofAgent("limited"),
          ...onlyRunning(3),
          maxRunning: 2,
          paused: false,
          running: 1,
          open: 1,
          waiting: 2,
        }
        deepStrictEqual((yield* define(ofAgent("limited"), { maxRunning: 2 })).use, usage)
        yield* TestRuns.submit({ publicId: "5", agentId: "limited" })
        yield* TestRuns.submit({ publicId: "other", agentId: "other" })
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["2", "other"])
        yield* TestRuns.complete(first!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["3"])
        deepStrictEqual(yield* remove(ofAgent("limited")), {
          ...usage,
          ...onlyRunning(2),
          maxRunning: null,
          running: 2,
          open: 2,
          waiting: 0,
        })
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["4", "5"])
      }),
    )

    test(
      "a paused agent starts no run, new ones and resumed ones included",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const runs = yield* Runs
        const leases = yield* Leases
        const { pause, resume } = yield* Limits
        const waits = yield* TestRuns.hold(worker, { publicId: "waits", agentId: "paused" })
        yield* leases.suspend(TestRuns.leaseOf(waits), TestRuns.forToolCall())
        yield* TestRuns.submit({ publicId: "before", agentId: "paused" })
        yield* pause(ofAgent("paused"))
        yield* TestRuns.submit({ publicId: "after", agentId: "paused" })
        yield* runs.resume(waits.runId, TestRuns.resultOf("call", "done"))
        const claim = yield* TestRuns.start(TestRuns.claim(worker, { limit: 10, wait: "500 millis" }))
        yield* TestRuns.submit({ publicId: "while a claim waits", agentId: "paused" })
        deepStrictEqual(yield* TestRuns.joinAdvancing(claim), [])
        yield* resume(ofAgent("paused"))
        const after = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(after), ["waits", "before", "after", "while a claim waits"])
      }),
    )

    test(
      "the next run of a lane waits for a place at the limit of its agent too",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        yield* define(ofAgent("agent"), { maxRunning: 1 })
        yield* TestRuns.submit({ publicId: "first", concurrencyKey: "lane" })
        yield* TestRuns.submit({ publicId: "second", concurrencyKey: "lane" })
        const claimed = yield* TestRuns.claimOne(worker)
        strictEqual(claimed.runId, "first")
        yield* TestRuns.submit({ publicId: "no lane", concurrencyKey: null, priority: 1 })
        yield* TestRuns.complete(claimed)
        const other = yield* TestRuns.claimOne(worker)
        strictEqual(other.runId, "no lane")
        deepStrictEqual(yield* limits, [
          {
            ...ofAgent("agent"),
            ...onlyRunning(1),
            maxRunning: 1,
            paused: false,
            running: 1,
            open: 0,
            waiting: 1,
          },
        ])
        yield* TestRuns.complete(other)
        strictEqual((yield* TestRuns.claimOne(worker)).runId, "second")
      }),
    )

    test(
      "a run keeps the place at its key while it waits for one at its agent",
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const { define } = yield* Limits
        const runs = yield* Runs
        yield* define(ofAgent("agent"), { maxRunning: 1 })
        yield* TestRuns.submit({ publicId: "alone", concurrencyKey: null })
        yield* submit("1", 1)
        yield* submit("2", 1)
        const claimed = yield* TestRuns.claim(worker, { limit: 10 })
        deepStrictEqual(idsOf(claimed), ["alone"])
        deepStrictEqual(yield* limits, [
          {
            ...ofKey("key"),
            ...onlyRunning(2),
            maxRunning: 1,
            paused: false,
            running: 0,
            open: 1,
            waiting: 1,
          },
          {
            ...ofAgent("agent"),
            ...onlyRunning(2),
            maxRunning: 1,
            paused: false,
            running: 1,
            open: 0,
            waiting: 1,
          },
        ])
        const [first] = yield* Effect.map(runs.list({ limit: 10 }), ({ items }) =>
          items.filter(({ runId }) => runId === "1"),
        )
        yield* runs.cancel(first!.runId)
        yield* TestRuns.complete(claimed[0]!)
        deepStrictEqual(idsOf(yield* TestRuns.claim(worker, { limit: 10 })), ["2"])
      }),
    )
  })
}
