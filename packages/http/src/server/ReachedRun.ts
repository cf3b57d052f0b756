/** Streams of a run that its caller reaches. */
import { type Ids, type Run, RunLog } from "@runlease/core"
import { Context, Effect } from "effect"
import * as Caller from "./Caller.js"
import * as Grants from "./Grants.js"
import type { Ports } from "./ProjectPorts.js"
import { Revocation } from "./LongRequests.js"
import * as RunStream from "./RunStream.js"

/**
 * Answers with a stream of a run. The stream of a page ends also once its token reaches the run no more, as when the run loses the label that
 * the token is bound to.
 */
export const whileReached = <A, E, R>(runId: Ids.RunId, respond: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Caller.page, (browser): Effect.Effect<A, E, R | Revocation> => {
    // What a token of another bound reaches never changes.
    if (browser === undefined || browser.grant.bound._tag !== "Label") return respond
    const isLost = Grants.findRun(browser.grant, browser.ports, runId).pipe(
      Effect.as(false),
      Effect.catchAll(({ _tag }) => Effect.succeed(_tag === "RunNotFound")),
    )
    return Effect.flatMap(Revocation, (revocation) => {
      const isRevoked = Effect.if(revocation.isRevoked, {
        onTrue: () => Effect.succeed(true),
        onFalse: () => isLost,
      })
      return Effect.provideService(respond, Revocation, { ...revocation, isRevoked })
    })
  })

/** Answers with all of a run after event `after`, for as long as its caller reaches it. */
export const stream = (ports: Ports, run: Run.Run, after: number | undefined) =>
  whileReached(run.runId, RunStream.respond(Context.get(ports, RunLog.RunLog), RunStream.whole(run, after)))
