/** Adds to requests the messages that they carry, outside of commits: a request that is stored never changes. */
import * as CarriedMessages from "@runlease/core/CarriedMessages"
import type { RequestSnapshot } from "@runlease/core/RequestSnapshot"
import { Effect } from "effect"
import type { RunRef } from "../rows/RunRows.js"
import type { RunReads } from "../rows/RunStore.js"

/** The request of a run with all its messages. */
export const whole =
  (ref: RunRef, snapshot: RequestSnapshot) =>
  <X>({ requests }: RunReads<X>): Effect.Effect<RequestSnapshot, X> =>
    snapshot.carries === undefined
      ? Effect.succeed(snapshot)
      : Effect.map(
          requests(
            ref,
            snapshot.carries.runs.map(({ id }) => id),
          ),
          (found) => CarriedMessages.whole(snapshot, found),
        )
