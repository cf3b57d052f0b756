/**
 * The event stream of a run: its log's view, sent as it grows.
 *
 * @since 0.1.0
 */
import type { HttpServerResponse } from "@effect/platform"
import type { Ids, RunLog } from "@runlease/core"
import { Chunk, type Context, type Effect, type Scope, Stream } from "effect"
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
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, Closing | Scope.Scope>
}

/** All who follow a log get the same objects, so what is worked out for one of them serves the others too. */
export const make = (): RunStream => {
  const normalize = once(AgUiView.normalize)
  const json = once((event: object) => JSON.stringify(event))

  return {
    respond: (log, { runId, threadId }, seen) => {
      const view = AgUiView.make({ runId, threadId }, normalize)
      /** Only the last event of an entry carries its id, so that a client never skips one. */
      const framesOf = ({ event, eventId }: RunLog.LogEntry): ReadonlyArray<string> => {
        const shown = view(event)
        // The view depends on all that went before, so what the client has seen is folded, and not sent.
        return eventId > seen
          ? shown.map((one, index) =>
              EventStream.frame(json(one), index === shown.length - 1 ? eventId : undefined),
            )
          : []
      }
      return EventStream.respond(
        Stream.mapChunks(
          log.follow({ runId }),
          Chunk.flatMap((entry) => Chunk.unsafeFromArray(framesOf(entry))),
        ),
      )
    },
  }
}
