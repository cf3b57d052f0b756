import { expect, layer } from "@effect/vitest"
import { AgentEvent, Executor, Interrupts, RequestSnapshot } from "@runlease/core"
import { Effect, Stream } from "effect"
import * as AssistantPage from "./AssistantPage.js"
import * as Server from "./Server.js"

/** A message as one line: its text, its tool calls, or the result of one. */
const lineOf = ({ parts, role }: RequestSnapshot.SnapshotMessage) =>
  [role, ...parts.flatMap(({ result, text, toolName }) => [text, toolName, result]).filter(Boolean)].join(" ")

/** An agent that sets or chooses a colour with the page's tools, requests approval for a refund, or tells an endless story. Otherwise it answers with its messages. */
const assistant = Executor.from((run) => {
  const { messages } = run.snapshot
  const text = RequestSnapshot.lastUserText(run.snapshot)
  const result = messages.at(-1)?.parts.find(({ type }) => type === "tool_result")
  if (result !== undefined) return Effect.succeed(`Done: ${String(result["result"])}`)
  if (text.startsWith("Tell")) return Stream.concat(Stream.make("Once upon a time"), Stream.never)
  if (text.startsWith("Refund")) {
    return Effect.map(Interrupts.approve("refund", { message: `${text}?` }), (approved) =>
      approved ? "Refunded" : "Not refunded",
    )
  }
  const tool = { Make: "setAccent", Choose: "chooseAccent" }[text.split(" ")[0] ?? ""]
  if (tool === undefined) return Effect.succeed(messages.map(lineOf).join("; "))
  const callId = `call-${run.runId}`
  return Stream.concat(
    Stream.make(
      AgentEvent.toolCallStart(callId, tool),
      AgentEvent.toolCallArgs(callId, '{"color":"teal"}'),
      AgentEvent.toolCallEnd(callId),
    ),
    Stream.fail(Executor.awaitToolResult(callId, tool)),
  )
})

const parameters = { type: "object", properties: { color: { type: "string" } } } as const

const tools: ReadonlyArray<AssistantPage.Tool> = [
  {
    toolName: "setAccent",
    type: "frontend",
    description: "Sets the accent colour of the page",
    parameters,
    execute: async ({ color }) => `${color} it is`,
  },
  { toolName: "chooseAccent", type: "human", description: "Has the user choose the colour", parameters },
]

const open = (threadId: string) => AssistantPage.open(threadId, tools)

const say = (page: AssistantPage.Page, text: string) => page.answer(() => page.thread.append(text))

/** Shows the tool that the user executes. */
const asksToChoose = (page: AssistantPage.Page) =>
  Effect.gen(function* () {
    page.thread.append("Choose a colour")
    yield* page.until(
      ({ isRunning, messages }) => !isRunning && messages.at(-1)?.status?.type === "requires-action",
    )
  })

const asksToApprove = (page: AssistantPage.Page) =>
  Effect.gen(function* () {
    page.thread.append("Refund 400 EUR")
    yield* page.until(({ isRunning }) => !isRunning && page.buttons().length === 2)
  })

const click = (page: AssistantPage.Page, label: string) =>
  page.answer(() =>
    page
      .buttons()
      .find(({ props }) => props["children"] === label)
      ?.props["onClick"](),
  )

const tells = (page: AssistantPage.Page) =>
  Effect.gen(function* () {
    page.thread.append("Tell a story")
    yield* page.until((thread) => AssistantPage.lastText(thread) === "Once upon a time")
  })

const stopped = (page: AssistantPage.Page) =>
  Effect.gen(function* () {
    page.thread.cancelRun()
    yield* page.until(({ isRunning }) => !isRunning)
  })

const shown = (page: AssistantPage.Page) => page.thread.getState().messages.map(({ role }) => role)

const chosen = 'user Choose a colour; assistant chooseAccent; tool {"error":"Tool call cancelled by user"}'

layer(AssistantPage.layer(Server.startWith(assistant)), { excludeTestServices: true, timeout: "2 minutes" })(
  "assistant-ui's runtime",
  (it) => {
    it.scoped("shows an answer, and the thread after a reload", () =>
      Effect.gen(function* () {
        const threadId = crypto.randomUUID()
        const page = yield* open(threadId)
        expect(shown(page)).toEqual([])
        expect(yield* say(page, "hello")).toBe("user hello")
        const reloaded = yield* open(threadId)
        expect(shown(reloaded)).toEqual(["user", "assistant"])
        expect(yield* say(reloaded, "again")).toBe("user hello; assistant user hello; user again")
      }),
    )

    it.scoped("executes a tool of the page, and sends its result in a run of its own", () =>
      Effect.gen(function* () {
        const threadId = crypto.randomUUID()
        const page = yield* open(threadId)
        expect(yield* say(page, "Make it teal")).toBe("Done: teal it is")
        expect(page.inputs().map(({ messages }) => messages.at(-1)?.role)).toEqual(["user", "tool"])
        expect(new Set(page.inputs().map(({ runId }) => runId)).size).toBe(2)
        const before = "user Make it teal; assistant setAccent; tool teal it is; assistant Done: teal it is"
        expect(yield* say(page, "hello")).toBe(`${before}; user hello`)
        expect(yield* say(yield* open(threadId), "again")).toContain(`${before}; user hello; assistant`)
      }),
    )

    it.scoped("lets the user execute a tool", () =>
      Effect.gen(function* () {
        const page = yield* open(crypto.randomUUID())
        yield* asksToChoose(page)
        const message = page.thread.getState().messages.at(-1)
        const part = message?.content.find(({ type }) => type === "tool-call")
        if (message === undefined || part?.type !== "tool-call") return expect.unreachable()
        const call = page.thread.getMessageById(message.id).getMessagePartByToolCallId(part.toolCallId)
        expect(yield* page.answer(() => call.addToolResult("crimson"))).toBe("Done: crimson")
        expect(yield* say(page, "hello")).toMatch(/; tool crimson; assistant Done: crimson; user hello$/)
      }),
    )

    it.scoped("goes on with a thread whose user left a tool without a result", () =>
      Effect.gen(function* () {
        const page = yield* open(crypto.randomUUID())
        yield* asksToChoose(page)
        expect(yield* say(page, "hello")).toBe(`${chosen}; user hello`)
        expect(yield* say(page, "Make it teal")).toBe("Done: teal it is")
      }),
    )

    it.scoped("goes on with such a thread after a reload", () =>
      Effect.gen(function* () {
        const threadId = crypto.randomUUID()
        yield* asksToChoose(yield* open(threadId))
        expect(yield* say(yield* open(threadId), "hello")).toBe(`${chosen}; user hello`)
      }),
    )

    it.scoped("stops an answer, and the thread goes on", () =>
      Effect.gen(function* () {
        const page = yield* open(crypto.randomUUID())
        yield* tells(page)
        yield* stopped(page)
        expect(page.thread.getState().messages.at(-1)?.status?.type).toBe("incomplete")
        expect(yield* say(page, "hello")).toBe("user Tell a story; assistant Once upon a time; user hello")
      }),
    )

    it.scoped("shows the answer so far after a reload", () =>
      Effect.gen(function* () {
        const threadId = crypto.randomUUID()
        const page = yield* open(threadId)
        yield* tells(page)
        const reloaded = yield* open(threadId)
        expect(AssistantPage.lastText(reloaded.thread.getState())).toBe("Once upon a time")
        yield* stopped(page)
        expect(yield* say(reloaded, "hello")).toMatch(/; user hello$/)
      }),
    )

    it.scoped("requests an approval", () =>
      Effect.gen(function* () {
        const page = yield* open(crypto.randomUUID())
        yield* asksToApprove(page)
        expect(yield* click(page, "Approve")).toBe("Refunded")
        expect(page.buttons()).toEqual([])
        expect(yield* say(page, "hello")).toBe("user Refund 400 EUR; assistant Refunded; user hello")
        yield* asksToApprove(page)
        expect(yield* click(page, "Decline")).toBe("Not refunded")
      }),
    )

    it.scoped("requests it again after a reload", () =>
      Effect.gen(function* () {
        const threadId = crypto.randomUUID()
        yield* asksToApprove(yield* open(threadId))
        const page = yield* open(threadId)
        yield* page.until(() => page.buttons().length === 2)
        expect(yield* click(page, "Approve")).toBe("Refunded")
        expect(yield* say(page, "hello")).toBe("user Refund 400 EUR; assistant Refunded; user hello")
      }),
    )
  },
)
