/** Steps of the webhooks suite. */
import { ControlPlane } from "@runlease/core/ControlPlane"
import type { ClaimDeliveries, DeliveryOutcome, NewEndpoint } from "@runlease/core/Webhooks"
import { Webhooks } from "@runlease/core/Webhooks"
import { Effect } from "effect"

export const url = "https://example.com/hook"

export const ends = ["run.completed", "run.failed", "run.cancelled", "run.expired"] as const

/** Makes an endpoint. */
export const create = (input: Partial<NewEndpoint> = {}) =>
  Effect.gen(function* () {
    const webhooks = yield* Webhooks
    return yield* webhooks.create({ url, events: ends, ...input })
  })

/** Claims the messages that are due. */
export const claim = (request: Partial<ClaimDeliveries> = {}) =>
  Effect.gen(function* () {
    const { deliveries } = yield* ControlPlane
    const { claimed } = yield* deliveries.claim({
      most: 32,
      mostEach: 8,
      busy: new Map(),
      claimMillis: 60_000,
      ...request,
    })
    return claimed
  })

/** Claims the one message that is due. */
export const claimOne = Effect.flatMap(claim(), ([first, ...others]) =>
  first === undefined || others.length > 0
    ? Effect.dieMessage(`${others.length + (first === undefined ? 0 : 1)} messages are due`)
    : Effect.succeed(first.delivery),
)

/** Records the end of an attempt. */
export const settle = (delivery: Effect.Effect.Success<typeof claimOne>, outcome: DeliveryOutcome) =>
  Effect.flatMap(ControlPlane, ({ deliveries }) => deliveries.settle(delivery, outcome))

export const failed = (retryMillis: number | null): DeliveryOutcome => ({
  _tag: "Failed",
  status: 500,
  error: "it answered 500",
  retryMillis,
})

export const delivered: DeliveryOutcome = { _tag: "Delivered", status: 204 }

/** All messages, the newest first. */
export const all = Effect.gen(function* () {
  const webhooks = yield* Webhooks
  return (yield* webhooks.deliveries({ limit: 100 })).items
})
