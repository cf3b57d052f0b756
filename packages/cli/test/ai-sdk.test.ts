import { Chat } from "@ai-sdk/react"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { DefaultChatTransport, type UIMessage } from "ai"
import { Effect, Schedule } from "effect"
import { type Env, startWorker, talker } from "./FaultRoom.js"
import { room, start } from "./Processes.js"

const textOf = (message: UIMessage | undefined): string =>
  (message?.parts ?? []).flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")

const look = (is: () => boolean) =>
  Effect.repeat(Effect.sync(is), { until: (so) => so, schedule: Schedule.spaced("20 millis") })

/** A page with `useChat`, without its rendering. */
const open = (env: Env, messages: ReadonlyArray<UIMessage> = []) => {
  const chat = new Chat({
    id: "Anna's chat",
    messages: structuredClone([...messages]),
    transport: new DefaultChatTransport({
      api: `${env.RUNLEASE_URL}/chat/talker`,
      headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
    }),
  })
  return {
    chat,
    until: (part: string) => look(() => textOf(chat.lastMessage).includes(part)),
    untilStatus: (...statuses: ReadonlyArray<string>) => look(() => statuses.includes(chat.status)),
  }
}

const wholeAnswer = "word 2/1\nword 2/2\nword 2/3\nword 2/4\nword 2/5\n"

layer(NodeContext.layer, { excludeTestServices: true })(
  "a page with useChat, a server and its workers",
  (it) => {
    it.scoped("has one whole answer when the worker is killed in the middle of it", () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* room
        const settings = { cwd, env }
        const program = yield* talker(cwd)
        const first = yield* startWorker(settings, program, "--lease", "5s")
        const page = open(env)
        void page.chat.sendMessage({ text: "Talk" })
        yield* page.until("word 1/3")
        yield* first.signal("SIGKILL")
        yield* first.ended
        yield* startWorker(settings, program, "--lease", "5s")
        yield* page.untilStatus("ready", "error")
        expect([page.chat.status, textOf(page.chat.lastMessage)]).toEqual(["ready", wholeAnswer])
      }),
    )

    it.scoped(
      "has one whole answer when the server is killed in the middle of it, and the worker after that",
      () =>
        Effect.gen(function* () {
          const { cwd, env, server } = yield* room
          const settings = { cwd, env }
          const program = yield* talker(cwd)
          const first = yield* startWorker(settings, program, "--lease", "5s")
          const page = open(env)
          void page.chat.sendMessage({ text: "Talk" })
          yield* page.until("word 1/3")
          yield* server.signal("SIGKILL")
          yield* server.ended
          // A page that loses its stream knows that this is no end.
          yield* page.untilStatus("error")
          const { port } = new URL(env.RUNLEASE_URL)
          const again = yield* start(["serve", "--port", port, "--json"], { cwd })
          yield* again.line(() => true)

          const reloaded = open(env, page.chat.messages)
          void reloaded.chat.resumeStream()
          void page.chat.resumeStream()
          yield* reloaded.until("word 1/3")
          yield* first.signal("SIGKILL")
          yield* first.ended
          yield* startWorker(settings, program, "--lease", "5s")
          yield* Effect.forEach([page, reloaded], ({ untilStatus }) => untilStatus("ready", "error"))
          for (const { chat } of [page, reloaded]) {
            expect([chat.status, chat.messages.length, textOf(chat.lastMessage)]).toEqual([
              "ready",
              2,
              wholeAnswer,
            ])
          }
        }),
    )

    it.scoped("goes on with a server that was stopped in order", () =>
      Effect.gen(function* () {
        const { cwd, env, server } = yield* room
        const program = yield* talker(cwd)
        yield* startWorker({ cwd, env }, program, "--lease", "30s")
        const page = open(env)
        void page.chat.sendMessage({ text: "Talk" })
        yield* page.until("word 1/3")
        yield* server.signal("SIGTERM")
        yield* page.untilStatus("error")
        expect((yield* server.ended).code).toBe(0)
        const { port } = new URL(env.RUNLEASE_URL)
        const again = yield* start(["serve", "--port", port, "--json"], { cwd })
        yield* again.line(() => true)
        const { length } = textOf(page.chat.lastMessage)
        void page.chat.resumeStream()
        yield* look(() => textOf(page.chat.lastMessage).length > length + 50)
        const stopped = yield* Effect.promise(() =>
          fetch(`${env.RUNLEASE_URL}/chat/talker/${encodeURIComponent("Anna's chat")}/stop`, {
            method: "POST",
            headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
          }),
        )
        expect(yield* Effect.promise(() => stopped.json())).toMatchObject({ success: true, stopped: true })
        yield* page.untilStatus("ready")
        expect(textOf(page.chat.lastMessage)).toMatch(/^word 1\/1\nword 1\/2\n/)
      }),
    )
  },
)
