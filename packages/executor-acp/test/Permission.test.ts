import { type Ids, type Interrupt, Runs } from "@runlease/core"
import { TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { eventsOf, pidsOf, ports, scripted, type Subject, textOf, until } from "./Agents.js"
import { startRun } from "./AgentWorkers.js"

const edit = { title: "Edit a", kind: "edit", rawInput: { path: "/a", text: "x" } }
const run = { title: "Run ls", kind: "execute", rawInput: { command: "ls" } }
const [ask, askBoth] = [{ permission: edit }, { permission: [edit, run] }]

const outcomes = (subject: Subject) =>
  Effect.map(subject.notes, (notes) =>
    notes.flatMap((note) => (note["method"] === "session/request_permission" ? [note["result"]] : [])),
  )

const selected = (optionId: string) => ({ outcome: { outcome: "selected", optionId } })

describe("a permission", () => {
  it.live("is given by policy, with the narrowest option", () =>
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

  it.live("without an option for it is cancelled", () =>
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

/** The interrupts that the run waits for, once no process of the agent is left. */
const untilWaiting = (subject: Subject, runId: Ids.RunId) =>
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
    it.live(`gets its answer in another process, of an agent with ${JSON.stringify(capabilities)}`, () =>
      Effect.gen(function* () {
        const subject = yield* scripted({ capabilities, steps: [ask] }, { permission: "ask" })
        const { runId } = yield* startRun(subject)
        const [interrupt, ...others] = yield* untilWaiting(subject, runId)
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

  it.live("waits together with others of the same time, which are answered at once or one by one", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [askBoth] },
        { permission: "ask" },
      )
      const { runId } = yield* startRun(subject)
      const [first, second] = yield* untilWaiting(subject, runId)
      yield* answer(runId, resolved(first, { approved: true }))
      strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
      yield* answer(runId, resolved(second, false))
      yield* untilEnded(runId)
      deepStrictEqual((yield* logText(runId)).match(/\[\w+\]/g)!.toSorted(), ["[no]", "[once]"])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("about the same call is a new one each time, and an answer counts once", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [ask, ask] },
        { permission: "ask" },
      )
      const { runId } = yield* startRun(subject)
      const [first] = yield* untilWaiting(subject, runId)
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

  it.live("with an answer for always gets that answer each time", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [ask, ask] },
        { permission: "ask" },
      )
      const { runId } = yield* startRun(subject)
      const [first] = yield* untilWaiting(subject, runId)
      yield* answer(runId, resolved(first, "always"))
      yield* untilEnded(runId)
      strictEqual(yield* logText(runId), "[always][always]")
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("is denied if the person declines, or if the answer has no meaning", () =>
    Effect.gen(function* () {
      const subject = yield* scripted(
        { capabilities: { loadSession: true }, steps: [askBoth] },
        { permission: "ask" },
      )
      const { runId } = yield* startRun(subject)
      const [first, second] = yield* untilWaiting(subject, runId)
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

  it.live("logs the results of other calls, and no events that the cancellation causes", () =>
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
      const { runId } = yield* startRun(subject)
      yield* untilWaiting(subject, runId)
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

  it.live("that the agent withdraws does not suspend the run", () =>
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
