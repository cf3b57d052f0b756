import { expect, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import * as Page from "./Page.js"
import * as Stack from "./Stack.js"

/** A token that is bound to this thread and to the agent of the page. */
const tokenOf = (threadId: string) =>
  Effect.gen(function* () {
    const { apiKey, url } = (yield* Stack.Stack).options
    return yield* Effect.promise(async () => {
      const response = await fetch(`${url}/projects/default/tokens`, {
        method: "POST",
        headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
        body: JSON.stringify({
          scopes: ["read", "write", "stop"],
          thread_id: threadId,
          agent_ids: ["assistant"],
        }),
      })
      const { token } = (await response.json()) as { token: string }
      return token
    })
  })

/** Refuses all tokens that were made so far, as if their time were over. */
const endTokens = Effect.gen(function* () {
  const { apiKey, url } = (yield* Stack.Stack).options
  yield* post(`${url}/projects/default/tokens/rotate`, apiKey, "")
})

/** Opens a page at a thread, with the token of that thread or of another one. */
const openWith = (url: string, threadId: string, tokenThreadId: string = threadId) =>
  Effect.flatMap(tokenOf(tokenThreadId), (token) =>
    Page.open(url, threadId, undefined, { Authorization: `Bearer ${token}` }),
  )

/** The answer to a request with this token. */
const post = (url: string, token: string | undefined, body: string) =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      body,
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  })

/** The answer of the runtime to a stop. */
const stop = (url: string, threadId: string, token: string | undefined, body = "{}") =>
  post(`${url}/agent/assistant/stop/${threadId}`, token, body)

/** A page with the token of its thread, whose answer stands in the middle. */
const inTheMiddle = Effect.gen(function* () {
  const { pace } = yield* Stack.Stack
  const url = yield* Stack.runtimeWithoutKey
  const threadId = crypto.randomUUID()
  const page = yield* openWith(url, threadId)
  yield* pace.limit(4)
  const turn = yield* Effect.fork(page.say("one two three four"))
  yield* page.shows("one")
  return { pace, page, threadId, turn, url }
})

const answered = "2 messages: one two three four"

layer(Stack.layer, { excludeTestServices: true, timeout: "2 minutes" })("a page with a token", (it) => {
  it.scoped("reads, writes and answers in its own thread", () =>
    Effect.gen(function* () {
      const url = yield* Stack.runtimeWithoutKey
      const threadId = crypto.randomUUID()
      const page = yield* openWith(url, threadId)
      yield* page.connect
      expect(page.agent.messages).toEqual([])
      yield* page.say('call setAccent {"color":"teal"}')
      expect(page.answer()).toBe("Result: teal it is")
      yield* page.say('call refund {"euros":400}')
      const reloaded = yield* openWith(url, threadId)
      yield* reloaded.connect
      yield* reloaded.respond(true)
      expect(reloaded.answer()).toBe("Result: 400 EUR are on their way")
    }),
  )

  it.scoped("shows the rest of an answer after a reload, with a new token and from a restarted runtime", () =>
    Effect.gen(function* () {
      const first = yield* Scope.make()
      const { pace, threadId } = yield* Scope.extend(inTheMiddle, first)
      yield* Scope.close(first, Exit.void)
      const page = yield* openWith(yield* Stack.runtimeWithoutKey, threadId)
      const shown = yield* Effect.fork(page.connect)
      yield* page.shows("one")
      yield* pace.free
      yield* Fiber.join(shown)
      expect(page.answer()).toBe(answered)
    }),
  )

  it.scoped("shows the answer of another worker when the first is killed half-way", () =>
    Effect.gen(function* () {
      const { killWorker } = yield* Stack.Stack
      const { pace, page, turn } = yield* inTheMiddle
      yield* killWorker
      yield* pace.free
      yield* Fiber.join(turn)
      expect(page.answer()).toBe(answered)
    }),
  )

  it.scoped("loses its stream with its token, and finds the whole answer with a new one", () =>
    Effect.gen(function* () {
      const { pace, threadId, turn, url } = yield* inTheMiddle
      yield* endTokens
      const ended = yield* Effect.flip(Fiber.join(turn))
      expect(ended.message).toBe("The stream ended before its run did. Load the thread again.")
      const page = yield* openWith(url, threadId)
      const shown = yield* Effect.fork(page.connect)
      yield* page.shows("one")
      yield* pace.free
      yield* Fiber.join(shown)
      expect(page.answer()).toBe(answered)
    }),
  )

  it.scoped("stops its own run, and the thread goes on", () =>
    Effect.gen(function* () {
      const { pace, page, threadId, turn, url } = yield* inTheMiddle
      const token = yield* tokenOf(threadId)
      const another = yield* stop(url, threadId, token, JSON.stringify({ runId: crypto.randomUUID() }))
      expect(another).toMatchObject({ status: 200, body: { stopped: false } })
      expect(yield* stop(url, threadId, token)).toMatchObject({ status: 200, body: { stopped: true } })
      const ended = yield* Effect.flip(Fiber.join(turn))
      expect(ended.message).toBe("The run was cancelled")
      yield* pace.free
      yield* page.say("hello")
      expect(page.answer()).toMatch(/messages: hello$/)
      yield* pace.limit(4)
      const next = yield* Effect.fork(page.say("five six seven eight"))
      yield* page.shows("five")
      yield* page.stop
      yield* Fiber.join(next)
      yield* pace.free
      yield* page.say("goodbye")
      expect(page.answer()).toMatch(/messages: goodbye$/)
    }),
  )

  it.scoped("gets no run, no message and no stop of another thread", () =>
    Effect.gen(function* () {
      const { pace, page, threadId, turn, url } = yield* inTheMiddle
      const own = crypto.randomUUID()

      const stranger = yield* openWith(url, threadId, own)
      const followed = yield* Effect.flip(stranger.connect)
      expect(followed.message).toContain("404")
      expect(stranger.agent.messages).toEqual([])
      const ran = yield* Effect.flip(stranger.say("What was said here?"))
      expect(ran.message).toContain("404")
      expect(stranger.agent.messages.map(({ role }) => role)).toEqual(["user"])
      const stopped = yield* stop(url, threadId, yield* tokenOf(own))
      expect(stopped).toMatchObject({ status: 404, body: { error: "thread_not_found" } })

      yield* pace.free
      yield* Fiber.join(turn)
      expect(page.answer()).toBe(answered)
    }),
  )

  it.scoped("stops its own run alone at a runtime with one address", () =>
    Effect.gen(function* () {
      const { pace, threadId, turn } = yield* inTheMiddle
      const url = yield* Stack.singleRouteWithoutKey
      const stop = (token: string, body?: unknown) =>
        post(
          url,
          token,
          JSON.stringify({ method: "agent/stop", params: { agentId: "assistant", threadId }, body }),
        )
      const stranger = yield* stop(yield* tokenOf(crypto.randomUUID()))
      expect(stranger).toMatchObject({ status: 404, body: { error: "thread_not_found" } })
      const token = yield* tokenOf(threadId)
      expect((yield* stop(token, [])).status).toBe(400)
      const another = yield* stop(token, { runId: crypto.randomUUID() })
      expect(another).toMatchObject({ status: 200, body: { stopped: false } })
      expect(yield* stop(token)).toMatchObject({ status: 200, body: { stopped: true } })
      yield* Effect.flip(Fiber.join(turn))
      yield* pace.free
    }),
  )

  it.scoped("is refused everything without a token", () =>
    Effect.gen(function* () {
      const { pace, page, threadId, turn, url } = yield* inTheMiddle
      const stranger = yield* Page.open(url, threadId)
      expect((yield* Effect.flip(stranger.connect)).message).toContain("401")
      expect((yield* Effect.flip(stranger.say("hello"))).message).toContain("401")
      const stopped = yield* stop(url, threadId, undefined)
      expect(stopped).toMatchObject({ status: 401, body: { error: "unauthorized" } })
      yield* pace.free
      yield* Fiber.join(turn)
      expect(page.answer()).toBe(answered)
    }),
  )

  it.scoped("is refused a stop that is not one", () =>
    Effect.gen(function* () {
      const { pace, threadId, turn, url } = yield* inTheMiddle
      const token = yield* tokenOf(threadId)
      for (const body of ["{", "null", "[]", '{"runId":1}', '{"other":1}']) {
        expect([body, (yield* stop(url, threadId, token, body)).status]).toEqual([body, 400])
      }
      yield* pace.free
      yield* Fiber.join(turn)
    }),
  )
})
