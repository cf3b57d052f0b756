import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, ControlPlaneUnavailable } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Faults, TestRuns } from "@runlease/testkit"
import { Context, Effect, Fiber, Layer, Queue, Ref, TestClock } from "effect"
import { call } from "./raw.js"
import * as Serving from "./serving.js"

type Claim = Context.Tag.Service<Claims.Claims>["claim"]

/** What claims do instead of what the store does, and those that have reached it. */
class Fault extends Context.Tag("test/Fault")<
  Fault,
  { readonly change: Ref.Ref<(claim: Claim) => Claim>; readonly arrived: Queue.Queue<void> }
>() {}

const store = ({ arrived, change }: Context.Tag.Service<Fault>) =>
  Faults.overProjects(Claims.Claims, ({ claim }) => ({
    claim: (request) =>
      Effect.zipRight(
        Queue.offer(arrived, undefined),
        Effect.flatMap(Ref.get(change), (changed) => changed(claim)(request)),
      ),
  }))(MemoryControlPlane.layer)

const layer = Layer.unwrapEffect(
  Effect.map(
    Effect.all({ change: Ref.make((claim: Claim) => claim), arrived: Queue.unbounded<void>() }),
    (fault) => Layer.merge(Serving.serve(store(fault)), Layer.succeed(Fault, fault)),
  ),
)

const test = TestRuns.tester(layer)

const ready = call("GET", "/readyz", { token: null })

const register = Effect.map(
  call("POST", "/agent-workers/projects/default/workers", {
    body: { implementation_kind: "kind", worker_key: "w" },
  }),
  ({ json }) => ({ id: json.worker.id as string, token: json.token as string }),
)

const claim = ({ id, token }: Effect.Effect.Success<typeof register>, waitSeconds = 0) =>
  call("POST", `/agent-workers/workers/${id}/claim`, { token, body: { wait_seconds: waitSeconds } })

const change = (changed: (claim: Claim) => Claim) =>
  Effect.flatMap(Fault, (fault) => Ref.set(fault.change, changed))

const arrived = Effect.flatMap(Fault, (fault) => Queue.take(fault.arrived))

const failing: Claim = () =>
  Effect.fail(
    new ControlPlaneUnavailable.ControlPlaneUnavailable({ operation: "Claims.claim", message: "down" }),
  )

describe("the readiness of a server", () => {
  test(
    "does not need a worker, even with runs that wait for one",
    Effect.gen(function* () {
      yield* call("POST", "/runs", { body: { kind: "agent", request: { agent_id: "agent" } } })
      yield* TestClock.adjust("1 minute")
      strictEqual((yield* ready).status, 200)
    }),
  )

  test(
    "ends when a claim is overdue, and comes back with its answer",
    Effect.gen(function* () {
      const answer = yield* Effect.makeLatch(false)
      const worker = yield* register
      yield* change((next) => (request) => Effect.zipRight(answer.await, next(request)))
      const claiming = yield* Effect.fork(claim(worker, 20))
      yield* arrived
      yield* TestClock.adjust("35 seconds")
      strictEqual((yield* ready).status, 200)
      yield* TestClock.adjust("1 second")
      const refused = yield* ready
      strictEqual(refused.status, 503)
      deepStrictEqual(refused.json, { error: "unavailable", detail: "Claims get no answer" })
      strictEqual((yield* call("GET", "/healthz", { token: null })).status, 200)
      yield* change((next) => next)
      yield* Effect.zipRight(answer.open, claim(worker))
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(claiming)
      strictEqual((yield* ready).status, 200)
    }),
  )

  test(
    "ends while all claims fail, and comes back with an answer, or when nobody claims any more",
    Effect.gen(function* () {
      const worker = yield* register
      yield* change(() => failing)
      const fail = Effect.map(claim(worker), ({ status }) => strictEqual(status, 503))
      const failForLong = Effect.zipRight(
        Effect.repeatN(Effect.zipRight(fail, TestClock.adjust("5 seconds")), 3),
        fail,
      )
      yield* fail
      strictEqual((yield* ready).status, 200)
      yield* failForLong
      deepStrictEqual((yield* ready).json.detail, "All claims fail")
      yield* change((next) => next)
      yield* claim(worker)
      strictEqual((yield* ready).status, 200)

      yield* change(() => failing)
      yield* failForLong
      strictEqual((yield* ready).status, 503)
      yield* TestClock.adjust("30 seconds")
      strictEqual((yield* ready).status, 200)
    }),
  )

  test(
    "does not end with a worker that leaves in the middle of a claim",
    Effect.gen(function* () {
      const worker = yield* register
      const left = yield* Effect.makeLatch(false)
      yield* change((next) => (request) => Effect.onInterrupt(next(request), () => left.open))
      const claiming = yield* Effect.fork(claim(worker, 20))
      yield* arrived
      yield* Fiber.interrupt(claiming)
      yield* left.await
      yield* TestClock.adjust("1 minute")
      strictEqual((yield* ready).status, 200)
    }),
  )
})
