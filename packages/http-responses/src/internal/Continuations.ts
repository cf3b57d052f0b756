/**
 * What responses begin with that continue an earlier one. It is remembered for those that were continued last, since the request of the
 * earlier one may be large and many may continue it.
 */
import type { RequestSnapshot, Run } from "@runlease/core"
import * as CarriedMessages from "@runlease/core/CarriedMessages"
import { Context, Effect, Layer } from "effect"

/** `run`: the earlier response. `output`: its items. */
export interface Continuation {
  readonly run: Run.Run
  readonly output: RequestSnapshot.RequestSnapshot["messages"]
  readonly carries: RequestSnapshot.Carried
}

export class Continuations extends Context.Tag("@runlease/http-responses/Continuations")<
  Continuations,
  {
    /** What continues the run as it is, if it is remembered. */
    readonly get: (run: Run.Run) => Effect.Effect<Continuation | undefined>
    /** Remembers one, unless it is large. */
    readonly remember: (continuation: Continuation) => Effect.Effect<void>
  }
>() {}

/** How many are remembered, and the bytes of JSON of each at most. */
const capacity = 500
const maxBytes = 32 * 1024

const keyOf = ({ latestEventId, projectId, runId }: Run.Run): string =>
  `${projectId} ${runId} ${latestEventId}`

export const layer: Layer.Layer<Continuations> = Layer.sync(Continuations, () => {
  const found = new Map<string, Continuation>()
  return {
    get: (run) => Effect.sync(() => found.get(keyOf(run))),
    remember: (continuation) =>
      Effect.sync(() => {
        if (CarriedMessages.sizeOf(continuation.carries) > maxBytes) return
        found.set(keyOf(continuation.run), continuation)
        if (found.size > capacity) found.delete(found.keys().next().value!)
      }),
  }
})
