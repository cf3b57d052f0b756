import { describe, expect, it } from "@effect/vitest"
import * as Executor from "@runlease/core/Executor"
import { AgentId } from "@runlease/core/Ids"
import * as PromiseSteps from "@runlease/core/PromiseSteps"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import * as RunLog from "@runlease/core/RunLog"
import * as Runs from "@runlease/core/Runs"
import * as Worker from "@runlease/core/Worker"
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import * as MemoryControlPlane from "../src/memory/MemoryControlPlane.js"

type Program = (steps: PromiseSteps.PromiseSteps, run: ClaimedRun, signal: AbortSignal) => PromiseLike<string>

/** The run of a program, to its end. A person approves each question, and cancels the run at `cancelled`. */
const outcomeOf = (program: Program, cancelled: Effect.Effect<void> = Effect.never) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const log = yield* RunLog.RunLog
    const { run } = yield* runs.submit({
      agentId: AgentId.make("promises"),
      snapshot: RequestSnapshot.fromText("go"),
    })
    yield* Effect.forkScoped(Effect.zipRight(cancelled, runs.cancel(run.runId)))
    const texts: Array<string> = []
    yield* Stream.runForEach(log.follow({ runId: run.runId }), ({ event }) =>
      Effect.gen(function* () {
        if (event.type === "TEXT_MESSAGE_CONTENT") texts.push(String(event["delta"]))
        if (event.type !== "RUN_FINISHED") return
        const { waiting } = yield* runs.get(run.runId)
        for (const { id } of waiting?.interrupts ?? []) {
          yield* runs.resume(run.runId, [
            { interruptId: id, status: "resolved", payload: { approved: true } },
          ])
        }
      }),
    )
    const ended = yield* runs.get(run.runId)
    return { texts, status: ended.status, error: ended.error }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Worker.layer.pipe(
        Layer.provide(
          Executor.layerFrom((run) => PromiseSteps.run((steps, signal) => program(steps, run, signal))),
        ),
        Layer.provideMerge(MemoryControlPlane.layer),
      ),
    ),
  )

describe("steps of promises", () => {
  it.live("run once, and a question waits for its answer", () =>
    Effect.gen(function* () {
      let bodies = 0
      let attempts = 0
      const { status, texts } = yield* outcomeOf(async (steps) => {
        attempts += 1
        const [one, two] = await Promise.all([
          steps.step("count", async () => (bodies += 1), { key: "a" }),
          steps.step("count", async () => (bodies += 1), { key: "b" }),
        ])
        const [yes, also] = await Promise.all([
          steps.approve("pay", { message: "Pay?" }),
          steps.decide("mail", { message: "Mail?" }),
        ])
        return `${one + two} ${yes} ${also.approved}`
      })
      expect([status, texts]).toEqual(["completed", ["3 true true"]])
      expect([bodies, attempts]).toEqual([2, 2])
    }),
  )

  it.live("reject as their bodies do, and the program goes on", () =>
    Effect.gen(function* () {
      const broken = new RangeError("broken")
      const { texts } = yield* outcomeOf(async (steps) => {
        const error = await steps
          .step("break", () => Promise.reject<string>(broken))
          .catch((error: unknown) => error)
        return error === broken ? "the same error" : "another"
      })
      expect(texts).toEqual(["the same error"])
    }),
  )

  it.live("fail the run with an error of a step, although the program catches it", () =>
    Effect.gen(function* () {
      const { error, status } = yield* outcomeOf(async (steps) => {
        await steps.step("same", async () => 1)
        await steps.step("same", async () => 2).catch(() => 3)
        return new Promise<string>(() => {})
      })
      expect([status, error?.code]).toEqual(["failed", "step_duplicate"])
    }),
  )

  it.live("fail the run with a failure of an executor, although the program catches it", () =>
    Effect.gen(function* () {
      const refused = new Executor.ExecutorError({ code: "refused", message: "Not today" })
      const { error, status } = yield* outcomeOf((steps) =>
        steps.step("refuse", () => Promise.reject<string>(refused)).catch(() => new Promise(() => {})),
      )
      expect([status, error?.code]).toEqual(["failed", "refused"])
    }),
  )

  it.live("fail the run with a defect of a step, although the program catches it", () =>
    Effect.gen(function* () {
      const { error, status } = yield* outcomeOf(async (steps) => {
        const options = { schema: Schema.NonEmptyString }
        return steps.step("empty", async () => "", options).catch(() => new Promise<string>(() => {}))
      })
      expect([status, error?.code]).toEqual(["failed", "executor_defect"])
    }),
  )

  it.live("fail the run as the program rejects", () =>
    Effect.gen(function* () {
      const { error, status } = yield* outcomeOf(() => Promise.reject(new RangeError("too far")))
      expect([status, error?.code, error?.message]).toEqual(["failed", "RangeError", "too far"])
    }),
  )

  it.live("abort the signals of the program and of its steps when the run is cancelled", () =>
    Effect.gen(function* () {
      const aborted: Array<string> = []
      const began = yield* Deferred.make<void>()
      const untilAborted = (name: string, signal: AbortSignal) =>
        new Promise<string>((resolve) => {
          signal.addEventListener("abort", () => resolve(String(aborted.push(name))))
        })
      const { status } = yield* outcomeOf(async (steps, _run, signal) => {
        const body = (signal: AbortSignal) => {
          Deferred.unsafeDone(began, Effect.void)
          return untilAborted("step", signal)
        }
        return (await Promise.all([untilAborted("program", signal), steps.step("endless", body)])).join()
      }, Deferred.await(began))
      expect(status).toBe("cancelled")
      expect(aborted.toSorted()).toEqual(["program", "step"])
    }),
  )

  it.live("are inside a step by its body, and show what it emits once", () =>
    Effect.gen(function* () {
      let bodies = 0
      const { texts } = yield* outcomeOf(async (steps) => {
        const keys: Array<string> = []
        const outer = await steps.step("outer", async (_signal, inside) => {
          bodies += 1
          await inside.emit("shown ")
          keys.push(inside.idempotencyKey)
          const inner = await inside.step("inner", async (_, { idempotencyKey }) => idempotencyKey)
          return inner === inside.idempotencyKey ? "the same key" : "a key of its own"
        })
        await steps.step("inner", async () => "another step")
        await steps.approve("go", { message: "Go?" })
        return outer
      })
      expect(texts).toEqual(["shown ", "a key of its own"])
      expect(bodies).toBe(1)
    }),
  )

  it.live("happen at most once, and find out what an attempt before has done", () =>
    Effect.gen(function* () {
      let bodies = 0
      const { texts } = yield* outcomeOf(async (steps) => {
        const found = await steps.atMostOnce(
          "pay",
          () => {
            bodies += 1
            return Promise.reject<string>(Executor.retryableError("later", "Not now", 1))
          },
          { onUncertain: async () => "paid before" },
        )
        return found
      })
      expect([texts, bodies]).toEqual([["paid before"], 1])
    }),
  )

  it.live("have no steps in one that happens at most once", () =>
    Effect.gen(function* () {
      const { error } = yield* outcomeOf((steps) =>
        steps.atMostOnce("pay", (_, inside) => inside.step("inner", async () => "no")),
      )
      expect(error?.code).toBe("step_nested")
    }),
  )
})
