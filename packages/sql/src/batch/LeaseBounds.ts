/** The bound of leases that a clock may have moved. */
import { type ControlPlaneUnavailable, Leases } from "@runlease/core"
import { Duration, Effect, Either, Function } from "effect"
import type { SqlStore } from "./SqlStore.js"

/**
 * Shortens the leases that end later than any lease that is granted now. Such leases were granted before the wall clock was
 * set back, and the worker of one that is alive renews it earlier than it ends.
 *
 * Source: docs/decisions/0020-time-of-an-embedded-store.md
 */
export const shortenLeases = (
  store: SqlStore,
): Effect.Effect<void, ControlPlaneUnavailable.ControlPlaneUnavailable> =>
  store.writer.operation<void, void, void>({
    name: "shortenLeases",
    decide: (requests, { now }) =>
      Effect.gen(function* () {
        const latest = now + Duration.toMillis(Leases.maxLeaseDuration)
        yield* store.sql`UPDATE leases SET lease_expires_at = ${latest}
          WHERE lease_owner IS NOT NULL AND lease_expires_at > ${latest}`
        return requests.map(() => Either.void)
      }),
    answer: Function.identity,
  })()
