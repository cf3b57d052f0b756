/** What submitting and listing runs must do: accept each submission once and list every run. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { type ListRuns, Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect, type Layer } from "effect"
import * as TestRuns from "./TestRuns.js"

const unknownRun = Ids.RunId.make("unknown")

/** Declares the tests of `Runs.submit`, `get` and `list`; part of `RunsSuite`. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Runs.submit (${name})`, () => {
    test(
      "submit accepts a run, and get returns it",
      Effect.gen(function* () {
        const runs = yield* Runs
        const conversations = yield* Conversations
        const { run, duplicate } = yield* runs.submit(TestRuns.submission({ agentId: "writer" }))
        strictEqual(duplicate, false)
        strictEqual(run.status, "pending")
        strictEqual(run.agentId, "writer")
        strictEqual(run.attempt, 0)
        strictEqual(run.latestEventId, 0)
        strictEqual(run.rootRunId, run.runId)
        deepStrictEqual(run.createdAt, yield* TestRuns.after(0))
        strictEqual((yield* conversations.get(run.conversationId)).id, run.conversationId)
        const found = yield* runs.get(run.runId)
        strictEqual(found.runId, run.runId)
        strictEqual(found.messageId, run.messageId)
        strictEqual(found.conversationId, run.conversationId)
        strictEqual(found.startedAt, null)
        strictEqual(yield* TestRuns.verdictOf(runs.get(unknownRun)), "RunNotFound")
      }),
    )

    test(
      "submit of the same request while the run ends returns all of its outcome, or none of it",
      Effect.gen(function* () {
        const runs = yield* Runs
        for (const first of ["complete", "submit"] as const) {
          const request = TestRuns.submission({ publicId: first })
          const { run } = yield* runs.submit(request)
          const complete = runs.complete(run.runId, { status: "completed", result: "given" })
          const submit = runs.submit(request)
          const { again } = yield* Effect.all(
            first === "submit" ? { again: submit, ended: complete } : { ended: complete, again: submit },
            { concurrency: "unbounded" },
          )
          strictEqual(again.duplicate, true)
          strictEqual(again.run.result, again.run.status === "completed" ? "given" : null)
        }
      }),
    )

    test(
      "submit of the same request under the same public id returns the first run in any state",
      Effect.gen(function* () {
        const runs = yield* Runs
        const conversations = yield* Conversations
        const { id } = yield* conversations.create()
        const request = TestRuns.submission({
          publicId: "once",
          conversationId: id,
          snapshot: RequestSnapshot.fromText("Hello"),
        })
        const first = yield* runs.submit(request)
        strictEqual(first.duplicate, false)
        strictEqual(first.run.runId, "once")
        const second = yield* runs.submit(request)
        strictEqual(second.duplicate, true)
        strictEqual(second.run.messageId, first.run.messageId)
        const traceContext = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 }
        const traced = { ...request, snapshot: { ...RequestSnapshot.fromText("Hello"), traceContext } }
        strictEqual((yield* runs.submit(traced)).duplicate, true)
        const claimed = yield* TestRuns.claimOne(yield* TestRuns.register())
        yield* TestRuns.complete(claimed)
        const third = yield* runs.submit(request)
        strictEqual(third.duplicate, true)
        strictEqual(third.run.status, "completed")
        strictEqual((yield* runs.list()).items.length, 1)
      }),
    )

    test(
      "submit takes the messages of a conversation, and requires a snapshot where they are too large",
      Effect.gen(function* () {
        const conversations = yield* Conversations
        const { id } = yield* conversations.create()
        const parts = [RequestSnapshot.textPart("x".repeat(6 * 1024 * 1024))]
        yield* conversations.addMessage(id, { role: "user", parts })
        yield* TestRuns.submit({ conversationId: id, snapshot: undefined })
        yield* conversations.addMessage(id, { role: "user", parts })
        const runs = yield* Runs
        const submission = TestRuns.submission({ conversationId: id, snapshot: undefined })
        const refused = yield* Effect.flip(runs.submit(submission))
        deepStrictEqual(
          [refused._tag, refused._tag === "InvalidSubmission" && refused.field],
          ["InvalidSubmission", "snapshot"],
        )
        yield* TestRuns.submit({ conversationId: id, snapshot: RequestSnapshot.fromText("short") })
        strictEqual((yield* runs.list({ conversationId: id })).items.length, 2)
      }),
    )

    test(
      "submit without a conversation is idempotent too",
      Effect.gen(function* () {
        const runs = yield* Runs
        const first = yield* runs.submit(TestRuns.submission({ publicId: "once" }))
        const second = yield* runs.submit(TestRuns.submission({ publicId: "once" }))
        strictEqual(second.duplicate, true)
        strictEqual(second.run.conversationId, first.run.conversationId)
      }),
    )

    test(
      "concurrent submissions of one public id accept one run",
      Effect.gen(function* () {
        const runs = yield* Runs
        const conversations = yield* Conversations
        const { id } = yield* conversations.create()
        const request = TestRuns.submission({ publicId: "once", conversationId: id })
        const answers = yield* Effect.forEach(Array.from({ length: 10 }), () => runs.submit(request), {
          concurrency: "unbounded",
        })
        strictEqual(answers.filter(({ duplicate }) => !duplicate).length, 1)
        strictEqual(new Set(answers.map(({ run }) => run.messageId)).size, 1)
      }),
    )

    test(
      "submit of another request under the same public id is a conflict",
      Effect.gen(function* () {
        const runs = yield* Runs
        const conversations = yield* Conversations
        const { id } = yield* conversations.create()
        yield* TestRuns.submit({ publicId: "once", conversationId: id })
        for (const other of [{ agentId: "other" }, { priority: 1 }, { snapshot: RequestSnapshot.empty }]) {
          strictEqual(
            yield* TestRuns.verdictOf(
              runs.submit(TestRuns.submission({ publicId: "once", conversationId: id, ...other })),
            ),
            "SubmissionConflict",
          )
        }
        strictEqual((yield* runs.list()).items.length, 1)
      }),
    )

    test(
      "submit accepts plain strings, and the ids that it returned",
      Effect.gen(function* () {
        const runs = yield* Runs
        const { run } = yield* runs.submit({ agentId: "writer", publicId: "plain" })
        strictEqual(run.runId, "plain")
        const { conversationId, runId } = run
        const child = yield* runs.submit({ agentId: run.agentId, conversationId, parentRunId: runId })
        deepStrictEqual([child.run.agentId, child.run.parentRunId], ["writer", "plain"])
      }),
    )

    test(
      "submit refuses invalid fields, and submits nothing",
      Effect.gen(function* () {
        const runs = yield* Runs
        const wrong: ReadonlyArray<readonly [string, SubmissionInput]> = [
          ["agentId", { agentId: "" }],
          ["agentId", { agentId: "a".repeat(129) }],
          ["agentId", { agentId: "a\u202eb" }],
          ["publicId", { agentId: "writer", publicId: ".." }],
          ["publicId", { agentId: "writer", publicId: "a\u200bb" }],
          ["mode", { agentId: "writer", mode: "m".repeat(129) }],
          ["conversationId", { agentId: "writer", conversationId: "not a UUID" }],
          ["parentRunId", { agentId: "writer", parentRunId: "a\nb" }],
          ["priority", { agentId: "writer", priority: 1001 }],
        ]
        for (const [field, submission] of wrong) {
          const refused = yield* Effect.flip(runs.submit(submission))
          assertTrue(refused._tag === "InvalidSubmission", `${field}: ${refused._tag}`)
          strictEqual(refused.field, field)
          assertTrue(refused.message.startsWith(`${field}: `), refused.message)
        }
        deepStrictEqual((yield* runs.list()).items, [])
      }),
    )

    test(
      "submit refuses a conversation or a parent that does not exist",
      Effect.gen(function* () {
        const runs = yield* Runs
        const conversationId = yield* Ids.uuidV7
        strictEqual(
          yield* TestRuns.verdictOf(runs.submit(TestRuns.submission({ conversationId }))),
          "ConversationNotFound",
        )
        strictEqual(
          yield* TestRuns.verdictOf(runs.submit(TestRuns.submission({ parentRunId: "unknown" }))),
          "RunNotFound",
        )
        deepStrictEqual((yield* runs.list()).items, [])
      }),
    )

    test(
      "submit stores the parent and the root of a run",
      Effect.gen(function* () {
        const root = yield* TestRuns.submit()
        const child = yield* TestRuns.submit({ parentRunId: root.runId })
        const grandchild = yield* TestRuns.submit({ parentRunId: child.runId })
        strictEqual(grandchild.parentRunId, child.runId)
        strictEqual(grandchild.rootRunId, root.runId)
      }),
    )

    test(
      "list returns every run once, by page, the newest first",
      Effect.gen(function* () {
        const runs = yield* Runs
        for (let index = 0; index < 7; index++) yield* TestRuns.submit({ publicId: `run-${index}` })
        const listed: Array<string> = []
        const sizes: Array<number> = []
        let cursor: string | null | undefined
        while (cursor !== null) {
          const page = yield* runs.list(cursor === undefined ? { limit: 3 } : { limit: 3, cursor })
          listed.push(...page.items.map((run) => run.runId))
          sizes.push(page.items.length)
          cursor = page.next
          // A run submitted between two pages does not shift them.
          if (sizes.length === 1) yield* TestRuns.submit({ publicId: "late" })
        }
        deepStrictEqual(sizes, [3, 3, 1])
        deepStrictEqual(
          listed,
          [6, 5, 4, 3, 2, 1, 0].map((index) => `run-${index}`),
        )
      }),
    )

    test(
      "list filters by status, agent and conversation",
      Effect.gen(function* () {
        const runs = yield* Runs
        const worker = yield* TestRuns.register()
        yield* TestRuns.hold(worker, { publicId: "running", agentId: "a" })
        const pending = yield* TestRuns.submit({ publicId: "pending", agentId: "a" })
        yield* TestRuns.submit({ publicId: "other", agentId: "b" })
        const idsOf = (options: ListRuns) =>
          Effect.map(runs.list(options), ({ items }) => items.map((run) => run.runId))
        deepStrictEqual(yield* idsOf({ status: "running" }), ["running"])
        deepStrictEqual(yield* idsOf({ status: "completed" }), [])
        deepStrictEqual(yield* idsOf({ agentId: Ids.AgentId.make("a") }), ["pending", "running"])
        deepStrictEqual(yield* idsOf({ agentId: Ids.AgentId.make("a"), status: "pending" }), ["pending"])
        deepStrictEqual(yield* idsOf({ conversationId: pending.conversationId }), ["pending"])
      }),
    )
  })
}
