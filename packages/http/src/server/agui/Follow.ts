/** Streams a run to its client, until it ends or waits. */
import { type Ids, RunLog, Runs } from "@runlease/core"
import { Context, Effect, Schedule } from "effect"
import type { Ports } from "../ProjectPorts.js"
import { Revocation, Shutdown } from "../LongRequests.js"
import * as RunStream from "../RunStream.js"
import type { Shown } from "../Views.js"

interface Failure {
  readonly _tag: string
}

const isUnavailable = ({ _tag }: Failure): boolean => _tag === "ControlPlaneUnavailable"

/** Retries for a while, so that a short failure of the store leaves no run behind that its client has abandoned. */
const cancel = (ports: Ports, runId: Ids.RunId) =>
  Context.get(ports, Runs.Runs)
    .cancel(runId)
    .pipe(
      Effect.retry({
        while: isUnavailable,
        schedule: Schedule.intersect(Schedule.exponential("200 millis"), Schedule.recurs(6)),
      }),
      Effect.catchTag("RunNotFound", () => Effect.void),
      Effect.catchAll((error) =>
        Effect.logWarning(`Run ${runId}, which has no follower any more, could not be cancelled`, error),
      ),
    )

/** `begin` accepts or resumes the run, and returns the part of its log to stream. */
export interface RunRequest<E, R> {
  readonly ports: Ports
  readonly begin: Effect.Effect<Shown, E, R>
  /** Whether the run continues without the client. */
  readonly detach: boolean
}

/**
 * Begins, and sends what comes of it. A client that leaves before the end cancels its run; a server that shuts down
 * does not, nor does a token that is revoked.
 */
export const respond = Effect.fnUntraced(function* <E, R>({ begin, detach, ports }: RunRequest<E, R>) {
  const shutdown = yield* Shutdown
  const { isRevoked } = yield* Revocation
  let ended = false
  const shown = yield* Effect.acquireRelease(begin, ({ runId }) =>
    Effect.unlessEffect(
      Effect.unlessEffect(cancel(ports, runId), isRevoked),
      Effect.map(shutdown.hasBegun, (begun) => begun || ended || detach),
    ),
  )
  return yield* RunStream.respond(Context.get(ports, RunLog.RunLog), {
    ...shown,
    onEnd: () => {
      ended = true
    },
  })
})
