import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, Child, Executor, Interrupts, type Run } from "@runlease/core"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Deferred, Effect } from "effect"
import {
  type BaseEvent,
  connect,
  type Store,
  tester,
  until,
  untilStatus,
  type Version,
} from "./HttpAgents.js"

/** What the client was told of subagents: their agents, or their ends. */
const told = (events: ReadonlyArray<BaseEvent>) =>
  events.flatMap(({ code, name, outcome, type }) =>
    type.startsWith("SUBAGENT_")
      ? [[type, name ?? code ?? (outcome as { readonly type: string } | undefined)?.type]]
      : [],
  )

/** A child that writes once the gate is open, or fails. */
const child = (gate: Deferred.Deferred<void>, { agentId }: Run.ClaimedRun) =>
  agentId === "writer"
    ? Effect.as(Deferred.await(gate), "written")
    : Effect.fail(new Executor.ExecutorError({ code: "broken", message: "It is broken" }))

const Writer = Agent.make({ name: "writer" })

/** The children of a run, as its client is shown them. */
export const suite = (name: string, store: Store, version: Version): void => {
  const test = tester(store, version)

  describe(`children of an AG-UI client's run over ${name}, with ${version.name}`, () => {
    test(
      "are subagents, whose ends reach the client while the run waits for them",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const parent = Effect.gen(function* () {
          const writer = yield* Child.spawn("write", Writer, "go")
          const broken = yield* Child.spawn("break", Agent.make({ name: "broken" }), "go")
          const outcomes = yield* Child.joinAll([writer, broken])
          return outcomes.map(({ _tag }) => _tag).join()
        })
        yield* TestWorker.start(Executor.from((run) => (run.agentId === "agent" ? parent : child(gate, run))))
        const chat = yield* connect()
        const { done } = yield* chat.run({ runId: "parent" })
        yield* untilStatus("parent", "waiting")
        yield* Deferred.succeed(gate, undefined)
        const { events } = yield* done
        strictEqual(chat.answer(), "Right,Left")
        deepStrictEqual(told(events).toSorted(), [
          ["SUBAGENT_ERROR", "broken"],
          ["SUBAGENT_FINISHED", "success"],
          ["SUBAGENT_STARTED", "broken"],
          ["SUBAGENT_STARTED", "writer"],
        ])
      }),
    )

    for (const when of ["before", "after"] as const) {
      test(
        `are suspended for the client while it is asked, and end in its next run, whose answer comes ${when} their end`,
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const parent = () =>
            Effect.gen(function* () {
              const spawned = yield* Child.spawn("work", Writer, "go", { publicId: "child" })
              yield* Interrupts.approve("go", { message: "Go on?" })
              yield* Child.join(spawned)
              return "done"
            })
          yield* TestWorker.start(
            Executor.from((run) => (run.agentId === "agent" ? parent() : child(gate, run))),
          )
          const chat = yield* connect({ threadId: "t" })
          const asked = yield* chat.say("Write", { runId: "first" })
          deepStrictEqual(told(asked.events), [
            ["SUBAGENT_STARTED", "writer"],
            ["SUBAGENT_FINISHED", "suspended"],
          ])
          const end = Effect.zipRight(Deferred.succeed(gate, undefined), untilStatus("child", "completed"))
          if (when === "after") yield* end
          const { done, events } = yield* chat.run({
            runId: "second",
            resume: [{ interruptId: "go", status: "resolved", payload: { approved: true } }],
          })
          yield* until(events, "RUN_STARTED")
          if (when === "before") yield* end
          const { events: all } = yield* done
          deepStrictEqual(told(all), [
            ["SUBAGENT_STARTED", "writer"],
            ["SUBAGENT_FINISHED", "success"],
          ])
          strictEqual(chat.answer(), "done")
        }),
      )
    }

    test(
      "are cancelled for the client when the run ends before them",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const parent = Effect.as(Child.spawn("work", Writer, "go"), "done without it")
        yield* TestWorker.start(Executor.from((run) => (run.agentId === "agent" ? parent : child(gate, run))))
        const chat = yield* connect()
        const { events } = yield* chat.say("Write")
        deepStrictEqual(told(events), [
          ["SUBAGENT_STARTED", "writer"],
          ["SUBAGENT_ERROR", "parent_ended"],
        ])
        strictEqual(chat.answer(), "done without it")
      }),
    )
  })
}
