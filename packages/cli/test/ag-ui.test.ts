import { type BaseEvent, HttpAgent } from "@ag-ui/client"
import { expect, layer } from "@effect/vitest"
import { Ids } from "@runlease/core"
import { Clock, Console, Effect, Fiber, Option, Queue } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import { alive, begun, connect, counter, eventOf, go, startWorker, talker, until } from "./FaultRoom.js"
import { type Env, has, project, Served, start } from "./Processes.js"

const chatting = Effect.promise(() => Bundle.fixture(new URL("fixtures/chatting.ts", import.meta.url)))

const runId = Ids.RunId.make("run-1")

/** An AG-UI client, and a queue of the events that it receives. */
const agentOf = (env: Env, threadId: string) =>
  Effect.map(Queue.unbounded<BaseEvent>(), (received) => ({
    received,
    agent: new HttpAgent({
      url: `${env.RUNLEASE_URL}/ag-ui/talker`,
      headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}` },
      threadId,
    }),
  }))

/** One turn of a client: the text of its last message, the failures of the run, and its pending interrupts. */
const turn = (agent: HttpAgent, more: Parameters<HttpAgent["runAgent"]>[0] = {}) =>
  Effect.gen(function* () {
    const failures: Array<unknown> = []
    yield* Effect.promise(() =>
      agent.runAgent(more, {
        onRunErrorEvent: ({ event }) => void failures.push([event.code, event.message]),
      }),
    )
    return {
      answer: agent.messages.at(-1)?.content,
      failures,
      interrupts: agent.pendingInterrupts.map(({ id, message }) => [id, message]),
    }
  })

const say = (agent: HttpAgent, content: string) =>
  Effect.suspend(() => {
    agent.addMessage({ id: `message-${agent.messages.length}`, role: "user", content })
    return turn(agent)
  })

layer(Served.layer, { excludeTestServices: true })("an AG-UI client of a server and its workers", (it) => {
  it.scoped(
    "holds turn-by-turn conversations in eight threads at once, and receives failures and interrupts",
    () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* project
        const worker = yield* start(["worker", "--json", "--module", yield* chatting], { cwd, env })
        yield* worker.line(has({ event: "registered" }))
        yield* Effect.forEach(
          Array.from({ length: 8 }, (_, index) => `thread ${index}`),
          (threadId) =>
            Effect.gen(function* () {
              const { agent } = yield* agentOf(env, threadId)
              for (const n of [1, 2, 3]) {
                expect(yield* say(agent, `hello ${n} of ${threadId}`)).toEqual({
                  answer: `${n}: hello ${n} of ${threadId}`,
                  failures: [],
                  interrupts: [],
                })
              }
            }),
          { concurrency: "unbounded" },
        )

        const { agent } = yield* agentOf(env, "another")
        expect((yield* say(agent, "Fail")).failures).toEqual([["requested", "As you wish"]])
        expect((yield* say(agent, "Deploy")).interrupts).toEqual([["deploy", "Deploy it?"]])
        const resumed = yield* turn(agent, {
          resume: [{ interruptId: "deploy", status: "resolved", payload: { approved: true } }],
        })
        expect(resumed).toEqual({ answer: "Deployed", failures: [], interrupts: [] })
        expect((yield* say(agent, "And now?")).answer).toBe("3: And now?")
      }),
  )

  it.scoped("receives one whole run when the worker is killed in the middle of its answer", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const program = yield* talker(cwd)
      const first = yield* startWorker(settings, program, "--lease", "10s")
      const { agent, received } = yield* agentOf(env, "Anna's thread")
      agent.addMessage({ id: "m1", role: "user", content: "Talk" })
      const all: Array<BaseEvent> = []
      const running = yield* Effect.forkScoped(
        Effect.promise(() =>
          agent.runAgent(
            { runId },
            {
              onEvent: ({ event }) => {
                all.push(event)
                Queue.unsafeOffer(received, event)
              },
            },
          ),
        ),
      )
      yield* Effect.repeatN(
        Effect.repeat(Queue.take(received), { until: ({ type }) => type === "TEXT_MESSAGE_CONTENT" }),
        2,
      )
      const second = yield* startWorker(settings, program, "--lease", "10s")
      const killedAt = yield* Clock.currentTimeMillis
      yield* go(cwd)
      yield* first.signal("SIGKILL")
      expect(yield* eventOf(second, "claimed", runId)).toMatchObject({ attempt: 2 })
      yield* Effect.repeat(Queue.take(received), { until: ({ type }) => type === "CUSTOM" })
      const pause = (yield* Clock.currentTimeMillis) - killedAt
      yield* Fiber.join(running)

      const count = (type: string) => all.filter((event) => event.type === type).length
      expect([all.at(0)?.type, all.at(-1)?.type]).toEqual(["RUN_STARTED", "RUN_FINISHED"])
      expect(all.at(-1)).toMatchObject({
        threadId: "Anna's thread",
        runId,
        outcome: { type: "success" },
      })
      expect([count("RUN_STARTED"), count("RUN_FINISHED"), count("RUN_ERROR")]).toEqual([1, 1, 0])
      expect(count("TEXT_MESSAGE_START")).toBe(count("TEXT_MESSAGE_END"))
      const [, broken, whole] = agent.messages.map(({ content }) => String(content).trim().split("\n"))
      expect(broken?.slice(0, 3)).toEqual(["word 1/1", "word 1/2", "word 1/3"])
      expect(whole).toEqual([1, 2, 3, 4, 5].map((n) => `word 2/${n}`))
      yield* Console.log(
        `worker killed: its AG-UI client received nothing for ${pause} ms, with a lease of 10 s`,
      )
    }),
  )

  it.scoped("ends the program of its run by closing the stream", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      yield* startWorker({ cwd, env }, yield* counter(cwd, { every: 20 }))
      const { agent } = yield* agentOf(env, "t")
      yield* Effect.forkScoped(Effect.promise(() => agent.runAgent({ runId })))
      yield* until(Effect.option(ports.runs.get(runId)), Option.isSome)
      const processes = yield* begun(ports, runId)
      expect(yield* alive(processes)).toEqual(processes)
      agent.abortRun()
      yield* until(alive(processes), (left) => left.length === 0)
      expect(yield* ports.runs.get(runId)).toMatchObject({ status: "cancelled" })
    }),
  )
})
