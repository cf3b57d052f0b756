import type { BaseEvent } from "@ag-ui/client"
import { AgentRunner, supportsLocalThreadEndpoints } from "@copilotkit/runtime/v2"
import { expect, layer } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import type { Observable } from "rxjs"
import { RunleaseRunner } from "../src/RunleaseRunner.js"
import * as Page from "./Page.js"
import * as Stack from "./Stack.js"

const runner = Effect.map(Stack.Stack, ({ options }) => new RunleaseRunner(options))

/** The events of an observable; the end of the Stream unsubscribes. */
const eventsOf = (events: Observable<BaseEvent>): Stream.Stream<BaseEvent, unknown> =>
  Stream.asyncPush((emit) =>
    Effect.acquireRelease(
      Effect.sync(() =>
        events.subscribe({
          next: (event) => emit.single(event),
          complete: () => emit.end(),
          error: (error: unknown) => emit.fail(error),
        }),
      ),
      (subscription) => Effect.sync(() => subscription.unsubscribe()),
    ),
  )

/** A page at a thread of its own, whose answer stands in the middle. */
const inTheMiddle = Effect.gen(function* () {
  const { pace } = yield* Stack.Stack
  const threadId = crypto.randomUUID()
  const page = yield* Page.open(yield* Stack.runtime, threadId)
  yield* pace.limit(4)
  const turn = yield* Effect.fork(page.say("one two three four"))
  yield* page.shows("one")
  return { page, pace, threadId, turn }
})

layer(Stack.layer, { excludeTestServices: true, timeout: "2 minutes" })("RunleaseRunner", (it) => {
  it.scoped("is an AgentRunner without threads in this process", () =>
    Effect.map(runner, (runner) => {
      expect(runner).toBeInstanceOf(AgentRunner)
      expect(supportsLocalThreadEndpoints(runner)).toBe(false)
    }),
  )

  it.scoped("says whether a thread has a run in progress", () =>
    Effect.gen(function* () {
      const to = yield* runner
      const { pace, threadId, turn } = yield* inTheMiddle
      const isRunning = Effect.promise(() => to.isRunning({ threadId }))
      expect(yield* isRunning).toBe(true)
      yield* pace.free
      yield* Fiber.join(turn)
      expect(yield* isRunning).toBe(false)
    }),
  )

  it.scoped("stops the run that it names, and none that came after it", () =>
    Effect.gen(function* () {
      const to = yield* runner
      const { page, threadId, turn } = yield* inTheMiddle
      const another = yield* Effect.promise(() => to.stop({ threadId, runId: crypto.randomUUID() }))
      expect(another).toBe(false)
      expect(yield* Effect.promise(() => to.isRunning({ threadId }))).toBe(true)
      expect(yield* Effect.promise(() => to.stop({ threadId }))).toBe(true)
      const ended = yield* Effect.flip(Fiber.join(turn))
      expect(ended.message).toBe("The run was cancelled")
      expect(page.agent.messages.at(-1)?.content).not.toContain("four")
    }),
  )

  it.scoped("goes on with a run whose follower leaves", () =>
    Effect.gen(function* () {
      const to = yield* runner
      const { page, pace, threadId, turn } = yield* inTheMiddle
      const first = yield* Stream.runHead(eventsOf(to.connect({ threadId })))
      expect(first._tag).toBe("Some")
      yield* pace.free
      yield* Fiber.join(turn)
      expect(page.answer()).toBe("2 messages: one two three four")
    }),
  )

  it.scoped("gives the answer of a server that refuses it", () =>
    Effect.gen(function* () {
      const { options } = yield* Stack.Stack
      const stranger = new RunleaseRunner({ ...options, apiKey: "rlk_none" })
      const threadId = crypto.randomUUID()
      const refused = yield* Effect.flip(Effect.tryPromise(() => stranger.isRunning({ threadId })))
      expect(String(refused.error)).toMatch(/401/)
      const followed = yield* Stream.runCollect(eventsOf(stranger.connect({ threadId })))
      expect([...followed]).toEqual([
        expect.objectContaining({ type: "RUN_ERROR", message: expect.stringMatching(/401/) }),
      ])
    }),
  )
})
