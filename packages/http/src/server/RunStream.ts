/**
 * The event stream of a run: its log's view, sent as it grows.
 *
 * @since 0.1.0
 */
import type { HttpServerResponse } from "@effect/platform"
import type { Ids, RunLog } from "@runlease/core"
import { Chunk, type Context, type Effect, Stream } from "effect"
import * as AgUiView from "../AgUiView.js"
import type { Closing } from "./Closing.js"
import * as EventStream from "./EventStream.js"

/** Works `of` out once for each object, for as long as the object is there. */
const once = <A extends object, B>(of: (value: A) => B): ((value: A) => B) => {
  const known = new WeakMap<A, { readonly is: B }>()
  return (value) => {
    const found = known.get(value)
    if (found !== undefined) return found.is
    const is = of(value)
    known.set(value, { is })
    return is
  }
}

export interface RunStream {
  /** Sends what comes after event `seen`. */
  readonly respond: (
    log: Context.Tag.Service<RunLog.RunLog>,
    run: { readonly runId: Ids.RunId; readonly threadId: string },
    seen: number,
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, Closing>
}

/** All who follow a log get the same objects, so what is worked out for one of them serves the others too. */
export const make = (): RunStream => {
  const normalize = once(AgUiView.normalize)
  const json = once((event: object) => JSON.stringify(event))
  return {
    respond: (log, run, seen) =>
      log.follow({ runId: run.runId }).pipe(
        AgUiView.transform(run, normalize),
        // The view depends on all that went before, so what the client has seen is folded, and not sent.
        Stream.mapChunks(
          Chunk.flatMap(({ eventId, events }) =>
            eventId > seen
              ? Chunk.map(Chunk.unsafeFromArray(events), ({ event, id }) =>
                  EventStream.frame(json(event), id),
                )
              : Chunk.empty(),
          ),
        ),
        EventStream.respond,
      ),
  }
}
