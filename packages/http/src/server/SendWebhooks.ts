/**
 * Sends the messages of webhooks, as Standard Webhooks 1.0.0 says.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import type { ControlPlane, Webhooks } from "@runlease/core"
import { secretPlace } from "@runlease/core/Webhooks"
import { Clock, DateTime, Effect, FiberSet, Random, Redacted } from "effect"
import { Webhook } from "standardwebhooks"
import * as PublicAddress from "./PublicAddress.js"

export interface Options {
  readonly allowed: PublicAddress.Networks
  readonly resolve?: PublicAddress.Lookup | undefined
  /** After which time another server may send a message that this one has claimed. Units: milliseconds. */
  readonly claimMillis?: number | undefined
  /** How long an attempt may take. Units: milliseconds. */
  readonly timeoutMillis?: number | undefined
  /** How long after each attempt the next one begins. Units: seconds. */
  readonly retrySeconds?: ReadonlyArray<number> | undefined
}

const most = 32
const mostEach = 8
const hour = 3600

/** The schedule of Standard Webhooks after the first attempt: ten attempts in all. */
const standardSeconds = [5, 300, 1800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]

const mostRetryAfter = 24 * hour * 1000

/** What `Retry-After` requests, in milliseconds. */
const retryAfter = (value: string | undefined, now: number): number => {
  if (value === undefined) return 0
  const millis = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isFinite(millis) ? Math.min(Math.max(0, millis), mostRetryAfter) : 0
}

/** Sends until the Scope closes. */
export const run = (
  { deliveries, secrets }: Pick<ControlPlane.ControlPlane["Type"], "deliveries" | "secrets">,
  { allowed, claimMillis = 60_000, resolve, retrySeconds = standardSeconds, timeoutMillis = 15_000 }: Options,
) =>
  Effect.gen(function* () {
    const post = PublicAddress.make(allowed, resolve)
    const busy = new Map<string, number>()
    let sending = 0
    const fibers = yield* FiberSet.make()
    const freed = yield* Effect.makeLatch()

    /** The outcome of an attempt that failed. The next one begins a tenth earlier or later, so that many do not begin at once. */
    const failed = (attempt: number, status: number | null, error: string, wait: number) =>
      Effect.map(Random.nextRange(0.9, 1.1), (share): Webhooks.DeliveryOutcome => {
        const seconds = retrySeconds[attempt - 1]
        const retryMillis = seconds === undefined ? null : Math.max(Math.round(seconds * 1000 * share), wait)
        return { _tag: "Failed", status, error, retryMillis }
      })

    const attempt = ({ delivery, secrets: sealed, url }: Webhooks.ClaimedDelivery) =>
      Effect.gen(function* () {
        const { createdAt, data, endpointId, id, type } = delivery
        const body = JSON.stringify({ type, timestamp: DateTime.formatIso(createdAt), data })
        const now = yield* Clock.currentTimeMillis
        const opened = yield* Effect.forEach(sealed, (secret) =>
          secrets.open(secret, secretPlace(endpointId)),
        )
        const signatures = opened.map((secret) =>
          new Webhook(Redacted.value(secret)).sign(id, new Date(now), body),
        )
        const answer = yield* post({
          url,
          body,
          timeoutMillis,
          headers: {
            "content-type": "application/json",
            "user-agent": "Runlease",
            "webhook-id": id,
            "webhook-timestamp": String(Math.floor(now / 1000)),
            "webhook-signature": signatures.join(" "),
          },
        })
        const { status } = answer
        if (status >= 200 && status < 300) return { _tag: "Delivered", status } as const
        if (status === 410) return { _tag: "Gone", status } as const
        return yield* failed(
          delivery.attempt,
          status,
          `it answered ${status}`,
          retryAfter(answer.retryAfter, now),
        )
      }).pipe(
        Effect.catchAll(({ message }) => failed(delivery.attempt, null, message.slice(0, 1000), 0)),
        Effect.flatMap((outcome) => deliveries.settle(delivery, outcome)),
        // The claim ends, and the message is sent again.
        Effect.catchAllCause((cause) => Effect.logWarning("The end of a webhook was not stored", cause)),
      )

    const add = (endpointId: string, count: number): void => {
      sending += count
      const left = (busy.get(endpointId) ?? 0) + count
      if (left === 0) busy.delete(endpointId)
      else busy.set(endpointId, left)
    }

    const begin = (claimed: Webhooks.ClaimedDelivery) => {
      const { endpointId } = claimed.delivery
      add(endpointId, 1)
      return FiberSet.run(
        fibers,
        Effect.ensuring(
          attempt(claimed),
          Effect.suspend(() => {
            add(endpointId, -1)
            return freed.open
          }),
        ),
      )
    }

    /** Claims until nothing is due that there is room for. */
    const claimAll: Effect.Effect<void> = Effect.gen(function* () {
      if (sending >= most) return
      const { claimed, more } = yield* deliveries.claim({ most: most - sending, mostEach, busy, claimMillis })
      yield* Effect.forEach(claimed, begin, { discard: true })
      if (more) yield* claimAll
    }).pipe(Effect.catchAllCause((cause) => Effect.logWarning("Webhooks wait for the next look", cause)))

    yield* claimAll
    return yield* Effect.raceFirst(deliveries.due, Effect.zipRight(freed.await, freed.close)).pipe(
      Effect.zipRight(claimAll),
      Effect.forever,
    )
  })
