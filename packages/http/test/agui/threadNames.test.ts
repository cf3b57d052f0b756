import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Interrupts, RequestSnapshot, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Effect, Predicate, Queue } from "effect"
import { call } from "../raw.js"
import { connect, echo, statusOf, tester, untilStatus } from "./HttpAgents.js"

const test = tester(MemoryControlPlane.layer)

const user = (id: string, content: string) => ({ id, role: "user", content })

const post = (body: object) =>
  Effect.map(
    call("POST", "/ag-ui/agent?detach=true", { body: { messages: [], tools: [], context: [], ...body } }),
    ({ text }) => text,
  )

const threadIdIn = (stream: string): string =>
  String(JSON.parse(/data: (\{"type":"RUN_STARTED".*\})/.exec(stream)![1]!).threadId)

const conversations = Effect.map(
  Effect.flatMap(Runs.Runs, (runs) => runs.list()),
  ({ items }) => items.map(({ conversationId }) => conversationId),
)

describe("a thread without a name", () => {
  test(
    "is one of its own, which RUN_STARTED names, and the same when the input comes again",
    Effect.gen(function* () {
      yield* TestWorker.start(echo)
      const inputs = [
        { runId: "r1", messages: [user("m", "one")] },
        { runId: "r2", threadId: "", messages: [user("m", "two")] },
        { runId: "r3", threadId: null, messages: [user("m", "three")] },
      ]
      const names: Array<string> = []
      for (const input of inputs) {
        const told = yield* post(input)
        names.push(threadIdIn(told))
        strictEqual(yield* post(input), told)
      }
      strictEqual(new Set(names).size, 3)
      strictEqual(new Set(yield* conversations).size, 3)
      const { json } = yield* call("GET", `/threads/${encodeURIComponent(names[1]!)}`)
      deepStrictEqual(
        json.messages.map(({ content }: { content: string }) => content),
        ["two", "You said: two"],
      )
    }),
  )

  test(
    "is one for each history where its client says main",
    Effect.gen(function* () {
      const endless = yield* TestWorker.makeEndless
      yield* TestWorker.start((run) =>
        RequestSnapshot.lastUserText(run.snapshot) === "long" ? endless.execute(run) : answering(run),
      )
      const anna = yield* connect({ threadId: "main", query: "?detach=true" })
      anna.agent.addMessage({ id: "of-anna", role: "user", content: "long" })
      yield* anna.run({ runId: "long" })
      yield* Queue.take(endless.started)

      const ben = yield* connect({ threadId: "main" })
      const { events } = yield* ben.say("short")
      strictEqual(events[0]?.["threadId"], "main")
      const outcome = events.at(-1)?.["outcome"]
      strictEqual(Predicate.isRecord(outcome) && outcome["type"], "interrupt")
      strictEqual(yield* statusOf("long"), "running")
      // The next input of one history finds what the one before has begun.
      yield* (yield* ben.run({
        resume: [{ interruptId: "sure", status: "resolved", payload: { approved: true } }],
      })).done
      strictEqual(ben.answer(), "Sure")
      strictEqual(new Set(yield* conversations).size, 2)

      const look = yield* call("GET", "/threads/main")
      deepStrictEqual([look.status, look.json.error], [400, "thread_unnamed"])
      assertTrue(look.json.detail.includes("main"))
      yield* call("POST", "/runs/long/cancel")
      yield* untilStatus("long", "cancelled")
    }),
  )
})

const answering = Executor.from(() =>
  Effect.map(Interrupts.approve("sure", { message: "Sure?" }), (sure) => (sure ? "Sure" : "Not sure")),
)
