/**
 * Tests of children, for which a run waits without a worker.
 */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  AgentEvent,
  Child,
  ChildMessage,
  Executor,
  Ids,
  Inbox,
  RequestSnapshot,
  Runs,
  type Run,
  Step,
} from "@runlease/core"
import { DateTime, Deferred, Effect, Either, Option, Ref } from "effect"
import * as Faults from "../Faults.js"
import * as TestRuns from "../TestRuns.js"
import { type Declare, makeEndless, run, start, submit, until } from "../TestWorker.js"
import { textsOf } from "./StepRuns.js"

const textOf = ({ snapshot }: Run.ClaimedRun): string => RequestSnapshot.lastUserText(snapshot)

const Shouting = Agent.make({ name: "child" })
const Endless = Agent.make({ name: "endless" })

/** A child that returns its text in capitals, or fails where that is `fail`. */
const shout = (claimed: Run.ClaimedRun) =>
  textOf(claimed) === "fail"
    ? Effect.fail(new Executor.ExecutorError({ code: "refused", message: "It will not" }))
    : Effect.succeed([
        AgentEvent.runFinished(claimed.conversationId, claimed.runId, {
          result: textOf(claimed).toUpperCase(),
        }),
      ])

/** The id of a child that takes long to be looked at. */
const slow = "slow-child"

/** A run that is no child of another. */
const strange = { runId: Ids.RunId.make("no-child"), index: 3, agent: Shouting }

/** Waits until the run has ended, in steps of test time that let a wait be released. */
const untilEnded = (runId: Run.Run["runId"]) =>
  TestRuns.eventually(run(runId), ({ finishedAt }) => finishedAt !== null, {
    step: "10 millis",
    within: "10 seconds",
  })

export const tests = (test: Declare): void => {
  test.describe("a run with children", () => {
    test(
      "takes the end of a child as a message, the same one in a later attempt, and joins it at once",
      Effect.gen(function* () {
        const messageIds = yield* Ref.make<ReadonlyArray<string>>([])
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? shout(claimed)
              : Effect.gen(function* () {
                  const child = yield* Child.spawn("talk", Shouting, "hi", { tellsParent: true })
                  const message = yield* Inbox.take("next")
                  const ids = yield* Ref.updateAndGet(messageIds, (ids) => [...ids, message.id])
                  if (ids.length === 1) return yield* Effect.fail(Executor.retryableError("died", "again"))
                  const ended = Option.getOrThrow(ChildMessage.fromMessage(message))
                  const [outcome] = yield* Child.joinAll([child])
                  return `${ended.index} ${ended.status} ${ended.runId === child.runId} ${Either.isRight(outcome)}`
                }),
          ),
          { retryDelay: () => 0 },
        )
        const parent = yield* submit()
        strictEqual((yield* untilEnded(parent.runId)).status, "completed")
        deepStrictEqual(yield* textsOf(parent.runId), ["0 completed true true"])
        const [first, second, ...others] = yield* Ref.get(messageIds)
        deepStrictEqual([first === second, others], [true, []])
      }),
    )

    test.onEachStore(
      "holds no slot while it waits for them, resumes once, and gets their values",
      Effect.gen(function* () {
        const claims = yield* Ref.make(0)
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? shout(claimed)
              : Effect.gen(function* () {
                  yield* Ref.update(claims, (n) => n + 1)
                  const children = yield* Child.spawnAll("ask", Shouting, ["a", "b", "c"])
                  const outcomes = yield* Child.joinAll(children)
                  return outcomes.map(Either.getOrElse(String)).join()
                }),
          ),
          { concurrency: 1 },
        )
        const parents = yield* Effect.replicateEffect(submit({ maxAttempts: 1 }), 2)
        for (const { runId } of parents) {
          strictEqual((yield* untilEnded(runId)).status, "completed")
          deepStrictEqual(yield* textsOf(runId), ["A,B,C"])
        }
        strictEqual(yield* Ref.get(claims), 4)
      }),
    )

    test.onEachStore(
      "fails where it waits for a child that it does not have",
      Effect.gen(function* () {
        yield* start(Executor.from(() => Effect.as(Child.join(strange), "never")))
        const other = yield* submit({
          publicId: strange.runId,
          availableAt: DateTime.unsafeMake("2100-01-01"),
        })
        const { runId } = yield* submit()
        const { error, status } = yield* untilEnded(runId)
        deepStrictEqual([status, error?.code], ["failed", "suspend_refused"])
        strictEqual((yield* run(other.runId)).status, "pending")
      }),
    )

    test(
      "has the same children in each attempt, and learns how each of them has ended",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? shout(claimed)
              : Effect.gen(function* () {
                  const children = yield* Child.spawnAll("ask", Shouting, ["a", "fail"])
                  if ((yield* Ref.updateAndGet(attempts, (n) => n + 1)) < 3) {
                    return yield* Executor.retryableError("died", "again")
                  }
                  const [first, second] = yield* Child.joinAll(children)
                  const failed = yield* Effect.flip(Child.join(children[1]!))
                  return JSON.stringify([first!._tag, second!._tag, failed.message.split(": ").at(-1)])
                }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilEnded(runId)).status, "completed")
        deepStrictEqual(yield* textsOf(runId), [JSON.stringify(["Right", "Left", "It will not"])])
        strictEqual((yield* runs.list({ parentRunId: runId })).items.length, 2)
      }),
    )

    test(
      "continues with the first of them that ends, and its end cancels the other",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const endless = yield* makeEndless
        yield* start(
          Executor.from((claimed) => {
            if (claimed.agentId === "endless") return endless.execute(claimed)
            return claimed.agentId === "child"
              ? shout(claimed)
              : Effect.gen(function* () {
                  const slow = yield* Child.spawn("slow", Endless, "go")
                  const fast = yield* Child.spawn("fast", Shouting, "fast")
                  const [child, outcome] = yield* Child.joinFirst("race", [slow, fast])
                  return `${String(child.runId === fast.runId)} ${outcome._tag}`
                })
          }),
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilEnded(runId)).status, "completed")
        deepStrictEqual(yield* textsOf(runId), ["true Right"])
        const { runId: slow } = yield* endless.finalized
        const { error, status } = yield* run(slow)
        deepStrictEqual([status, error?.code], ["cancelled", "parent_ended"])
        strictEqual((yield* runs.list({ parentRunId: runId })).items.length, 2)
      }),
    )

    test(
      "chooses the id of a child, unless a run that is no child of it has that id",
      Effect.gen(function* () {
        const other = yield* submit({ agentId: "child", publicId: "taken" })
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? shout(claimed)
              : Effect.gen(function* () {
                  const { runId } = yield* Child.spawn("mine", Shouting, "a", { publicId: "mine" })
                  const refused = yield* Effect.flip(
                    Child.spawn("taken", Shouting, "a", { publicId: other.runId }),
                  )
                  return `${runId} ${refused._tag} ${"field" in refused ? refused.field : ""}`
                }),
          ),
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilEnded(runId)).status, "completed")
        deepStrictEqual(yield* textsOf(runId), ["mine InvalidSubmission publicId"])
      }),
    )

    test(
      "is woken by the end of one that takes long to be looked at, while it sleeps",
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? Effect.zipRight(Deferred.await(gate), shout(claimed))
              : Effect.race(
                  Effect.as(Step.sleep("pause", "1 hour"), "late"),
                  Effect.flatMap(Child.spawn("slow", Shouting, "a", { publicId: slow }), Child.join),
                ),
          ),
        )
        const { runId } = yield* submit()
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "waiting", {
          step: "10 millis",
          within: "10 seconds",
        })
        yield* Deferred.succeed(gate, undefined)
        strictEqual((yield* untilEnded(runId)).status, "completed")
        deepStrictEqual(yield* textsOf(runId), ["A"])
      }),
      Faults.over(Runs.Runs, (runs) => ({
        ...runs,
        get: (runId) => (runId === slow ? Effect.delay(runs.get(runId), "200 millis") : runs.get(runId)),
      })),
    )

    test(
      "leaves one that is detached behind, which is the same in each attempt",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const gate = yield* Deferred.make<void>()
        const attempts = yield* Ref.make(0)
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "child"
              ? Effect.zipRight(Deferred.await(gate), shout(claimed))
              : Effect.gen(function* () {
                  const { runId } = yield* Child.spawn("apart", Shouting, "a", { detached: true })
                  if ((yield* Ref.updateAndGet(attempts, (n) => n + 1)) < 3) {
                    return yield* Executor.retryableError("died", "again")
                  }
                  return runId
                }),
          ),
          { retryDelay: () => 0 },
        )
        const { runId } = yield* submit()
        strictEqual((yield* untilEnded(runId)).status, "completed")
        const [apart, ...others] = (yield* runs.list({ parentRunId: runId })).items
        deepStrictEqual([yield* textsOf(runId), others], [[apart!.runId], []])
        yield* Deferred.succeed(gate, undefined)
        strictEqual((yield* untilEnded(apart!.runId)).result, "A")
      }),
    )

    test.onEachStore(
      "that is cancelled while it waits takes its children with it, whose executors end",
      Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const endless = yield* makeEndless
        yield* start(
          Executor.from((claimed) =>
            claimed.agentId === "endless"
              ? endless.execute(claimed)
              : Effect.flatMap(Child.spawn("slow", Endless, "go"), Child.join).pipe(Effect.as("never")),
          ),
        )
        const { runId } = yield* submit()
        yield* endless.started
        yield* TestRuns.eventually(run(runId), ({ status }) => status === "waiting", {
          step: "10 millis",
          within: "10 seconds",
        })
        yield* runs.cancel(runId)
        const child = yield* endless.finalized
        strictEqual(
          (yield* until(run(child.runId), ({ finishedAt }) => finishedAt !== null)).status,
          "cancelled",
        )
      }),
    )
  })
}
