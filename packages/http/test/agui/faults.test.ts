import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent, ControlPlane, ControlPlaneUnavailable, Executor, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as Faults from "@runlease/testkit/Faults"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Context, Effect, Exit, Layer, Queue, Ref, Scope, Stream } from "effect"
import { serve } from "../serving.js"
import {
  connect,
  Connecting,
  statusOf,
  tester,
  typesOf,
  until,
  untilStatus,
  versions,
  whole,
} from "./HttpAgents.js"

const down = new ControlPlaneUnavailable.ControlPlaneUnavailable({ operation: "test", message: "unplugged" })

/** A store in memory, with some of the ports of its projects changed. */
const changed = (
  change: (ports: Context.Context<ControlPlane.StorePorts>) => Context.Context<ControlPlane.StorePorts>,
) =>
  Faults.over(ControlPlane.ControlPlane, (controlPlane) => ({
    ...controlPlane,
    project: (projectId) => change(controlPlane.project(projectId)),
  }))(MemoryControlPlane.layer)

/** Every reader of a log loses it after each two events. */
const forgetful = changed((ports) => {
  const log = Context.get(ports, RunLog.RunLog)
  return Context.add(ports, RunLog.RunLog, {
    ...log,
    reader: (options) =>
      Effect.map(log.reader(options), ({ next }) => {
        let left = 2
        return {
          next: (after, take) => {
            if (left > 0) {
              return next(after, (exit) =>
                take(
                  Exit.map(exit, ({ ended, entries }) => {
                    const taken = entries.slice(0, left)
                    left -= taken.length
                    return { entries: taken, ended: ended && taken.length === entries.length }
                  }),
                ),
              )
            }
            take(Exit.fail(down))
            return () => {}
          },
        }
      }),
  })
})

/** Takes the third cancellation of a run, not the first two. */
const stubborn = Layer.unwrapEffect(
  Effect.map(Ref.make(0), (asked) =>
    changed((ports) => {
      const runs = Context.get(ports, Runs.Runs)
      return Context.add(ports, Runs.Runs, {
        ...runs,
        cancel: (runId) =>
          Effect.flatMap(
            Ref.updateAndGet(asked, (n) => n + 1),
            (n) => (n < 3 ? Effect.fail(down) : runs.cancel(runId)),
          ),
      })
    }),
  ),
)

describe.each(versions)("the stream of an AG-UI $name", (version) => {
  tester(forgetful, version)(
    "goes on when the store comes back",
    Effect.gen(function* () {
      yield* TestWorker.start(Executor.from(() => Stream.make("a", AgentEvent.stepStarted("s"), "b")))
      const chat = yield* connect()
      const { events } = yield* chat.say("hello")
      deepStrictEqual(typesOf(events), [
        ...whole.slice(0, 4),
        "STEP_STARTED",
        ...whole.slice(1, 4),
        "STEP_FINISHED",
        "RUN_FINISHED",
      ])
    }),
  )

  tester(stubborn, version)(
    "cancels its run when it is closed, though the store is away for a moment",
    Effect.gen(function* () {
      const chat = yield* connect()
      yield* chat.run({ runId: "r" })
      yield* untilStatus("r", "pending")
      chat.agent.abortRun()
      yield* untilStatus("r", "cancelled")
    }),
  )

  it.live("ends with the server, and the run goes on", () =>
    Effect.gen(function* () {
      const endless = yield* TestWorker.makeEndless
      yield* TestWorker.start((run) =>
        Stream.concat(
          Executor.toStream(Executor.from(() => Effect.succeed("half")))(run),
          endless.execute(run),
        ),
      )
      const scope = yield* Scope.make()
      const store = yield* Effect.context<Layer.Layer.Success<typeof MemoryControlPlane.layer>>()
      const server = yield* Layer.buildWithScope(serve(Layer.succeedContext(store)), scope)
      const chat = yield* Effect.provide(connect(), server)
      const { done, events } = yield* chat.run({ runId: "r" })
      yield* Queue.take(endless.started)
      yield* until(events, "TEXT_MESSAGE_END")
      yield* Scope.close(scope, Exit.void)
      const { events: all } = yield* done
      strictEqual(all.at(-1)?.type, "TEXT_MESSAGE_END")
      strictEqual(yield* statusOf("r"), "running")

      const again = yield* Layer.build(serve(Layer.succeedContext(store)))
      const next = yield* Effect.provide(connect({ threadId: chat.agent.threadId }), again)
      const { events: rest } = yield* next.run({ runId: "r" })
      yield* until(rest, "TEXT_MESSAGE_END")
      next.agent.abortRun()
      yield* untilStatus("r", "cancelled")
    }).pipe(
      Effect.scoped,
      Effect.provideService(Connecting, version),
      Effect.provide(Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer)),
    ),
  )
})
