/** Conversations suite: which conversations the list has, in which order, and what changes them. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { type ConversationFilter, Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { textPart } from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { DateTime, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

/** The ids of all pages of the list. */
const listed = (filter: ConversationFilter = {}) =>
  Effect.gen(function* () {
    const conversations = yield* Conversations
    const ids: Array<string> = []
    let cursor: string | undefined
    do {
      const page = yield* conversations.list({ ...filter, limit: 2, cursor })
      assertTrue(page.items.length <= 2)
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return ids
  })

/** Creates conversations of these titles, a second apart. */
const created = <const Titles extends ReadonlyArray<string>>(titles: Titles) =>
  Effect.flatMap(Conversations, ({ create }) =>
    Effect.map(
      Effect.forEach(titles, (title) => Effect.tap(create({ title }), TestClock.adjust("1 second"))),
      (made) => made.map(({ id }) => id) as { readonly [I in keyof Titles]: Ids.ConversationId },
    ),
  )

const message = { role: "user", parts: [textPart("Hello")] }

const inListTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "the list has the conversation first that was updated last",
    Effect.gen(function* () {
      const { addMessage, get, list, update } = yield* Conversations
      const [a, b, c, d, e] = yield* created(["a", "b", "c", "d", "e"])
      deepStrictEqual(yield* listed(), [e, d, c, b, a])
      yield* addMessage(b, message)
      yield* TestClock.adjust("1 second")
      yield* update(a, { title: "A" })
      yield* TestClock.adjust("1 second")
      yield* TestRuns.submit({ conversationId: d })
      deepStrictEqual(yield* listed(), [d, a, b, e, c])
      const [first] = (yield* list({ limit: 1 })).items
      deepStrictEqual(first, yield* get(d))
      strictEqual(yield* TestRuns.verdictOf(list({ cursor: "x" })), "InvalidCursor")
    }),
  )

  test(
    "the list has conversations that somebody uses, and not those that runs have made for themselves",
    Effect.gen(function* () {
      const { addMessage, create, update } = yield* Conversations
      const runs = yield* Runs
      yield* runs.submitMany(Array.from({ length: 20 }, () => TestRuns.submission()))
      deepStrictEqual(yield* listed(), [])
      const [named, renamed, described, written, messaged, repeated] = yield* Effect.replicateEffect(
        TestRuns.submit(),
        6,
      )
      yield* TestRuns.submit({ conversationId: named!.conversationId })
      yield* update(renamed!.conversationId, { title: "Report" })
      yield* update(described!.conversationId, { metadata: { marked: true } })
      yield* addMessage(written!.conversationId, message)
      yield* runs.tell(messaged!.runId, { parts: message.parts })
      const made = yield* create()
      // What repeats a run names the run, and not its conversation.
      yield* runs.cancel(repeated!.runId)
      yield* runs.retry(repeated!.runId)
      yield* runs.fork(repeated!.runId, { after: (yield* TestRuns.getRun(repeated!.runId)).latestEventId })
      deepStrictEqual(
        new Set(yield* listed()),
        new Set([
          ...[named, renamed, described, written, messaged].map((run) => run!.conversationId as string),
          made.id,
        ]),
      )
    }),
  )
}

const filterTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "the list has the conversations of a filter",
    Effect.gen(function* () {
      const { create } = yield* Conversations
      const [report, trip, both] = yield* created(["Weekly report", "Trip to Oslo", "REPORT of the trip"])
      const gold = yield* create({ metadata: { customer: { plan: "gold" } } })
      const silver = yield* create({ metadata: { customer: { plan: "silver" }, large: "x".repeat(20_000) } })
      deepStrictEqual(yield* listed({ text: "report" }), [both, report])
      deepStrictEqual(yield* listed({ text: "trip", agentId: Ids.AgentId.make("writer") }), [])
      yield* TestRuns.submit({ conversationId: trip, agentId: "writer" })
      yield* TestRuns.submit({ conversationId: both, agentId: "reader" })
      const [reader, writer] = [Ids.AgentId.make("reader"), Ids.AgentId.make("writer")]
      deepStrictEqual(yield* listed({ agentId: writer }), [trip])
      deepStrictEqual(new Set(yield* listed({ agentId: [reader, writer] })), new Set([both, trip]))
      deepStrictEqual(yield* listed({ metadata: { "customer.plan": "gold" } }), [gold.id])
      // Its metadata is more than a search reads.
      deepStrictEqual(yield* listed({ metadata: { "customer.plan": ["gold", "silver"] } }), [gold.id])
      strictEqual((yield* listed()).includes(silver.id), true)
    }),
  )

  test(
    "from and to bound when a conversation was updated",
    Effect.gen(function* () {
      const { get, update } = yield* Conversations
      const [a, b, c] = yield* created(["a", "b", "c"])
      const from = (yield* get(b)).updatedAt
      const to = (yield* get(c)).updatedAt
      deepStrictEqual(yield* listed({ from }), [c, b])
      deepStrictEqual(yield* listed({ to }), [b, a])
      deepStrictEqual(yield* listed({ from, to }), [b])
      deepStrictEqual(yield* listed({ from, to: DateTime.add(to, { seconds: -1 }) }), [])
      yield* update(a, { title: "a" })
      deepStrictEqual(yield* listed({ to }), [b])
    }),
  )
}

const updateTests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "update changes what it names, and nothing else",
    Effect.gen(function* () {
      const { addMessage, create, get, messages, update } = yield* Conversations
      const { id } = yield* create({ title: "Trip", metadata: { tag: "x" } })
      yield* addMessage(id, message)
      const renamed = yield* update(id, { title: "Trip to Oslo" })
      deepStrictEqual([renamed.title, renamed.metadata], ["Trip to Oslo", { tag: "x" }])
      deepStrictEqual(renamed, yield* get(id))
      const described = yield* update(id, { metadata: { other: [1] } })
      deepStrictEqual([described.title, described.metadata], ["Trip to Oslo", { other: [1] }])
      const cleared = yield* update(id, { title: null, metadata: null })
      deepStrictEqual([cleared.title, cleared.metadata], [null, null])
      deepStrictEqual(yield* update(id, {}), yield* get(id))
      strictEqual((yield* messages(id)).items.length, 1)
      const unknown = Ids.ConversationId.make(yield* Ids.uuidV7)
      strictEqual(yield* TestRuns.verdictOf(update(unknown, { title: "x" })), "ConversationNotFound")
      strictEqual(yield* TestRuns.verdictOf(get(unknown)), "ConversationNotFound")
    }),
  )
}

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  inListTests(test)
  filterTests(test)
  updateTests(test)
}
