import { FetchHttpClient } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  AgentEvent,
  Claims,
  Conversations,
  Executor,
  Ids,
  Leases,
  RunLog,
  type Run,
  Runs,
  Worker,
  WorkerRegistry,
} from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { ConfigProvider, Deferred, Effect, Exit, Layer, Ref, Schedule, Scope, Stream } from "effect"
import * as Veryfront from "../src/Veryfront.js"
import { plain, type Requested } from "./plain.js"
import { type Ports, test } from "./published.js"
import { Served } from "./serving.js"

const submit = Effect.gen(function* () {
  const conversations = yield* Conversations.Conversations
  const { id } = yield* conversations.create()
  return yield* TestRuns.submit({ conversationId: id })
})

const until = (run: Run.Run, status: Run.RunStatus) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.repeat(runs.get(run.runId), {
      until: (found) => found.status === status,
      schedule: Schedule.spaced("20 millis"),
    }),
  )

const options = { leaseDuration: "5 seconds", pollInterval: "50 millis", drainTimeout: 0 } as const

const counted = (requests: ReadonlyArray<Requested>, pattern: RegExp) =>
  requests.filter(({ url }) => pattern.test(url)).length

describe("over the public API alone", () => {
  test("a worker claims one at a time until its slots are full, and finishes its runs", (requests) =>
    Effect.gen(function* () {
      const going = yield* Ref.make(0)
      const most = yield* Ref.make(0)
      const go = yield* Deferred.make<void>()
      const full = yield* Deferred.make<void>()
      const executor = Executor.Executor.of({
        execute: () =>
          Stream.unwrap(
            Effect.gen(function* () {
              const count = yield* Ref.updateAndGet(going, (n) => n + 1)
              yield* Ref.update(most, (n) => Math.max(n, count))
              if (count === 3) yield* Deferred.succeed(full, undefined)
              yield* Deferred.await(go)
              return Stream.make(AgentEvent.custom("test", 1))
            }),
          ).pipe(Stream.ensuring(Ref.update(going, (n) => n - 1))),
      })
      const runs = yield* Effect.replicateEffect(submit, 5)
      yield* Effect.provideService(Worker.make({ ...options, concurrency: 3 }), Executor.Executor, executor)
      yield* Deferred.await(full)
      const claims = counted(requests, /\/claim$/)
      assertTrue(claims >= 3)
      yield* Deferred.succeed(go, undefined)
      yield* Effect.forEach(runs, (run) => until(run, "completed"))
      strictEqual(yield* Ref.get(most), 3)
      deepStrictEqual(yield* TestRuns.typesOf(runs[0]!.runId), ["RUN_STARTED", "CUSTOM", "RUN_FINISHED"])
    }))

  test("a worker heeds a cancellation at its next renewal", (requests) =>
    Effect.gen(function* () {
      const run = yield* submit
      const interrupted = yield* Deferred.make<void>()
      const executor = Executor.Executor.of({
        execute: () => Stream.ensuring(Stream.never, Deferred.succeed(interrupted, undefined)),
      })
      yield* Effect.provideService(Worker.make(options), Executor.Executor, executor)
      yield* until(run, "running")
      const runs = yield* Runs.Runs
      strictEqual((yield* runs.cancel(run.runId)).cancelled, true)
      yield* Deferred.await(interrupted)
      assertTrue(counted(requests, /\/lease$/) >= 1)
    }))

  test("a worker that drains lets the lease lapse, and another takes the run", () =>
    Effect.gen(function* () {
      const run = yield* submit
      const started = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const first = yield* Worker.make({ ...options, workerKey: "first" }).pipe(
        Effect.provideService(Executor.Executor, {
          execute: () =>
            Stream.zipRight(Stream.fromEffect(Deferred.succeed(started, undefined)), Stream.never),
        }),
        Scope.extend(scope),
      )
      yield* Deferred.await(started)
      const told = yield* Effect.fork(Stream.runCollect(first.events))
      yield* Scope.close(scope, Exit.void)
      const tags = Array.from(yield* told.await.pipe(Effect.flatten), ({ _tag }) => _tag)
      assertTrue(tags.includes("Released"))
      strictEqual((yield* TestRuns.getRun(run.runId)).status, "running")
      yield* Effect.provideService(Worker.make({ ...options, workerKey: "second" }), Executor.Executor, {
        execute: () => Stream.empty,
      })
      yield* until(run, "completed")
    }))

  test("a run that would have to wait for a tool result fails, and says why", () =>
    Effect.gen(function* () {
      const run = yield* submit
      yield* Effect.provideService(Worker.make(options), Executor.Executor, {
        execute: () => Stream.fail(Executor.awaitToolResult("t", "ask")),
      })
      yield* until(run, "failed")
      deepStrictEqual((yield* TestRuns.getRun(run.runId)).error, {
        code: "suspend_refused",
        message: "This control plane cannot suspend a run until it is answered",
      })
    }))

  test("every port sends requests of the public API only, and names the operations that it cannot do", () =>
    Effect.gen(function* () {
      const conversations = yield* Conversations.Conversations
      const runs = yield* Runs.Runs
      const leases = yield* Leases.Leases
      const { id } = yield* conversations.create({ title: "t" })
      yield* conversations.addMessage(id, { role: "user", parts: [{ type: "text", text: "hi" }] })
      strictEqual((yield* conversations.messages(id)).items.length, 1)
      const worker = yield* TestRuns.register()
      const target = { kind: "project", environmentId: null, branchId: null, releaseVersion: null }
      const run = yield* TestRuns.submit({ conversationId: id, publicId: "run-1", sourceTarget: target })
      yield* submit
      const claimed = yield* TestRuns.claimOne(worker, { limit: 5, wait: "20 seconds" })
      strictEqual(claimed.runId, run.runId)
      strictEqual((yield* TestRuns.claim(worker, { limit: 5 })).length, 1)
      const lease = TestRuns.leaseOf(claimed)
      yield* runs.recordSession(lease, { sessionKey: "s" })
      const renewed = yield* leases.renew({ workerId: worker, leases: [lease], leaseDuration: "30 seconds" })
      deepStrictEqual(
        renewed.map(({ _tag }) => _tag),
        ["Renewed"],
      )
      yield* TestRuns.append(claimed, [AgentEvent.custom("test", 1)])
      yield* leases.release(lease)
      strictEqual((yield* runs.get(run.runId)).status, "running")
      deepStrictEqual(
        (yield* runs.list({ status: "running", conversationId: id })).items.map(({ runId }) => runId),
        ["run-1"],
      )
      const entries = yield* Stream.runCollect(
        Stream.merge(
          Stream.unwrap(Effect.map(RunLog.RunLog, (log) => log.follow({ runId: run.runId }))),
          Stream.drain(
            Stream.fromEffect(runs.complete(run.runId, { status: "completed", result: "r" }, lease)),
          ),
        ),
      )
      strictEqual(entries.length, 3)

      const registry = yield* WorkerRegistry.WorkerRegistry
      const claims = yield* Claims.Claims
      const agentIds = [Ids.AgentId.make("a")]
      const refused = yield* Effect.forEach(
        [
          TestRuns.submit(),
          TestRuns.submit({ conversationId: id, priority: 1 }),
          TestRuns.submit({ conversationId: id, maxAttempts: 1 }),
          TestRuns.submit({ conversationId: id, concurrencyKey: null }),
          TestRuns.submit({ conversationId: id, snapshot: { messages: [], tools: [], context: [] } }),
          leases.suspend(lease, TestRuns.forToolCall("t", "n")),
          runs.resume(run.runId, [{ interruptId: "t", status: "cancelled" }]),
          claims.claim({ workerId: worker, limit: 1, leaseDuration: "30 seconds", agentIds }),
          registry.list(),
        ],
        (effect) => Effect.flip<unknown, { readonly _tag: string; readonly message: string }, Ports>(effect),
      )
      deepStrictEqual(
        refused.map((error) => [error._tag, "retryable" in error && error.retryable]),
        refused.map(() => ["ControlPlaneUnsupported", false]),
      )
    }))

  it.scopedLive("its settings come from the environment", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const settings = new Map([
        ["VERYFRONT_API_URL", url],
        ["VERYFRONT_API_TOKEN", key],
        ["VERYFRONT_PROJECT", "default"],
      ])
      yield* Effect.provide(
        TestRuns.register(),
        Veryfront.layerConfig.pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(settings))),
        ),
      )
    }).pipe(Effect.provide(plain())),
  )
})
