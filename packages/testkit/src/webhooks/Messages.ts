/** Webhooks suite: which events are messages, who sends them, and what becomes of them. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import { Leases } from "@runlease/core/Leases"
import { Runs } from "@runlease/core/Runs"
import { DeliveryId } from "@runlease/core/Webhook"
import { Webhooks } from "@runlease/core/Webhooks"
import { Duration, Effect, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestWebhooks from "./TestWebhooks.js"

const { all, claim, claimOne, create, delivered, failed, settle } = TestWebhooks

/** Submits a run and cancels it. */
const cancelled = (input: Parameters<typeof TestRuns.submit>[0] = {}) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { runId } = yield* TestRuns.submit(input)
    return yield* runs.cancel(runId)
  })

const later = (duration: Duration.DurationInput) =>
  Effect.zipRight(TestClock.adjust(duration), TestRuns.settle)

export const declare = (test: TestRuns.Test<StorePorts | ControlPlane>): void => {
  test(
    "the end of a run is one message, with its ids, its labels and the event of its log",
    Effect.gen(function* () {
      const runs = yield* Runs
      const { endpoint } = yield* create()
      const worker = yield* TestRuns.register()
      const run = yield* TestRuns.hold(worker, { labels: { team: "a" } })
      const lease = TestRuns.leaseOf(run)
      const { run: ended } = yield* runs.complete(run.runId, { status: "completed" }, lease)
      const delivery = yield* claimOne
      deepStrictEqual(
        [delivery.type, delivery.endpointId, delivery.runId, delivery.attempt, delivery.status],
        ["run.completed", endpoint.id, run.runId, 1, "pending"],
      )
      const { agentId, latestEventId, projectId, runId } = ended
      deepStrictEqual(delivery.data, {
        run_id: runId,
        project_id: projectId,
        agent_id: agentId,
        status: "completed",
        event_id: latestEventId,
        labels: { team: "a" },
      })
      // The repeat of an end is no second event.
      yield* runs.complete(run.runId, { status: "completed" }, lease)
      strictEqual((yield* all).length, 1)
    }),
  )

  test(
    "what is due is counted up to a bound, without what somebody sends and what waits for its next attempt",
    Effect.gen(function* () {
      const { deliveries } = yield* ControlPlane
      const due = (most = 10) => deliveries.countDue(most)
      strictEqual(yield* due(), 0)
      yield* create()
      yield* Effect.replicateEffect(cancelled(), 3)
      deepStrictEqual([yield* due(), yield* due(2)], [3, 2])
      const [first] = yield* claim({ most: 1 })
      strictEqual(yield* due(), 2)
      yield* settle(first!.delivery, failed(10_000))
      strictEqual(yield* due(), 2)
      yield* later("10 seconds")
      strictEqual(yield* due(), 3)
    }),
  )

  test(
    "only events, agents and labels of the endpoint are messages to it",
    Effect.gen(function* () {
      yield* cancelled()
      const { endpoint: ofAgent } = yield* create({ agentIds: ["writer"] })
      const { endpoint: ofLabel } = yield* create({ labels: { team: "a", plan: "gold" } })
      yield* create({ events: ["run.completed"] })
      const webhooks = yield* Webhooks
      const { endpoint: disabled } = yield* create()
      yield* webhooks.update(disabled.id, { enabled: false })
      yield* cancelled({ labels: { team: "a" } })
      yield* cancelled({ agentId: "writer", labels: { team: "b" } })
      yield* cancelled({ labels: { team: "a", plan: "gold", other: "1" } })
      deepStrictEqual(
        (yield* all).map(({ endpointId }) => endpointId),
        [ofLabel.id, ofAgent.id],
      )
    }),
  )

  test(
    "a run that waits for answers is a message, and one that sleeps is none",
    Effect.gen(function* () {
      const leases = yield* Leases
      yield* create({ events: ["run.waiting"] })
      const worker = yield* TestRuns.register()
      const asking = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(asking), TestRuns.forToolCall())
      const sleeping = yield* TestRuns.hold(worker)
      yield* leases.suspend(TestRuns.leaseOf(sleeping), { wakeAfter: "1 hour" })
      const { data, runId, type } = yield* claimOne
      deepStrictEqual([type, runId, data["waiting_for"]], ["run.waiting", asking.runId, ["answers"]])
      strictEqual(Array.isArray(data["interrupt_ids"]) && data["interrupt_ids"].length, 1)
    }),
  )

  test(
    "a run that no worker claims in time has expired, and was not cancelled",
    Effect.gen(function* () {
      yield* create()
      const { runId } = yield* TestRuns.submit({ ttlSeconds: 60 })
      yield* later("61 seconds")
      const delivery = yield* claimOne
      deepStrictEqual([delivery.type, delivery.runId], ["run.expired", runId])
    }),
  )

  test(
    "a message belongs to its sender until the claim ends, and then to another",
    Effect.gen(function* () {
      yield* create()
      yield* cancelled()
      const first = yield* claimOne
      deepStrictEqual(yield* claim(), [])
      yield* later("60 seconds")
      const second = yield* claimOne
      deepStrictEqual([second.id, second.attempt], [first.id, 2])
      // The first sender is late, and its answer says nothing of the second attempt.
      yield* settle(first, delivered)
      strictEqual((yield* all)[0]?.status, "pending")
      yield* settle(second, delivered)
      const [after] = yield* all
      deepStrictEqual([after?.status, after?.lastStatus, after?.nextAt], ["delivered", 204, null])
      yield* later("60 seconds")
      deepStrictEqual(yield* claim(), [])
    }),
  )

  test(
    "a message that failed is due at its time, and is dead after the last attempt",
    Effect.gen(function* () {
      const { endpoint } = yield* create()
      yield* cancelled()
      yield* settle(yield* claimOne, failed(5000))
      const webhooks = yield* Webhooks
      strictEqual((yield* webhooks.get(endpoint.id)).failingSince === null, false)
      yield* later("4 seconds")
      deepStrictEqual(yield* claim(), [])
      yield* later("1 second")
      yield* settle(yield* claimOne, failed(null))
      const [dead] = yield* all
      deepStrictEqual([dead?.status, dead?.attempt, dead?.lastError], ["dead", 2, "it answered 500"])
      deepStrictEqual((yield* webhooks.deliveries({ status: "dead" })).items, yield* all)
      deepStrictEqual((yield* webhooks.deliveries({ status: "pending" })).items, [])
    }),
  )

  test(
    "a message is sent again under its id, one or all that are dead since an instant",
    Effect.gen(function* () {
      const webhooks = yield* Webhooks
      const { endpoint } = yield* create()
      yield* cancelled()
      const first = yield* claimOne
      yield* settle(first, failed(null))
      yield* later("1 minute")
      yield* cancelled()
      const second = yield* claimOne
      yield* settle(second, failed(null))
      const since = { since: second.createdAt }
      deepStrictEqual(yield* webhooks.retryAll(endpoint.id, since), { retried: 1 })
      deepStrictEqual(yield* webhooks.retryAll(endpoint.id, since), { retried: 0 })
      const again = yield* claimOne
      deepStrictEqual([again.id, again.attempt], [second.id, 1])
      yield* settle(again, delivered)
      yield* webhooks.retry(first.id)
      const one = yield* claimOne
      strictEqual(one.id, first.id)
      yield* settle(one, delivered)
      strictEqual((yield* webhooks.get(endpoint.id)).failingSince, null)
      const none = DeliveryId.make("msg_00000000-0000-8000-8000-000000000000")
      strictEqual((yield* Effect.flip(webhooks.retry(none)))._tag, "DeliveryNotFound")
    }),
  )

  test(
    "an endpoint that is gone is disabled, and what waits for it is dead",
    Effect.gen(function* () {
      const webhooks = yield* Webhooks
      const { endpoint } = yield* create()
      yield* cancelled()
      const first = yield* claimOne
      yield* cancelled()
      yield* settle(first, { _tag: "Gone", status: 410 })
      const after = yield* webhooks.get(endpoint.id)
      strictEqual(after.status, "disabled")
      strictEqual(after.disabledReason?.includes("410"), true)
      deepStrictEqual(yield* claim(), [])
      deepStrictEqual(
        (yield* all).map(({ lastError, status }) => [status, lastError]),
        [
          ["dead", "the endpoint is disabled"],
          ["dead", "the endpoint is gone"],
        ],
      )
      const enabled = yield* webhooks.update(endpoint.id, { enabled: true })
      deepStrictEqual([enabled.status, enabled.disabledReason], ["enabled", null])
    }),
  )

  test(
    "a claim takes so many of one endpoint, and those of others behind them",
    Effect.gen(function* () {
      const { endpoint: slow } = yield* create({ agentIds: ["slow"] })
      const { endpoint: quick } = yield* create({ agentIds: ["quick"] })
      for (let run = 0; run < 12; run += 1) yield* cancelled({ agentId: "slow" })
      // Messages of one instant are in no promised order.
      yield* later("1 millis")
      yield* cancelled({ agentId: "quick" })
      const of = (id: string, claimed: Effect.Effect.Success<ReturnType<typeof claim>>) =>
        claimed.filter(({ delivery }) => delivery.endpointId === id).length
      const first = yield* claim({ most: 10 })
      deepStrictEqual([of(slow.id, first), of(quick.id, first)], [8, 0])
      const second = yield* claim({ most: 10, busy: new Map([[slow.id, 8]]) })
      deepStrictEqual([of(slow.id, second), of(quick.id, second)], [0, 1])
      const third = yield* claim({ most: 10, busy: new Map([[slow.id, 6]]) })
      deepStrictEqual([of(slow.id, third), of(quick.id, third)], [2, 0])
    }),
  )

  test(
    "a message of a removed endpoint is dead",
    Effect.gen(function* () {
      const webhooks = yield* Webhooks
      const { endpoint } = yield* create()
      yield* cancelled()
      yield* webhooks.remove(endpoint.id)
      deepStrictEqual(yield* claim(), [])
      deepStrictEqual(
        (yield* all).map(({ lastError, status }) => [status, lastError]),
        [["dead", "the endpoint was removed"]],
      )
      yield* cancelled()
      strictEqual((yield* all).length, 1)
    }),
  )

  test(
    "a test is a message of an endpoint that wants no such event",
    Effect.gen(function* () {
      const webhooks = yield* Webhooks
      const { endpoint } = yield* create({ events: ["run.completed"] })
      const made = yield* webhooks.test(endpoint.id)
      const delivery = yield* claimOne
      deepStrictEqual([delivery.id, delivery.type, delivery.runId], [made.id, "test", null])
    }),
  )
}
