import { Chat } from "@ai-sdk/react"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { DefaultChatTransport, type UIMessage } from "ai"
import { Effect } from "effect"
import { go, startWorker, talker, until } from "./FaultRoom.js"
import { type Env, room, start } from "./Processes.js"

const textOf = (message: UIMessage | undefined): string =>
  (message?.parts ?? []).flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")

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
  const text = () => textOf(chat.lastMessage)
  const look = (passes: () => boolean, name: string) =>
    until(
      Effect.sync(() => ({ passed: passes(), status: chat.status, error: String(chat.error), text: text() })),
      ({ passed }) => passed,
      name,
    )
  return {
    chat,
    text,
    untilText: (pattern: RegExp) => look(() => pattern.test(text()), `the page shows no ${pattern.source}`),
    untilStatus: (...statuses: ReadonlyArray<string>) =>
      look(() => statuses.includes(chat.status), `the page is not ${statuses.join(" or ")}`),
  }
}

/** A machine that is busy may lose more attempts than the test ends. */
const wholeAnswer = /^word (\d+)\/1\nword \1\/2\nword \1\/3\nword \1\/4\nword \1\/5\n$/

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
        yield* page.untilText(/word 1\/3/)
        yield* go(cwd)
        yield* first.signal("SIGKILL")
        yield* first.ended
        yield* startWorker(settings, program, "--lease", "5s")
        yield* page.untilStatus("ready", "error")
        expect([page.chat.status, page.text()]).toEqual(["ready", expect.stringMatching(wholeAnswer)])
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
          yield* page.untilText(/word 1\/3/)
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
          yield* reloaded.untilText(/word \d+\/3/)
          yield* go(cwd)
          yield* first.signal("SIGKILL")
          yield* first.ended
          yield* startWorker(settings, program, "--lease", "5s")
          yield* Effect.forEach([page, reloaded], ({ untilStatus }) => untilStatus("ready", "error"))
          for (const { chat, text } of [page, reloaded]) {
            expect([chat.status, chat.messages.length, text()]).toEqual([
              "ready",
              2,
              expect.stringMatching(wholeAnswer),
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
        yield* page.untilText(/word 1\/3/)
        yield* server.signal("SIGTERM")
        yield* page.untilStatus("error")
        expect((yield* server.ended).code).toBe(0)
        const { port } = new URL(env.RUNLEASE_URL)
        const again = yield* start(["serve", "--port", port, "--json"], { cwd })
        yield* again.line(() => true)
        const { length } = page.text()
        void page.chat.resumeStream()
        yield* page.untilText(new RegExp(`[^]{${length + 50}}`))
        const stopped = yield* Effect.promise(() =>
          fetch(`${env.RUNLEASE_URL}/chat/talker/${encodeURIComponent("Anna's chat")}/stop`, {
            method: "POST",
            headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
          }),
        )
        expect(yield* Effect.promise(() => stopped.json())).toMatchObject({ success: true, stopped: true })
        yield* page.untilStatus("ready")
        expect(page.text()).toMatch(/^word (\d+)\/1\nword \1\/2\n/)
      }),
    )
  },
)
