import { type Ids, type Interrupt, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { eventsOf, pidsOf, ports, scripted, type Subject, textOf, until } from "./Agents.js"
import { working } from "./Working.js"

const edit = { title: "Edit a", kind: "edit", rawInput: { path: "/a", text: "x" } }
const run = { title: "Run ls", kind: "execute", rawInput: { command: "ls" } }
const [ask, askBoth] = [{ permission: edit }, { permission: [edit, run] }]

const outcomes = (subject: Subject) =>
  Effect.map(subject.notes, (notes) =>
    notes.flatMap((note) => (note["method"] === "session/request_permission" ? [note["result"]] : [])),
  )

const selected = (optionId: string) => ({ outcome: { outcome: "selected", optionId } })

describe("a permission", () => {
  it.live("is given by policy, as narrowly as can be", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [ask] }, { permission: "allow" })
      strictEqual(textOf(yield* eventsOf(subject)), "[once]")
      deepStrictEqual(yield* outcomes(subject), [selected("once")])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is denied by policy", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [ask] }, { permission: "deny" })
      strictEqual(textOf(yield* eventsOf(subject)), "[no]")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("that no option gives is cancelled", () =>
    Effect.gen(function* () {
      const options = [{ optionId: "no", kind: "reject_once", name: "No" }]
      const subject = yield* scripted({ steps: [{ ...ask, options }] }, { permission: "allow" })
      yield* eventsOf(subject)
      deepStrictEqual(yield* outcomes(subject), [{ outcome: { outcome: "cancelled" } }])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})

const untilEnded = (runId: Ids.RunId) =>
  until(TestRuns.getRun(runId), ({ status }) => status === "completed" || status === "failed")

/** Waits until the run asks, and gives what it asks; by then no process of its agent is left. */
const asked = (subject: Subject, runId: Ids.RunId) =>
  Effect.gen(function* () {
    const { waiting } = yield* until(TestRuns.getRun(runId), ({ status }) => status === "waiting")
    yield* until(pidsOf(subject.token), (pids) => pids.length === 0)
    return waiting!.interrupts
  })

const answer = (
  runId: Ids.RunId,
  ...answers: readonly [Interrupt.Answer, ...ReadonlyArray<Interrupt.Answer>]
) => Effect.flatMap(Runs.Runs, (runs) => runs.resume(runId, answers))

const resolved = (interrupt: Interrupt.Interrupt | undefined, payload: unknown): Interrupt.Answer => ({
  interruptId: interrupt!.id,
  status: "resolved",
  payload,
})

const logText = (runId: Ids.RunId) => Effect.map(TestRuns.eventsOf(runId), textOf)

describe("a question", () => {
  for (const capabilities of [{ loadSession: true }, { sessionCapabilities: { resume: {} } }, {}]) {
    it.live(`is answered in another process, of an agent with ${JSON.stringify(capabilities)}`, () =>
      Effect.gen(function* () {
        const subject = yield* scripted({ capabilities, steps: [ask] }, { permission: "ask" })
        const { runId } = yield* working(subject)
        const [interrupt, ...others] = yield* asked(subject, runId)
        deepStrictEqual(others, [])
        strictEqual(interrupt!.reason, "confirmation")
        strictEqual(interrupt!.message, "Allow Edit a?")
        strictEqual(interrupt!.toolCallId, undefined)
        const options = interrupt!.metadata!["options"] as ReadonlyArray<{ readonly optionId: string }>
        deepStrictEqual(
          options.map(({ optionId }) => optionId),
          ["always", "once", "no"],
        )

        yield* answer(runId, resolved(interrupt, { optionId: "once" }))
        const ended = yield* untilEnded(runId)
        strictEqual(ended.status, "completed")
        strictEqual(yield* logText(runId), "[once]")
        const began = (yield* subject.notes).filter((note) => "started" in note)
        strictEqual(began.length, 2)
      }).pipe(Effect.scoped, Effect.provide(ports)),
    )
  }

  it.live("is asked with the others of its moment, and all are answered at once or one by one", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [askBoth] },
        { permission: "ask" },
      )
      const { runId } = yield* working(subject)
      const [first, second] = yield* asked(subject, runId)
      yield* answer(runId, resolved(first, { approved: true }))
      strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
      yield* answer(runId, resolved(second, false))
      yield* untilEnded(runId)
      deepStrictEqual((yield* logText(runId)).match(/\[\w+\]/g)!.toSorted(), ["[no]", "[once]"])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("about the same call is another one each time, and an answer is told once", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [ask, ask] },
        { permission: "ask" },
      )
      const { runId } = yield* working(subject)
      const [first] = yield* asked(subject, runId)
      yield* answer(runId, resolved(first, { optionId: "once" }))
      const [second] = yield* until(
        Effect.map(TestRuns.getRun(runId), ({ waiting }) => waiting?.interrupts ?? []),
        ([interrupt]) => interrupt !== undefined && interrupt.id !== first!.id,
      )
      strictEqual(second!.id.split(".")[0], first!.id.split(".")[0])
      const { session } = yield* TestRuns.getRun(runId)
      deepStrictEqual((session!.metadata as { readonly told: unknown }).told, [first!.id])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("that is answered for always is answered as often as it comes", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [ask, ask] },
        { permission: "ask" },
      )
      const { runId } = yield* working(subject)
      const [first] = yield* asked(subject, runId)
      yield* answer(runId, resolved(first, "always"))
      yield* untilEnded(runId)
      strictEqual(yield* logText(runId), "[always][always]")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("that whoever was asked declines is denied, and so is an answer that says nothing", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [askBoth] },
        { permission: "ask" },
      )
      const { runId } = yield* working(subject)
      const [first, second] = yield* asked(subject, runId)
      yield* answer(
        runId,
        { interruptId: first!.id, status: "cancelled" },
        resolved(second, { optionId: "all" }),
      )
      yield* untilEnded(runId)
      strictEqual(yield* logText(runId), "[no][no]")
      assertTrue((yield* outcomes(subject)).length >= 2)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("leaves the results of the calls beside it, and nothing that its cancellation brings about", () =>
    Effect.gen(function* () {
      const beside = (status: string, text: string) => ({
        sessionUpdate: status === "in_progress" ? "tool_call" : "tool_call_update",
        toolCallId: "beside",
        title: "Read b",
        status,
        ...(text === "" ? {} : { content: [{ type: "content", content: { type: "text", text } }] }),
      })
      const subject = yield* scripted(
        {
          capabilities: { loadSession: true },
          steps: [
            { update: beside("in_progress", "") },
            {
              ...ask,
              onCancelled: [
                beside("completed", "what b holds"),
                {
                  sessionUpdate: "agent_message_chunk",
                  content: { type: "text", text: "[interrupted]" },
                },
              ],
            },
          ],
        },
        { permission: "ask", cancelGrace: "5 seconds" },
      )
      const { runId } = yield* working(subject)
      yield* asked(subject, runId)
      const events = yield* TestRuns.eventsOf(runId)
      deepStrictEqual(
        events.flatMap((event) =>
          event.type === "TOOL_CALL_RESULT" ? [[String(event.toolCallId).split("-")[0], event.content]] : [],
        ),
        [["beside", "what b holds"]],
      )
      strictEqual(yield* logText(runId), "")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("that the agent withdraws is not asked", () =>
    Effect.gen(function* () {
      const subject = yield* scripted({ steps: [{ withdrawn: edit }, { say: "b" }] }, { permission: "ask" })
      strictEqual(textOf(yield* eventsOf(subject)), "b")
      const answers = (yield* subject.notes).flatMap((note) =>
        "withdrawn" in note ? [note["withdrawn"]] : [],
      )
      deepStrictEqual(answers, [-32800])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
