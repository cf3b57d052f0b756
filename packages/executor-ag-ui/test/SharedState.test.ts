import { deepStrictEqual } from "@effect/vitest/utils"
import { type Run, Runs } from "@runlease/core"
import { TestRuns, TestWorker } from "@runlease/testkit"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { test, until } from "./Runs.js"

const snapshot = { messages: [], tools: [], context: [], state: { count: 0 } }

/** The states in the requests to an agent that interrupts twice. `parts`: the events of each of its parts. */
const statesOf = (
  parts: ReadonlyArray<ReadonlyArray<Peer.Event> | "dies">,
  seen: (run: Run.ClaimedRun) => Run.ClaimedRun = (run) => run,
) =>
  Effect.gen(function* () {
    const agent = yield* Peer.serve(async ({ begin, die, finished, response, send, started }) => {
      const part = parts[agent.calls.length - 1]
      begin()
      await send(started)
      if (part === undefined) {
        await send(finished())
        return response.end()
      }
      if (part === "dies") {
        await send({ type: "STATE_SNAPSHOT", snapshot: "void" })
        return die()
      }
      const interrupts = [{ id: `ask-${agent.calls.length}`, reason: "input_required" }]
      await send(...part, finished({ outcome: { type: "interrupt", interrupts } }))
      return response.end()
    })
    const executor = yield* Peer.make({ url: agent.url })
    yield* TestWorker.start((run) => executor.execute(seen(run)), { retryDelay: () => 0 })
    const { runId } = yield* TestRuns.submit({ snapshot })
    const runs = yield* Runs.Runs
    for (const [index, part] of parts.entries()) {
      if (part === "dies") continue
      const interruptId = `ask-${index + 1}`
      yield* until(TestRuns.getRun(runId), ({ waiting }) => waiting?.interrupts[0]?.id === interruptId)
      yield* runs.resume(runId, [{ interruptId, status: "resolved" }])
    }
    yield* until(TestRuns.getRun(runId), ({ status }) => status === "completed")
    return agent.calls.map(({ input }) => input.state)
  })

describe("the state in the request", () => {
  test(
    "is the state that the last part left",
    Effect.gen(function* () {
      deepStrictEqual(
        yield* statesOf([
          [
            { type: "STATE_DELTA", delta: [{ op: "replace", path: "/count", value: 1 }] },
            // A patch applies as a whole or not at all.
            {
              type: "STATE_DELTA",
              delta: [
                { op: "replace", path: "/count", value: 9 },
                { op: "remove", path: "/missing" },
              ],
            },
          ],
          [
            { type: "STATE_SNAPSHOT", snapshot: [1] },
            { type: "STATE_DELTA", delta: [{ op: "add", path: "", value: { list: [1] } }] },
            { type: "STATE_DELTA", delta: [{ op: "add", path: "/list/-", value: 2 }] },
          ],
        ]),
        [{ count: 0 }, { count: 1 }, { list: [1, 2] }],
      )
    }),
  )

  test(
    "has no changes of an attempt that died",
    Effect.gen(function* () {
      deepStrictEqual(yield* statesOf([[{ type: "STATE_SNAPSHOT", snapshot: { count: 1 } }], "dies", []]), [
        { count: 0 },
        { count: 1 },
        { count: 1 },
        { count: 1 },
      ])
    }),
  )

  test(
    "is the client's, if the client has changed it since",
    Effect.gen(function* () {
      deepStrictEqual(
        yield* statesOf(
          [
            [{ type: "STATE_SNAPSHOT", snapshot: { count: 1 } }],
            [{ type: "STATE_DELTA", delta: [{ op: "add", path: "/own", value: true }] }],
          ],
          (run) =>
            run.leaseEpoch === 1 ? run : { ...run, snapshot: { ...run.snapshot, state: { count: 7 } } },
        ),
        [{ count: 0 }, { count: 7 }, { count: 7, own: true }],
      )
    }),
  )
})
