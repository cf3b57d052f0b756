/**
 * The views of the logs that are watched: one for each log and form of it, which its viewers share.
 *
 * Source: docs/decisions/0048-viewers.md
 */
import type { AgentEvent, Run, RunLog } from "@runlease/core"
import { Cause, Context, Effect, FiberId, Layer, Runtime, Schedule } from "effect"
import * as AgUiView from "../agui/AgUiView.js"
import * as OlderForm from "../agui/OlderForm.js"
import * as PlainDelta from "../agui/PlainDelta.js"
import type { EventStream } from "./EventStream.js"
import * as LogView from "./LogView.js"
import * as Viewer from "./Viewer.js"

/**
 * Another form of a log than AG-UI. `key` distinguishes forms. Ends of parts up to `passed` do not end the stream.
 */
export interface Form {
  readonly key: string
  readonly fold: (toEvent: (event: AgentEvent.LogEvent) => AgentEvent.LogEvent) => LogView.EntryFold
  readonly json: (shown: AgentEvent.LogEvent) => string
  readonly passed: number
}

/**
 * The part of a log to show. It begins after event `from`, where nothing is open; events up to `after` are not sent. A client
 * of AG-UI is shown one part of the run: until it ends or waits.
 */
export interface Shown {
  readonly runId: Run.Run["runId"]
  readonly as: AgUiView.Subject
  readonly peer: AgUiView.Viewer
  readonly from?: Run.EventId | undefined
  readonly after: number
  /** What the viewer is sent, where that is not the AG-UI view itself. */
  readonly form?: Form | undefined
  /** Frames that are sent first. */
  readonly before?: ReadonlyArray<string>
  /** Called when all of it has been sent. */
  readonly onEnd?: () => void
}

type Log = Context.Tag.Service<RunLog.RunLog>

type Event = AgentEvent.LogEvent

export class Views extends Context.Tag("@runlease/http/server/Views")<
  Views,
  {
    /** Has a stream follow the view that shows this, until it leaves. */
    readonly join: (log: Log, shown: Shown, stream: EventStream) => Viewer.JoinedViewer
  }
>() {}

/** Works `of` out once for each event, for as long as the event is there. A plain delta costs less than the look. */
const once = <B>(of: (event: Event) => B): ((event: Event) => B) => {
  const cache = new WeakMap<Event, { readonly is: B }>()
  return (value) => {
    if (PlainDelta.is(value)) return of(value)
    const found = cache.get(value)
    if (found !== undefined) return found.is
    const is = of(value)
    cache.set(value, { is })
    return is
  }
}

const isUnavailable = ({ _tag }: { readonly _tag: string }): boolean => _tag === "ControlPlaneUnavailable"

/** A client of AG-UI requests its events but once, so its view continues when the store comes back. */
const untilAvailable = Schedule.whileInput(Schedule.spaced("1 second"), isUnavailable)

/** Warns of what a client older than 1.0 does not see. */
const warnOfLost = (runId: string, entries: ReadonlyArray<RunLog.LogEntry>, after: number) => {
  const lost = entries.reduce(
    (count, { event, eventId }) => (eventId > after ? count + OlderForm.lostParts(event) : count),
    0,
  )
  return Effect.when(
    Effect.logWarning(
      `The client of run ${runId} declares no version of AG-UI, so it was sent tool results without ` +
        `${lost} of their parts, which are no text`,
    ),
    () => lost > 0,
  )
}

const keyOf = ({ as, form, from, peer, runId }: Shown): string =>
  JSON.stringify([runId, as.runId, as.threadId, peer, from, form?.key])

type SharedViews = Map<string, LogView.LogView>

export const layer: Layer.Layer<Views> = Layer.scoped(
  Views,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())
    const encoder = new TextEncoder()

    // All views of a log get the same objects, so what is worked out for one of them serves the others too.
    const normalize = once(AgUiView.normalize)
    const olderForm = once(OlderForm.of)
    const json = once<string>(JSON.stringify)
    const toEvent: Readonly<Record<AgUiView.Viewer, (event: Event) => Event>> = {
      current: normalize,
      durable: normalize,
      older: (logged) => {
        const event = normalize(logged)
        return OlderForm.differs(event) ? olderForm(event) : event
      },
    }

    /** The views of each log that others may join. */
    const sharedViews = new WeakMap<Log, SharedViews>()
    const viewsOf = (log: Log): SharedViews => {
      const views = sharedViews.get(log) ?? new Map()
      sharedViews.set(log, views)
      return views
    }

    /** A view that reads its log for as long as it has viewers. */
    const startView = (
      log: Log,
      { peer, runId }: Shown,
      options: {
        readonly from: LogView.Checkpoint
        readonly isShared: boolean
        readonly onStop: () => void
      },
    ): LogView.LogView => {
      const view = LogView.make({
        ...options,
        log,
        runId,
        toPartEnd: peer !== "durable",
        onEntries: (entries) => {
          if (peer === "older") runFork(warnOfLost(runId, entries, view.leastPosition()), { scope })
        },
        onEmpty: () => {
          options.onStop()
          reading.unsafeInterruptAsFork(FiberId.none)
        },
      })
      const read = peer === "durable" ? view.run : Effect.retry(view.run, untilAvailable)
      const reading = runFork(
        Effect.catchAllCause(read, (cause) =>
          Effect.zipRight(
            Effect.sync(() => {
              options.onStop()
              view.end()
            }),
            Effect.logWarning("An event stream ended early", cause),
          ).pipe(Effect.unless(() => Cause.isInterruptedOnly(cause))),
        ),
        { scope },
      )
      return view
    }

    const shareView = (log: Log, shown: Shown): LogView.LogView => {
      const views = viewsOf(log)
      const key = keyOf(shown)
      const found = views.get(key)
      if (found !== undefined) return found
      const { as, form, from = 0, peer } = shown
      const fold =
        form === undefined ? AgUiView.fold(as, { peer, toEvent: toEvent[peer] }) : form.fold(toEvent[peer])
      const view = startView(log, shown, {
        from: LogView.checkpointAt(fold, from, form?.json ?? json, form?.passed),
        isShared: true,
        onStop: () => {
          if (views.get(key) === view) views.delete(key)
        },
      })
      views.set(key, view)
      return view
    }

    return {
      join: (log, shown, stream) => {
        const { before = [], from = 0, onEnd = () => {}, after } = shown
        const key = keyOf(shown)
        return Viewer.join(shareView(log, shown), {
          stream,
          before: before.map((frame) => encoder.encode(frame)),
          after: Math.max(from, after),
          onEnd,
          sharedView: () => viewsOf(log).get(key),
          viewFrom: (place) => startView(log, shown, { from: place, isShared: false, onStop: () => {} }),
        })
      },
    }
  }),
)
