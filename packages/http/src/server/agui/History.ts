/**
 * Rebuilds the messages and state of a thread from the requests and logs of its runs.
 *
 * An AG-UI client sends its whole history with each run, so the newest run has most of it. Runs before count as far as
 * the client did not know their end when it sent the next one.
 */
import { AgentEvent, type Ids, type RequestSnapshot, Run, RunLog, Runs } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { Array, Context, DateTime, Effect, Option, Stream } from "effect"
import { maxBytes } from "../../contract/Body.js"
import * as Superseded from "../../agui/Superseded.js"
import * as ThreadFold from "../../agui/ThreadFold.js"
import * as AgUiView from "../../agui/AgUiView.js"
import type { Ports } from "../ProjectPorts.js"
import * as StreamTurns from "../StreamTurns.js"
import * as WrittenLog from "../WrittenLog.js"
import * as Thread from "./Thread.js"

/** A client sends its messages back as an input, which can be no larger. */
const bounds: ThreadFold.Bounds = { maxBytes, maxStateBytes: RunLog.maxReadBytes }

/**
 * The runs of a thread that have not ended. `current` has its turn: it runs, or waits for answers, or is the next to be
 * claimed. `queued` come after it, in this order.
 */
export interface Unfinished {
  readonly current: Run.Run | undefined
  /** The current run as its client knows it: by the last input that it has accepted. */
  readonly clientRunId: Ids.RunId | undefined
  readonly queued: ReadonlyArray<Run.Run>
}

/** The thread before an event of a run; the client follows the run from that event. */
export interface Point {
  readonly folded: ThreadFold.Folded
  readonly from: Run.EventId
}

/** Runs of the thread, newest first, as long as `wanted` says so. */
const takeRuns = Effect.fnUntraced(function* (
  ports: Ports,
  { conversationId }: Thread.Thread,
  filter: Pick<Runs.ListRuns, "status">,
  wanted: (run: Run.Run, newer: Run.Run | undefined) => boolean,
) {
  const runs = Context.get(ports, Runs.Runs)
  const selected: globalThis.Array<Run.Run> = []
  let cursor: string | undefined
  do {
    const page = yield* runs
      .list({ ...filter, conversationId, cursor })
      .pipe(Effect.catchTag("InvalidCursor", Effect.die))
    for (const run of page.items) {
      if (!wanted(run, selected.at(-1))) return selected
      selected.push(run)
    }
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return selected
})

/** Finds the runs of a thread that have not ended. */
export const unfinished = Effect.fnUntraced(function* (ports: Ports, thread: Thread.Thread) {
  const active = yield* Effect.forEach(["running", "waiting"] as const, (status) =>
    Thread.runs(ports, thread, { status, limit: 1 }),
  )
  const pending = Array.reverse(yield* takeRuns(ports, thread, { status: "pending" }, () => true))
  const current = active.flat()[0] ?? pending[0]
  const inputs = current === undefined ? [] : yield* Context.get(ports, Runs.Runs).inputs(current.runId)
  return {
    current,
    clientRunId: inputs.at(-1)?.publicId ?? current?.runId,
    queued: pending.filter((run) => run !== current),
  } satisfies Unfinished
})

/** Whether the client that sent the newer run cannot have received the end of this one. */
const overlaps = ({ finishedAt }: Run.Run, newer: Run.Run | undefined): boolean =>
  newer === undefined || finishedAt === null || DateTime.greaterThan(finishedAt, newer.createdAt)

/** The runs that determine what a thread holds, oldest first; back to the current one at least. */
export const tellingRuns = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  current: Run.Run | undefined,
) {
  let sought = current?.runId
  return Array.reverse(
    yield* takeRuns(ports, thread, {}, (run, newer) => {
      if (!overlaps(run, newer) && sought === undefined) return false
      if (run.runId === sought) sought = undefined
      return true
    }),
  )
})

/** The number of events that are folded in one turn of the event loop. */
const perTurn = 16

/**
 * Folds the log of one run behind its input, and returns the points where a part of it begins, whether the last one has begun, the last
 * event, and whether the run restates the thread.
 */
const foldLog = (
  ports: Ports,
  thread: Thread.Thread,
  fold: ThreadFold.ThreadFold,
  { runId }: Run.Run,
  snapshot: RequestSnapshot.RequestSnapshot,
) =>
  Effect.gen(function* () {
    const view = AgUiView.make({ runId, threadId: thread.id })
    // An input that the run has accepted since restates what was before it; nothing is open there.
    const since = Run.EventId.make(snapshot.asOf ?? 0)
    let points: readonly [Point, ...ReadonlyArray<Point>] = [{ folded: fold.result(), from: since }]
    let hasBegun = false
    let restates = false
    let latest = since
    let folded = 0
    yield* Stream.runForEach(
      WrittenLog.entries(ports, { runId, after: since }),
      ({ event, eventId, sequence }) =>
        Effect.suspend(() => {
          latest = eventId
          for (const shown of view(event)) {
            hasBegun = true
            restates ||= shown.type === "MESSAGES_SNAPSHOT"
            fold.event(shown)
            const superseded = Superseded.listedIn(shown)
            if (superseded !== undefined) fold.drop(superseded)
          }
          if (sequence === null && AgentEvent.endsRun(event)) {
            points = [points.at(-1)!, { folded: fold.result(), from: eventId }]
            hasBegun = false
          }
          folded += 1
          return folded % perTurn === 0 ? StreamTurns.next : Effect.void
        }),
    )
    return { points, hasBegun, latest, restates }
  })

/** Folds one run. A run that is deleted adds nothing. `own`: the thread has the messages that the run carries. */
const foldRun = (
  ports: Ports,
  thread: Thread.Thread,
  fold: ThreadFold.ThreadFold,
  run: Run.Run,
  own: boolean,
) =>
  Effect.gen(function* () {
    const snapshot = yield* Context.get(ports, Runs.Runs).snapshot(run.runId, { own })
    const output = snapshot.carries?.output.flatMap(({ messages }) => messages) ?? []
    fold.input(AgUiMessages.toAgUi([...output, ...snapshot.messages]), snapshot.state)
    return Option.some(yield* foldLog(ports, thread, fold, run, snapshot))
  }).pipe(Effect.catchTag("RunNotFound", () => Effect.succeedNone))

/** Folds runs of a thread, oldest first. What they carry is in the first, and in the runs before each. */
const foldRuns = (
  ports: Ports,
  thread: Thread.Thread,
  fold: ThreadFold.ThreadFold,
  runs: ReadonlyArray<Run.Run>,
) => Effect.forEach(runs, (run, index) => foldRun(ports, thread, fold, run, index > 0), { discard: true })

/**
 * The messages that answers to a run are in its request, with the results that it was submitted with. A run that got no answer has
 * none.
 */
export const answersIn = ({ messages, resume }: RequestSnapshot.RequestSnapshot) =>
  resume === undefined ? [] : messages.filter(({ role }) => role === "tool")

/**
 * The messages of a run since it began, with those that it was sent and the answers that it got, and whether it has restated what was
 * before it. `snapshot`: its own request.
 */
export const outputOf = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  run: Run.Run,
  snapshot: RequestSnapshot.RequestSnapshot,
) {
  const fold = ThreadFold.make(bounds)
  fold.input(AgUiMessages.toAgUi(answersIn(snapshot)), undefined)
  const { restates } = yield* foldLog(ports, thread, fold, run, snapshot)
  return { messages: AgUiMessages.fromAgUi(fold.result().messages), restates }
})

/** All that a thread holds. */
export const whole = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  { current }: Unfinished,
) {
  const fold = ThreadFold.make(bounds)
  const runs = yield* tellingRuns(ports, thread, current)
  yield* foldRuns(ports, thread, fold, runs)
  return fold.result()
})

/**
 * The thread before its current run last went on, or all of it if no run is current.
 * The part that a waiting run has ended last is still to be shown.
 */
export const beforeCurrent = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  unfinished: Unfinished,
) {
  const { current } = unfinished
  if (current === undefined) {
    return { folded: yield* whole(ports, thread, unfinished), from: Run.EventId.make(0) } satisfies Point
  }
  const fold = ThreadFold.make(bounds)
  const runs = yield* tellingRuns(ports, thread, current)
  const before = Array.takeWhile(runs, ({ runId }) => runId !== current.runId)
  yield* foldRuns(ports, thread, fold, before)
  const folded = yield* foldRun(ports, thread, fold, current, before.length > 0)
  if (Option.isNone(folded)) return { folded: fold.result(), from: Run.EventId.make(0) } satisfies Point
  const { hasBegun, latest, points } = folded.value
  const { latestEventId, status } = yield* Context.get(ports, Runs.Runs).get(current.runId)
  const isQuestion = status === "waiting" && latestEventId === latest && !hasBegun
  return (isQuestion ? points.at(-2) : points.at(-1)) ?? points[0]
})
