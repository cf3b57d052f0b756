/** Bulk suite: operations that fork runs into runs of a trial. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { StorePorts } from "@runlease/core/ControlPlane"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestWebhooks from "../webhooks/TestWebhooks.js"
import * as TestBulk from "./TestBulk.js"

const trial = { name: "shorter", after: 0, tools: "recorded", budget: { tokens: 7 } } as const

const callOf = (id: string, args: string, content: string) => [
  AgentEvent.toolCallStart(id, "search"),
  AgentEvent.toolCallArgs(id, args),
  AgentEvent.toolCallEnd(id),
  AgentEvent.toolCallResult(`result-${id}`, id, content, { role: "tool" }),
]

/** Submits a run, lets it make two calls, and ends it. */
const recorded = (publicId: string) =>
  Effect.gen(function* () {
    const submitted = yield* TestRuns.submit({
      publicId,
      labels: { team: "a" },
      snapshot: RequestSnapshot.fromText(`About ${publicId}`),
    })
    const worker = yield* TestRuns.register()
    const claimed = yield* TestRuns.claimOne(worker)
    strictEqual(claimed.runId, submitted.runId)
    yield* TestRuns.append(claimed, [
      ...callOf("one", '{"q":1}', "first"),
      ...callOf("two", '{"q":2}', "second"),
    ])
    yield* TestRuns.complete(claimed)
    return submitted
  })

const ofTrial = (name: string) =>
  Effect.flatMap(Runs, (runs) => Effect.map(runs.list({ labels: { trial: name } }), ({ items }) => items))

export const declare = (test: TestRuns.Test<StorePorts>): void => {
  test(
    "a trial forks each run with the same edits, apart from its original, with the calls of its log",
    Effect.gen(function* () {
      const [log, runs] = [yield* RunLog, yield* Runs]
      const originals = yield* Effect.forEach(["a", "b"], recorded)
      const open = yield* TestRuns.submit({ publicId: "open" })
      const before = yield* log.read({ runId: originals[0]!.runId })
      const runIds = [...originals, open].map(({ runId }) => runId)
      const bulk = {
        action: "trial",
        runIds,
        trial: { ...trial, edits: [{ type: "message", text: "Short" }] },
      } as const
      const counts = { matched: 3, done: 2, skipped: 1, failed: 0 }
      deepStrictEqual(TestBulk.countsOf(yield* TestBulk.run({ ...bulk, dryRun: true })), counts)
      deepStrictEqual(yield* ofTrial("shorter"), [])
      const made = yield* TestBulk.run(bulk)
      deepStrictEqual(TestBulk.countsOf(made), counts)
      deepStrictEqual(made.trial, bulk.trial)

      const forks = yield* ofTrial("shorter")
      deepStrictEqual(forks.map(({ labels }) => labels["trial_of"]).sort(), ["a", "b"])
      for (const fork of forks) {
        const original = yield* runs.get(
          originals.find(({ runId }) => runId === fork.labels["trial_of"])!.runId,
        )
        deepStrictEqual(Object.keys(fork.labels).sort(), ["trial", "trial_of"])
        strictEqual(fork.parentRunId, null)
        strictEqual(fork.conversationId === original.conversationId, false)
        // Three runs share the budget.
        deepStrictEqual(fork.budget?.limits, { tokens: 2 })
        const snapshot = yield* runs.snapshot(fork.runId)
        strictEqual(RequestSnapshot.lastUserText(snapshot), "Short")
        deepStrictEqual(snapshot.trial, {
          name: "shorter",
          runId: original.runId,
          after: 0,
          tools: "recorded",
          calls: [
            { toolName: "search", args: '{"q":1}', content: "first" },
            { toolName: "search", args: '{"q":2}', content: "second" },
          ],
        })
      }
      deepStrictEqual(yield* log.read({ runId: originals[0]!.runId }), before)
    }),
  )

  test(
    "a run of a trial goes behind other runs, and sends no webhook",
    Effect.gen(function* () {
      const original = yield* recorded("a")
      yield* TestBulk.run({ action: "trial", runIds: [original.runId], trial })
      const later = yield* TestRuns.submit()
      const worker = yield* TestRuns.register()
      deepStrictEqual((yield* TestRuns.claimOne(worker)).runId, later.runId)
      const claimed = yield* TestRuns.claimOne(worker)
      strictEqual(claimed.snapshot.trial?.runId, "a")
      strictEqual(claimed.budgetRoot, claimed.runId)
      yield* TestWebhooks.create()
      yield* Effect.forEach([claimed.runId, later.runId], (runId) =>
        Effect.flatMap(Runs, (runs) => runs.cancel(runId)),
      )
      deepStrictEqual(
        (yield* TestWebhooks.all).map(({ runId }) => runId),
        [later.runId],
      )
    }),
  )

  test(
    "a trial that an event is missing for is counted as failed",
    Effect.gen(function* () {
      const original = yield* recorded("a")
      const made = yield* TestBulk.run({
        action: "trial",
        runIds: [original.runId],
        trial: { ...trial, after: 1000 },
      })
      deepStrictEqual(
        made.failures.map(({ code, runId }) => [code, runId as string]),
        [["fork_refused", "a"]],
      )
    }),
  )

  test(
    "a trial names its runs, has a budget for each, and edits no answer",
    Effect.gen(function* () {
      const named = { action: "trial", runIds: ["a", "b"] } as const
      const verdicts = yield* Effect.forEach(
        [
          named,
          { action: "trial", all: true, trial },
          { ...named, trial: { ...trial, budget: {} } },
          { ...named, trial: { ...trial, budget: { tokens: 1 } } },
          {
            ...named,
            trial: { ...trial, edits: [{ type: "answer", interruptId: "q", payload: true }] },
          },
          { action: "cancel", runIds: ["a"], trial },
        ] as const,
        (bulk) =>
          Effect.merge(
            Effect.mapBoth(TestBulk.create(bulk), {
              onFailure: (error) => (error._tag === "InvalidBulk" ? error.field : error._tag),
              onSuccess: () => "made",
            }),
          ),
      )
      deepStrictEqual(verdicts, [
        "trial",
        "runIds",
        "trial.budget",
        "trial.budget.tokens",
        "trial.edits",
        "trial",
      ])
    }),
  )
}
