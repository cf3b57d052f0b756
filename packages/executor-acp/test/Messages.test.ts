/** Runs that are told something while their agent works. */
import { Conversations, type Ids, RequestSnapshot, Runs } from "@runlease/core"
import { RecordedTurns } from "@runlease/core/executor"
import { EventOrder, TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertInclude, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Exit, Predicate, Scope } from "effect"
import { conversationId, gate, ports, rewrite, scripted, type Subject, textOf, until } from "./Agents.js"
import { startRun, startWorker } from "./AgentWorkers.js"

const tell = (runId: Ids.RunId, ...texts: ReadonlyArray<string>) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.tell(runId, { parts: texts.map(RequestSnapshot.textPart) }))

const prompting = (notes: Effect.Effect.Success<Subject["notes"]>) =>
  notes.flatMap(({ in: session, prompt }) =>
    Array.isArray(prompt)
      ? [{ session, texts: prompt.map((block) => (Predicate.isRecord(block) ? String(block["text"]) : "")) }]
      : [],
  )

const promptsOf = ({ notes }: Subject) => Effect.map(notes, (all) => prompting(all).map(({ texts }) => texts))

const countOf = ({ notes }: Subject, key: string) =>
  Effect.map(notes, (all) => all.filter((note) => key in note).length)

const untilText = (runId: Ids.RunId, text: string) =>
  until(TestRuns.eventsOf(runId), (events) => textOf(events).includes(text))

const untilCompleted = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const { error, status } = yield* until(
      TestRuns.getRun(runId),
      (run) => !["pending", "running"].includes(run.status),
    )
    strictEqual(status, "completed", JSON.stringify(error))
    const events = yield* TestRuns.eventsOf(runId)
    // A run that has waited has a part for each answer.
    const starts = events.flatMap(({ type }, index) => (type === "RUN_STARTED" ? [index] : []))
    for (const [part, start] of starts.entries()) {
      deepStrictEqual(EventOrder.violations(events.slice(start, starts[part + 1]), { ended: true }), [])
    }
    return events
  })

/** The records in a log: the number of a turn that has ended, or of one that has taken messages, with the last message. */
const recordsOf = (events: Effect.Effect.Success<ReturnType<typeof untilCompleted>>) =>
  events.flatMap(({ name, value }) => {
    if (!Predicate.isRecord(value)) return []
    if (name === "runlease.step") return [["turn", value["key"]]]
    return name === "runlease.inbox" ? [["inbox", value["key"], value["to"]]] : []
  })

const load = { loadSession: true }

describe("a run that is told something while its agent works", () => {
  it.live("gives it to the agent behind its turn, in the same session", () =>
    Effect.gen(function* () {
      const [told, heard, again] = yield* Effect.all([gate, gate, gate])
      const subject = yield* scripted({
        turns: [
          [{ say: "One" }, told.step, { say: ", still" }, heard.step, { say: ". " }],
          [{ say: "Two" }, again.step, { say: ". " }],
          [{ say: "Three." }],
        ],
      })
      const { runId } = yield* startRun(subject)
      yield* untilText(runId, "One")
      yield* tell(runId, "left", "now")
      yield* tell(runId, "slowly")
      yield* told.open
      // With this text the worker has heard of the messages.
      yield* untilText(runId, "still")
      deepStrictEqual(yield* promptsOf(subject), [["do it"]])
      yield* heard.open
      yield* untilText(runId, "Two")
      yield* tell(runId, "right")
      yield* again.open
      const events = yield* untilCompleted(runId)
      strictEqual(textOf(events), "One, still. Two. Three.")
      deepStrictEqual(recordsOf(events), [
        ["turn", 0],
        ["inbox", 1, 2],
        ["turn", 1],
        ["inbox", 2, 3],
        ["turn", 2],
      ])
      const prompts = prompting(yield* subject.notes)
      deepStrictEqual(
        prompts.map(({ texts }) => texts),
        [["do it"], ["left", "now", "slowly"], ["right"]],
      )
      strictEqual(new Set(prompts.map(({ session }) => session)).size, 1)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("ends with its turn and has no other record, if it is told nothing", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ say: "One" }] })
      const { runId } = yield* startRun(subject)
      const events = yield* untilCompleted(runId)
      deepStrictEqual(recordsOf(events), [["turn", 0]])
      deepStrictEqual(yield* promptsOf(subject), [["do it"]])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("ends with a turn that its agent gave up", () =>
    Effect.gen(function* () {
      const told = yield* gate
      const subject = yield* scripted({ steps: [{ say: "One" }, told.step, { stop: "max_tokens" }] })
      const { runId } = yield* startRun(subject)
      yield* untilText(runId, "One")
      yield* tell(runId, "left")
      yield* told.open
      const { error } = yield* until(TestRuns.getRun(runId), ({ status }) => status === "failed")
      strictEqual(error?.code, "max_tokens")
      deepStrictEqual(yield* promptsOf(subject), [["do it"]])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("gives it to the agent again if the worker ends in the turn that has it, and no earlier turn", () =>
    Effect.gen(function* () {
      const told = yield* gate
      const subject = yield* scripted({
        capabilities: load,
        turns: [
          [{ say: "One. " }, told.step],
          [{ say: "Tw" }, { hang: true }],
        ],
      })
      const first = yield* Scope.make()
      const { runId } = yield* Scope.extend(startRun(subject), first)
      yield* untilText(runId, "One")
      yield* tell(runId, "left")
      yield* told.open
      yield* untilText(runId, "Tw")
      yield* rewrite(subject, { turns: [[{ say: "o." }]] })
      yield* Scope.close(first, Exit.void)
      yield* startWorker(subject)
      const events = yield* untilCompleted(runId)
      strictEqual(textOf(events), "One. Two.")
      deepStrictEqual(recordsOf(events), [
        ["turn", 0],
        ["inbox", 1, 1],
        ["turn", 1],
      ])
      const prompts = prompting(yield* subject.notes)
      deepStrictEqual(
        prompts.map(({ texts }) => texts.at(-1)),
        ["do it", "left", "left"],
      )
      assertInclude(prompts[2]!.texts[0]!, "Go on from where you were")
      strictEqual(new Set(prompts.map(({ session }) => session)).size, 1)
      deepStrictEqual([yield* countOf(subject, "loaded"), yield* countOf(subject, "cancel")], [1, 1])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("gives it to the agent again with the answer to a question that it led to", () =>
    Effect.gen(function* () {
      const told = yield* gate
      const permission = { title: "Edit a", kind: "edit", rawInput: { path: "/a" } }
      const subject = yield* scripted(
        { capabilities: load, turns: [[{ say: "One. " }, told.step], [{ permission }]] },
        { permission: "ask" },
      )
      const { runId } = yield* startRun(subject)
      yield* untilText(runId, "One")
      yield* tell(runId, "left")
      yield* told.open
      const { waiting } = yield* until(TestRuns.getRun(runId), ({ status }) => status === "waiting")
      yield* rewrite(subject, { turns: [[{ permission }, { say: " Two." }]] })
      const runs = yield* Runs.Runs
      yield* runs.resume(runId, [
        { interruptId: waiting!.interrupts[0]!.id, status: "resolved", payload: { approved: true } },
      ])
      const events = yield* untilCompleted(runId)
      strictEqual(textOf(events), "One. [once] Two.")
      const prompts = yield* promptsOf(subject)
      deepStrictEqual(
        prompts.map((texts) => texts.at(-1)),
        ["do it", "left", "left"],
      )
      assertInclude(prompts[2]![0]!, "the answer is there now")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  for (const [how, capabilities] of [
    ["its session goes on", load],
    ["its session is lost", {}],
  ] as const) {
    it.live(`goes on with it in the next attempt if its agent was about to exit, and ${how}`, () =>
      Effect.gen(function* () {
        // The agent does not exit, so the outcome is not written before it is killed.
        const subject = yield* scripted(
          { capabilities, stubborn: true, turns: [[{ say: "One. " }]] },
          { cancelGrace: "2 seconds" },
        )
        const { runId } = yield* startRun(subject)
        yield* until(TestRuns.eventsOf(runId), (events) => events.some(RecordedTurns.isRecord))
        yield* tell(runId, "left")
        yield* rewrite(subject, { turns: [[{ say: "Two." }]], stubborn: false })
        const events = yield* untilCompleted(runId)
        strictEqual(textOf(events), "One. Two.")
        const [first, second, ...others] = yield* promptsOf(subject)
        deepStrictEqual([first, second!.at(-1), others], [["do it"], "left", []])
        deepStrictEqual(second!.length, how === "its session is lost" ? 2 : 1)
        if (second!.length === 2) assertInclude(second![0]!, "user: do it\n\nassistant: One. ")
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("does not give it to the agent again in the next run of the conversation", () =>
    Effect.gen(function* () {
      const told = yield* gate
      const subject = yield* scripted({
        capabilities: load,
        turns: [[{ say: "One. " }, told.step], [{ say: "Two." }]],
      })
      const conversations = yield* Conversations.Conversations
      yield* conversations.create({ id: conversationId })
      const add = (text: string) =>
        conversations.addMessage(conversationId, { role: "user", parts: [RequestSnapshot.textPart(text)] })
      yield* add("first")
      const { runId } = yield* startRun(subject, { conversationId })
      yield* untilText(runId, "One")
      const runs = yield* Runs.Runs
      yield* runs.tell(runId, { parts: [RequestSnapshot.textPart("left")], idempotencyKey: "key" })
      yield* told.open
      yield* untilCompleted(runId)
      yield* add("second")
      const next = yield* TestRuns.submit({ conversationId })
      yield* untilCompleted(next.runId)
      deepStrictEqual(yield* promptsOf(subject), [["first"], ["left"], ["second"]])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
