/**
 * The event stream of a run: its log's view, as it grows.
 *
 * @since 0.1.0
 */
import { AgentEvent, type ControlPlaneError, Run, type RunLog } from "@runlease/core"
import { Chunk, type Context, Effect, Stream } from "effect"
import * as AgUiView from "../agui/AgUiView.js"
import * as OlderForm from "../agui/OlderForm.js"
import * as EventStream from "./EventStream.js"

/** Works `of` out once for each object, for as long as the object is there. */
const once = <A extends object, B>(of: (value: A) => B): ((value: A) => B) => {
  const cache = new WeakMap<A, { readonly is: B }>()
  return (value) => {
    const found = cache.get(value)
    if (found !== undefined) return found.is
    const is = of(value)
    cache.set(value, { is })
    return is
  }
}

/** The part of a log to show. It begins after event `from`, where nothing is open; events up to `seen` are not sent. */
export interface Shown {
  readonly runId: Run.Run["runId"]
  readonly as: AgUiView.Subject
  readonly peer: AgUiView.Viewer
  readonly from?: Run.EventId | undefined
  readonly seen: number
}

/** The events that an entry of the log becomes, perhaps none. `ends` is true if the run ends or waits with it. */
export interface Piece {
  readonly frames: string
  readonly ends: boolean
}

export interface RunStream {
  readonly pieces: (
    log: Context.Tag.Service<RunLog.RunLog>,
    shown: Shown,
  ) => Stream.Stream<Piece, Run.RunNotFound | ControlPlaneError.ControlPlaneError>

  /** Answers with all of a run after event `seen`. */
  readonly respond: (
    log: Context.Tag.Service<RunLog.RunLog>,
    run: Run.Run,
    seen: number | undefined,
  ) => ReturnType<typeof EventStream.respond>
}

/** Warns of what a client older than 1.0 does not see. */
const warnOfLost = (entries: Chunk.Chunk<RunLog.LogEntry>, { runId, seen }: Shown): Effect.Effect<void> => {
  const lost = Chunk.reduce(entries, 0, (count, { event, eventId }) =>
    eventId > seen ? count + OlderForm.lostParts(event) : count,
  )
  return Effect.when(
    Effect.logWarning(
      `The client of run ${runId} declares no version of AG-UI, so it was sent tool results without ` +
        `${lost} of their parts, which are no text`,
    ),
    () => lost > 0,
  )
}

/** All who follow a log get the same objects, so what is worked out for one of them serves the others too. */
export const make = (): RunStream => {
  const normalize = once(AgUiView.normalize)
  const olderForm = once(OlderForm.of)
  const json = once((event: object) => JSON.stringify(event))

  const toEvent: Readonly<Record<AgUiView.Viewer, (event: AgentEvent.LogEvent) => AgentEvent.LogEvent>> = {
    current: normalize,
    durable: normalize,
    older: (given) => {
      const event = normalize(given)
      return OlderForm.differs(event) ? olderForm(event) : event
    },
  }

  const pieces: RunStream["pieces"] = (log, shown) => {
    const { as, from, peer, runId, seen } = shown
    const view = AgUiView.make(as, { peer, toEvent: toEvent[peer] })
    /** Only the last event of an entry carries its id, so that a client never skips one. */
    const pieceOf = ({ event, eventId, sequence }: RunLog.LogEntry): Piece => {
      const all = view(event)
      // The view depends on all that went before, so what the client has seen is folded, and not sent.
      const frames = eventId > seen ? all : []
      return {
        frames: frames
          .map((one, index) =>
            EventStream.frame(json(one), index === frames.length - 1 ? eventId : undefined),
          )
          .join(""),
        ends: sequence === null && AgentEvent.endsRun(event),
      }
    }
    const entries = log.follow({ runId, after: from })
    return Stream.mapChunks(
      peer === "older"
        ? Stream.mapChunksEffect(entries, (chunk) => Effect.as(warnOfLost(chunk, shown), chunk))
        : entries,
      Chunk.map(pieceOf),
    )
  }

  return {
    pieces,
    respond: (log, { conversationId, runId }, seen = 0) =>
      EventStream.respond(
        Stream.map(
          pieces(log, { runId, as: { runId, threadId: conversationId }, peer: "durable", seen }),
          ({ frames }) => frames,
        ),
      ),
  }
}
