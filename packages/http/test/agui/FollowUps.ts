import * as current from "@ag-ui/client"
import * as older from "@ag-ui/client-0.0.59"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  type ControlPlane,
  Executor,
  Ids,
  Interrupt,
  Interrupts,
  Leases,
  RequestSnapshot,
  Runs,
} from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Fiber, Predicate, type Scope, Stream } from "effect"
import { type Answer, call } from "../raw.js"
import { Served } from "../serving.js"
import { served, statusOf, type Store, tester, untilStatus } from "./HttpAgents.js"

type Snapshot = RequestSnapshot.RequestSnapshot

const resultsIn = ({ messages }: Snapshot) =>
  new Map(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) =>
        part.type === "tool_result" ? [[String(part["toolCallId"]), part] as const] : [],
      ),
    ),
  )

const toolName = (tool: unknown) => (Predicate.isRecord(tool) ? tool["name"] : undefined)

/** What the executor was given, in a line. */
const describeInput = (snapshot: Snapshot) =>
  [
    ...Array.from(
      new Map([...resultsIn(snapshot)].sort(([a], [b]) => (a < b ? -1 : 1))),
      ([id, { isError, result }]) =>
        isError === true ? `${id} failed: ${String(result)}` : `${id} is ${String(result)}`,
    ),
    `user said ${RequestSnapshot.lastUserText(snapshot)}`,
    `tools ${snapshot.tools.map(toolName).join()}`,
    `state ${JSON.stringify(snapshot.state)}`,
  ].join("; ")

/** A stream that calls two tools of its client, waits for both, beside `questions`, and says what it then was given. */
const caller = (...questions: ReadonlyArray<Interrupt.Interrupt>) =>
  Executor.from(({ snapshot }) => {
    const wanted = ["call-1", "call-2"].filter((id) => !resultsIn(snapshot).has(id))
    const answered = new Set((snapshot.resume ?? []).map(({ interruptId }) => interruptId))
    const [first, ...rest] = [
      ...wanted.map((id): Interrupt.Interrupt => ({
        ...Interrupt.ofToolCall(id, "look_up"),
        clientTool: true,
      })),
      ...questions.filter(({ id }) => !answered.has(id)),
    ]
    if (first === undefined || RequestSnapshot.lastUserText(snapshot) === "never mind") {
      return Stream.make(describeInput(snapshot))
    }
    return Stream.concat(
      Stream.fromIterable(
        wanted.flatMap((id) => [
          AgentEvent.toolCallStart(id, "look_up"),
          AgentEvent.toolCallArgs(id, "{}"),
          AgentEvent.toolCallEnd(id),
        ]),
      ),
      Stream.fail(Executor.awaitAnswers([first, ...rest])),
    )
  })

const approval: Interrupt.Interrupt = { id: "approval", reason: "confirmation", message: "Sure?" }
const yes = { interruptId: "approval", status: "resolved", payload: { approved: true } }

const tools = [{ name: "look_up", description: "", parameters: {} }]

const user = (id: string, content: string) => ({ id, role: "user", content })
const called = {
  id: "called",
  role: "assistant",
  toolCalls: ["call-1", "call-2"].map((id) => ({
    id,
    type: "function",
    function: { name: "look_up", arguments: "{}" },
  })),
}
const told = (toolCallId: string, content: unknown, more: object = {}) => ({
  id: `told-${toolCallId}`,
  role: "tool",
  toolCallId,
  content,
  ...more,
})
const both = [told("call-1", "red"), told("call-2", "blue")]

const post = (
  body: object,
  { headers, query = "" }: { readonly headers?: Record<string, string>; readonly query?: string } = {},
) => call("POST", `/ag-ui/agent${query}`, { body, ...(headers === undefined ? {} : { headers }) })

const input = (runId: string, messages: ReadonlyArray<object>, more: object = {}) => ({
  threadId: "t",
  runId,
  protocolVersion: "1.0",
  messages,
  tools,
  context: [],
  ...more,
})

const first = input("first", [user("m1", "go")])
const second = (more: ReadonlyArray<object> = [], fields: object = {}) =>
  input("second", [user("m1", "go"), called, ...both, ...more], fields)

const outcomeOf = ({ text }: Answer): unknown => {
  const last =
    text
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^data: /, "") ?? ""
  return JSON.parse(last).outcome
}

const interruptsIn = (answer: Answer): ReadonlyArray<unknown> => {
  const outcome = outcomeOf(answer)
  const interrupts = Predicate.isRecord(outcome) ? outcome["interrupts"] : undefined
  return Array.isArray(interrupts) ? interrupts.map(({ id }) => id) : []
}

const textOf = ({ text }: Answer) =>
  Array.from(text.matchAll(/"delta":"((?:[^"\\]|\\.)*)"/g), ([, delta]) => JSON.parse(`"${delta}"`)).join("")

const refusalOf = ({ json, status }: Answer) => [status, json.error]

const runs = Effect.map(
  Effect.flatMap(Runs.Runs, (port) => port.list()),
  ({ items }) => items.map(({ runId, status }) => [runId, status]),
)

/** Servers that follow each other on one store, which `open` makes once and gives to each. */
export const restart = (open: Effect.Effect<Store, never, Scope.Scope>): void => {
  describe("results of an AG-UI client's tools", () => {
    it.scopedLive("find their run on another server, and so do the requests before them", () =>
      Effect.gen(function* () {
        const store = yield* open
        const on = <A, E>(body: Effect.Effect<A, E, Scope.Scope | Served | ControlPlane.ProjectPorts>) =>
          body.pipe(Effect.scoped, Effect.provide(served(store)))
        const asked = yield* on(Effect.zipRight(TestWorker.start(caller()), post(first)))
        strictEqual(yield* on(statusOf("first")), "waiting")
        const went = yield* on(Effect.zipRight(TestWorker.start(caller()), post(second())))
        assertTrue(textOf(went).startsWith("call-1 is red; call-2 is blue"))
        deepStrictEqual(
          yield* on(Effect.forEach([first, second()], (body) => Effect.map(post(body), ({ text }) => text))),
          [asked.text, went.text],
        )
        deepStrictEqual(yield* on(runs), [["first", "completed"]])
      }),
    )
  })
}

/** Inputs of a client whose tools a run called. */
export const suite = (name: string, store: Store): void => {
  const test = tester(store)

  describe(`results of an AG-UI client's tools over ${name}`, () => {
    for (const [version, { HttpAgent }] of [
      ["1.0", current],
      ["0.0.59", older],
    ] as const) {
      test(
        `make the run go on under the run id that brings them (client ${version})`,
        Effect.gen(function* () {
          yield* TestWorker.start(caller())
          const { key, url } = yield* Served
          const agent = new HttpAgent({
            url: `${url}/ag-ui/agent`,
            threadId: "t",
            headers: { authorization: `Bearer ${key}` },
          })
          const run = (runId: string, more: object = {}) =>
            Effect.promise(async () => void (await agent.runAgent({ runId, tools, ...more })))
          agent.addMessage({ id: "m1", role: "user", content: "go" })
          yield* run("first")
          strictEqual(yield* statusOf("first"), "waiting")
          agent.addMessage({ id: "r1", role: "tool", toolCallId: "call-1", content: "red" })
          agent.addMessage({ id: "r2", role: "tool", toolCallId: "call-2", content: "blue" })
          agent.addMessage({ id: "m2", role: "user", content: "and then" })
          agent.setState({ n: 1 })
          yield* run("second", { tools: [...tools, { name: "more", description: "", parameters: {} }] })
          strictEqual(
            agent.messages.findLast(({ role }) => role === "assistant")?.content,
            'call-1 is red; call-2 is blue; user said and then; tools look_up,more; state {"n":1}',
          )
          deepStrictEqual(yield* runs, [["first", "completed"]])
          agent.addMessage({ id: "m3", role: "user", content: "never mind" })
          yield* run("third")
          deepStrictEqual(yield* runs, [
            ["third", "completed"],
            ["first", "completed"],
          ])
        }),
      )
    }

    test(
      "end their part as the result of a call, and the parts are found again by their ids",
      Effect.gen(function* () {
        yield* TestWorker.start(caller())
        const asked = yield* post(first)
        deepStrictEqual(outcomeOf(asked), { type: "success", pendingToolCallIds: ["call-1", "call-2"] })
        const went = yield* post(second())
        deepStrictEqual(outcomeOf(went), { type: "success" })
        strictEqual(
          textOf(went),
          "call-1 is red; call-2 is blue; user said go; tools look_up; state undefined",
        )

        strictEqual((yield* post(first)).text, asked.text)
        strictEqual((yield* post(second())).text, went.text)
        deepStrictEqual(refusalOf(yield* post(second([user("m2", "more")]))), [409, "submission_conflict"])
        deepStrictEqual(refusalOf(yield* post(input("first", [user("m1", "other")]))), [
          409,
          "submission_conflict",
        ])
        const [, lastSeen = ""] = /\nid: (\d+)\n/.exec(went.text) ?? []
        const rest = yield* post(second(), { headers: { "last-event-id": lastSeen } })
        assertTrue(rest.text.length < went.text.length && went.text.endsWith(rest.text.slice(3)))

        const byId = yield* call("GET", "/runs/second")
        deepStrictEqual([byId.json.run_id, byId.json.status], ["first", "completed"])
        const events = yield* call("GET", "/runs/second/events")
        strictEqual(events.text, (yield* call("GET", "/runs/first/events")).text)
        deepStrictEqual(yield* runs, [["first", "completed"]])

        const thread = yield* call("GET", "/threads/t")
        deepStrictEqual(
          thread.json.messages.map((message: { readonly role: string }) => message.role),
          ["user", "assistant", "tool", "tool", "assistant"],
        )
      }),
    )

    test(
      "and answers to its questions may come under the id of the part that asked, as CopilotKit sends them",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(() =>
            Effect.gen(function* () {
              const [one, two] = [
                yield* Interrupts.approve("one", { message: "One?" }),
                yield* Interrupts.approve("two", { message: "Two?" }),
              ]
              return `one ${one}, two ${two}`
            }),
          ),
        )
        const answer = (interruptId: string) => ({ resume: [{ ...yes, interruptId }] })
        const asked = yield* post(first)
        const once = yield* post({ ...first, ...answer("one") })
        deepStrictEqual(interruptsIn(once), ["two"])
        const twice = yield* post({ ...first, ...answer("two") })
        strictEqual(textOf(twice), "one true, two true")
        strictEqual((yield* post({ ...first, ...answer("two") })).text, twice.text)
        strictEqual((yield* post(first)).text, asked.text)
        deepStrictEqual(yield* runs, [["first", "completed"]])
      }),
    )

    test(
      "may be failures, whose reason the agent reads, or parts",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(({ snapshot }) => {
            const results = resultsIn(snapshot)
            return results.size === 0
              ? Stream.fail(
                  Executor.awaitAnswers([
                    { ...Interrupt.ofToolCall("call-1", "look_up"), clientTool: true },
                    { ...Interrupt.ofToolCall("call-2", "look_up"), clientTool: true },
                  ]),
                )
              : Stream.make(JSON.stringify(snapshot.resume))
          }),
        )
        yield* post(first)
        const parts = [{ type: "text", text: "in parts" }]
        const went = yield* post(
          input("second", [
            user("m1", "go"),
            called,
            told("call-1", "", { error: "No such page" }),
            told("call-2", parts),
          ]),
        )
        deepStrictEqual(JSON.parse(textOf(went)), [
          { interruptId: "call-1", status: "resolved", payload: "No such page", isError: true },
          { interruptId: "call-2", status: "resolved", payload: parts },
        ])
      }),
    )

    test(
      "that are missing, some or all, end the run, and the input is another",
      Effect.gen(function* () {
        yield* TestWorker.start(caller())
        for (const [index, results] of [[], [both[0]!]].entries()) {
          const threadId = `t${index}`
          yield* post({ ...first, threadId, runId: `first-${index}` })
          const next = input(
            `next-${index}`,
            [user("m1", "go"), called, ...results, user("m2", "never mind")],
            {
              threadId,
            },
          )
          const answered = yield* post(next)
          assertTrue(textOf(answered).includes("user said never mind"), answered.text)
          strictEqual(yield* statusOf(`first-${index}`), "completed")
          strictEqual(yield* statusOf(`next-${index}`), "completed")
          strictEqual((yield* post(next)).text, answered.text)
        }
      }),
    )

    test(
      "that are missing leave a run to wait that no AG-UI client submitted, and the input waits behind it",
      Effect.gen(function* () {
        yield* TestWorker.start(caller())
        const port = yield* Runs.Runs
        yield* post(input("before", [user("m1", "never mind")]))
        const { conversationId } = yield* TestRuns.getRun(Ids.RunId.make("before"))
        yield* port.submit({ agentId: "agent", publicId: "plain", conversationId })
        yield* untilStatus("plain", "waiting")
        yield* post(input("next", [user("m2", "never mind")]), { query: "?detach=true", headers: {} }).pipe(
          Effect.forkScoped,
        )
        yield* untilStatus("next", "pending")
        strictEqual(yield* statusOf("plain"), "waiting")
        yield* port.resume(Ids.RunId.make("plain"), [
          Interrupt.toolResult("call-1", 1),
          Interrupt.toolResult("call-2", 2),
        ])
        yield* untilStatus("next", "completed")
        strictEqual(yield* statusOf("plain"), "completed")
      }),
    )

    test(
      "stand beside answers of `resume`, and an interrupt needs its own",
      Effect.gen(function* () {
        yield* TestWorker.start(caller(approval))
        const asked = yield* post(first)
        deepStrictEqual(outcomeOf(asked), {
          type: "interrupt",
          interrupts: [approval],
        })
        deepStrictEqual(refusalOf(yield* post(second())), [409, "thread_waiting"])
        strictEqual(yield* statusOf("first"), "waiting")
        const went = yield* post(second([user("m2", "yes")], { resume: [yes] }))
        assertTrue(textOf(went).startsWith("call-1 is red; call-2 is blue; user said yes"), went.text)
        strictEqual((yield* post(second([user("m2", "yes")], { resume: [yes] }))).text, went.text)
        const no = { ...yes, payload: { approved: false } }
        deepStrictEqual(refusalOf(yield* post(second([user("m2", "yes")], { resume: [no] }))), [
          409,
          "not_waiting",
        ])
      }),
    )

    test(
      "have the edits of an approval in its payload, where the interrupt allows them",
      Effect.gen(function* () {
        const refund: Interrupt.Interrupt = {
          ...approval,
          responseSchema: Interrupts.approvalSchemaOf({
            type: "object",
            properties: { euros: { type: "number", maximum: 40 } },
          }),
        }
        yield* TestWorker.start(caller(refund))
        yield* post(first)
        const edited = (euros: unknown) => ({ ...yes, payload: { approved: true, editedArgs: { euros } } })
        const refused = yield* post(second([user("m2", "yes")], { resume: [edited(50)] }))
        deepStrictEqual(
          [refusalOf(refused), refused.json.detail],
          [[422, "answer_refused"], "payload.editedArgs: `euros` is more than 40"],
        )
        strictEqual(yield* statusOf("first"), "waiting")
        const went = yield* post(second([user("m2", "yes")], { resume: [edited(30)] }))
        assertTrue(textOf(went).startsWith("call-1 is red"), went.text)
        // Who has answered is in the log, and between the parts that the client is shown.
        assertTrue(!went.text.includes("answered"), went.text)
        const events = yield* TestRuns.eventsOf(Ids.RunId.make("first"))
        deepStrictEqual(
          events.flatMap(({ name, value }) =>
            name === "runlease.answered" ? (value as { readonly answers: unknown }).answers : [],
          ),
          [{ interrupt_id: "approval", approved: true, edited_args: { euros: 30 } }],
        )
        strictEqual((yield* post(second([user("m2", "yes")], { resume: [edited(30)] }))).text, went.text)
      }),
    )

    test(
      "may come as entries of `resume`, and entries for nothing stop no message beside them",
      Effect.gen(function* () {
        yield* TestWorker.start(caller())
        const nothing = { interruptId: "nothing", status: "resolved", payload: 1 }
        const alone = yield* post(input("alone", [user("m1", "never mind")], { resume: [nothing] }))
        assertTrue(textOf(alone).includes("user said never mind"))
        yield* post(first)
        const went = yield* post(
          input("second", [user("m1", "go"), called, told("call-2", "blue"), user("m2", "so")], {
            resume: [{ interruptId: "call-1", status: "resolved", payload: "green" }, nothing],
          }),
        )
        assertTrue(textOf(went).startsWith("call-1 is green; call-2 is blue; user said so"), went.text)
        deepStrictEqual(yield* runs, [
          ["first", "completed"],
          ["alone", "completed"],
        ])
      }),
    )

    test(
      "race, and one of them makes the run go on",
      Effect.gen(function* () {
        yield* TestWorker.start(caller())
        yield* post(first)
        const same = ["x", "y"].map((runId) => post({ ...second(), runId }))
        const other = post(
          input("x", [user("m1", "go"), called, told("call-1", "green"), told("call-2", "grey")]),
        )
        const answers = yield* Effect.all([...same, other], { concurrency: "unbounded" })
        const shown = answers.filter(({ status }) => status === 200).map(textOf)
        assertTrue(shown.length >= 1)
        strictEqual(new Set(shown).size, 1)
        deepStrictEqual(
          answers.filter(({ status }) => status !== 200).map(refusalOf),
          answers.filter(({ status }) => status !== 200).map(() => [409, "submission_conflict"]),
        )
        deepStrictEqual(yield* runs, [["first", "completed"]])
      }),
    )

    test(
      "are cancelled by their own id, also where the worker that had them is gone",
      Effect.gen(function* () {
        const leases = yield* Leases.Leases
        const worker = yield* TestRuns.register()
        const detach = { query: "?detach=true" }
        const asked = yield* Effect.forkScoped(post(first, detach))
        yield* untilStatus("first", "pending")
        const held = yield* TestRuns.claimOne(worker)
        yield* leases.suspend(TestRuns.leaseOf(held), {
          interrupts: [Interrupt.ofToolCall("call-1", "look_up"), Interrupt.ofToolCall("call-2", "look_up")],
        })
        yield* Fiber.join(asked)
        const going = yield* Effect.forkScoped(post(second(), detach))
        yield* untilStatus("first", "pending")
        const again = yield* TestRuns.claimOne(worker)
        yield* leases.release(TestRuns.leaseOf(again), { reason: "gone" })
        yield* untilStatus("first", "pending")
        const taken = yield* TestRuns.claimOne(yield* TestRuns.register("other"))
        deepStrictEqual(taken.snapshot, again.snapshot)
        const cancelled = yield* call("POST", "/runs/second/cancel")
        deepStrictEqual([cancelled.json.cancelled, cancelled.json.run.run_id], [true, "first"])
        const went = yield* Fiber.join(going)
        deepStrictEqual(outcomeOf(went), { type: "cancelled" })
      }),
    )

    test(
      "come too late once the wait has expired, and the input is served",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from(({ snapshot }) =>
            resultsIn(snapshot).size === 0
              ? Stream.fail(
                  Executor.awaitAnswers(
                    [{ ...Interrupt.ofToolCall("call-1", "look_up"), clientTool: true }],
                    "1 second",
                  ),
                )
              : Stream.make(describeInput(snapshot)),
          ),
        )
        yield* post(first)
        yield* untilStatus("first", "failed")
        const late = yield* post(second())
        assertTrue(textOf(late).startsWith("call-1 is red"))
        deepStrictEqual(yield* runs, [
          ["second", "completed"],
          ["first", "failed"],
        ])
      }),
    )
  })
}
