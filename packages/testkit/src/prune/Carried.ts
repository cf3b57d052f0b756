/** Pruning suite: requests that carry messages of earlier runs. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type ProjectPorts } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { Runs } from "@runlease/core/Runs"
import { Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import { finish } from "./finish.js"

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<ProjectPorts | ControlPlane>): void => {
  test(
    "takes the messages of a run that it deletes out of the requests that carry them",
    Effect.gen(function* () {
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const message = (id: string, role = "user") => ({ id, role, parts: [RequestSnapshot.textPart(id)] })
      const request = (messages: ReadonlyArray<string>, carries?: Partial<RequestSnapshot.Carried>) => ({
        ...RequestSnapshot.empty,
        messages: messages.map((id) => message(id)),
        ...(carries === undefined
          ? {}
          : { carries: { lead: 0, runs: [], output: [], without: [], title: null, ...carries } }),
      })
      const carried = (...ids: ReadonlyArray<string>) => ids.map((id) => ({ id, own: 0, output: 0, upTo: 0 }))
      const one = yield* finish({ publicId: "one", snapshot: request(["rules", "m1"]) })
      const { conversationId, projectId } = one
      // It has the history of its client, and so repeats a message.
      yield* TestRuns.submit({ publicId: "two", conversationId, snapshot: request(["m1", "m2"]) })
      const { runId: stranger } = yield* TestRuns.submit({ snapshot: request(["of another conversation"]) })
      yield* runs.cancel(Ids.RunId.make("two"))
      yield* runs.cancel(stranger)
      const answer = { id: "one", messages: [message("a1", "assistant")] }
      const three = request(["first", "m3"], {
        lead: 1,
        runs: carried("one", "two", stranger),
        output: [answer],
        without: ["rules"],
      })
      yield* TestRuns.submit({ publicId: "three", conversationId, snapshot: three })
      const idsOf = ({ messages }: RequestSnapshot.RequestSnapshot) => messages.map(({ id }) => id)
      const whole = ["first", "m1", "a1", "m2", "m3"]
      const claimed = yield* TestRuns.claimOne(worker)
      deepStrictEqual(idsOf(claimed.snapshot), whole)
      strictEqual("carries" in claimed.snapshot, false)
      yield* TestRuns.complete(claimed)
      const four = request(["m4"], {
        runs: carried("one", "two", "three"),
        output: [
          { ...answer, messages: [message("a2", "assistant")] },
          { id: "three", messages: [message("a3", "assistant")] },
        ],
      })
      yield* TestRuns.submit({ publicId: "four", conversationId, snapshot: four })
      const read = (id: string, own?: boolean) =>
        Effect.map(runs.snapshot(Ids.RunId.make(id), { own: own ?? false }), idsOf)
      const before = ["rules", "m1", "a2", "m2", "first", "m3", "a3", "m4"]
      deepStrictEqual([yield* read("four"), yield* read("four", true)], [before, ["m4"]])
      // A run that is made again has the same messages.
      const { run: again } = yield* Effect.zipRight(
        runs.cancel(Ids.RunId.make("four")),
        runs.retry(Ids.RunId.make("four")),
      )
      deepStrictEqual(yield* read(again.runId), before)
      yield* TestClock.adjust("20 seconds")
      yield* TestRuns.submit({ publicId: "five", conversationId, snapshot: { ...four, messages: [] } })
      const { prune } = yield* ControlPlane
      strictEqual((yield* prune({ projectId, olderThan: "20 seconds" })).pruned, 5)
      deepStrictEqual(yield* read("five"), [])
      deepStrictEqual(yield* read(again.runId), ["m4"])
    }),
  )
}
