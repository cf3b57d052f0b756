import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, Executor, RequestSnapshot, Runs } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Exit, Queue, Scope, Stream } from "effect"
import {
  connect,
  echo,
  idsOf,
  statusOf,
  type Store,
  tester,
  typesOf,
  until,
  untilStatus,
  type Version,
  whole,
} from "./HttpAgents.js"

/** One run after another, beside another, and broken off. */
export const suite = (name: string, store: Store, version: Version): void => {
  const test = tester(store, version)

  describe(`runs of an AG-UI client over ${name}, with ${version.name}`, () => {
    test(
      "show the client's own ids, for turn after turn of one thread",
      Effect.gen(function* () {
        yield* TestWorker.start(echo)
        const chat = yield* connect({ threadId: "Anna's thread" })
        for (const text of ["one", "two", "three"]) {
          const { events } = yield* chat.say(text, { runId: `run-${text}` })
          deepStrictEqual(typesOf(events), whole)
          deepStrictEqual(idsOf(events.at(0)), ["Anna's thread", `run-${text}`])
          deepStrictEqual(idsOf(events.at(-1)), ["Anna's thread", `run-${text}`])
          strictEqual(chat.answer(), `You said: ${text}`)
        }
        strictEqual(chat.agent.messages.length, 6)
        const runs = yield* Effect.flatMap(Runs.Runs, (port) => port.list())
        deepStrictEqual(
          runs.items.map(({ runId }) => runId),
          ["run-three", "run-two", "run-one"],
        )
        strictEqual(new Set(runs.items.map(({ conversationId }) => conversationId)).size, 1)
      }),
    )

    test(
      "go side by side in eight threads",
      Effect.gen(function* () {
        yield* TestWorker.start(echo)
        yield* Effect.forEach(
          Array.from({ length: 8 }, (_, index) => `thread-${index}`),
          Effect.fnUntraced(function* (threadId) {
            const chat = yield* connect({ threadId })
            for (const turn of [1, 2]) {
              const { events } = yield* chat.say(`${threadId}/${turn}`)
              deepStrictEqual(typesOf(events), whole)
              strictEqual(chat.answer(), `You said: ${threadId}/${turn}`)
            }
          }),
          { concurrency: "unbounded" },
        )
      }),
    )

    test(
      "send each event as it comes",
      Effect.gen(function* () {
        const words = yield* Queue.unbounded<string>()
        yield* TestWorker.start(Executor.from(() => Stream.take(Stream.fromQueue(words), 2)))
        const chat = yield* connect()
        const { done, events } = yield* chat.run()
        strictEqual((yield* Queue.take(events)).type, "RUN_STARTED")
        yield* Queue.offer(words, "a")
        yield* until(events, "TEXT_MESSAGE_CONTENT")
        yield* Queue.offer(words, "b")
        yield* until(events, "TEXT_MESSAGE_CONTENT")
        yield* done
        strictEqual(chat.answer(), "ab")
      }),
    )

    test(
      "are cancelled when the client aborts, unless they are detached",
      Effect.gen(function* () {
        const endless = yield* TestWorker.makeEndless
        yield* TestWorker.start(endless.execute)
        const leaving = yield* connect()
        const detached = yield* connect({ query: "?detach=true" })
        yield* detached.run({ runId: "detached" })
        yield* Queue.take(endless.started)
        detached.agent.abortRun()
        yield* leaving.run({ runId: "left" })
        yield* Queue.take(endless.started)
        leaving.agent.abortRun()
        strictEqual((yield* Queue.take(endless.finalized)).runId, "left")
        yield* untilStatus("left", "cancelled")
        strictEqual(yield* statusOf("detached"), "running")
      }),
    )

    test(
      "are cancelled when the client aborts before anybody has claimed them",
      Effect.gen(function* () {
        const chat = yield* connect()
        yield* chat.run({ runId: "waits" })
        yield* untilStatus("waits", "pending")
        chat.agent.abortRun()
        yield* untilStatus("waits", "cancelled")
      }),
    )

    test(
      "tell the error of the executor, and leave the thread as it was",
      Effect.gen(function* () {
        yield* TestWorker.start(
          Executor.from((run) =>
            RequestSnapshot.lastUserText(run.snapshot) === "good"
              ? Effect.succeed("fine")
              : Stream.concat(
                  Stream.make("half an ans"),
                  Stream.fail(
                    new Executor.ExecutorError({ code: "overloaded", message: "Too much at once" }),
                  ),
                ),
          ),
        )
        const chat = yield* connect()
        const { events } = yield* chat.say("bad")
        const last = events.at(-1)
        deepStrictEqual(
          [last?.type, last?.["code"], last?.["message"]],
          ["RUN_ERROR", "overloaded", "Too much at once"],
        )
        yield* chat.say("good")
        strictEqual(chat.answer(), "fine")
      }),
    )

    test(
      "are followed when another worker takes them over in the middle of an answer",
      Effect.gen(function* () {
        const chat = yield* connect()
        const { done, events } = yield* chat.run({ runId: "moved" })
        const worker = yield* TestRuns.register()
        const [held] = yield* TestRuns.claim(worker, { wait: "10 seconds", leaseDuration: "5 seconds" })
        yield* TestRuns.append(held!, [AgentEvent.textStart("m"), AgentEvent.textContent("m", "half an ans")])
        yield* until(events, "TEXT_MESSAGE_CONTENT")
        // Nobody renews its lease, which lapses.
        yield* TestWorker.start(Executor.from(() => Effect.succeed("The whole answer")))
        const { events: all } = yield* done
        deepStrictEqual(typesOf(all), [...whole.slice(0, 4), "CUSTOM", ...whole.slice(1)])
        strictEqual(chat.answer(), "The whole answer")
      }),
    )

    test(
      "go on with the next worker when one is drained, again and again",
      Effect.gen(function* () {
        const chat = yield* connect()
        const { done, events } = yield* chat.run()
        for (let attempt = 0; attempt < 3; attempt++) {
          const scope = yield* Scope.make()
          yield* Scope.extend(
            TestWorker.start(Executor.from(() => Stream.concat(Stream.make("half"), Stream.never))),
            scope,
          )
          yield* until(events, "TEXT_MESSAGE_CONTENT")
          yield* Scope.close(scope, Exit.void)
        }
        yield* TestWorker.start(Executor.from(() => Effect.succeed("whole")))
        const { events: all } = yield* done
        strictEqual(all.filter(({ type }) => type === "RUN_STARTED").length, 1)
        strictEqual(all.at(-1)?.type, "RUN_FINISHED")
        deepStrictEqual(
          chat.agent.messages.map(({ content }) => content),
          ["half", "half", "half", "whole"],
        )
      }),
    )
  })
}
