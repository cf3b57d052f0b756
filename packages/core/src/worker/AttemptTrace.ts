/**
 * The spans of attempts: that of this one, and that of one before it which was lost.
 *
 * The ids of an attempt's span follow from its run and its claim. So each attempt links to those before it, and nothing is stored for
 * that. A worker that is killed exports no span, and the next one exports it in its place, with the ids that the spans of its steps name.
 *
 * Source: docs/decisions/0073-telemetry.md
 */
import { type Clock, Context, DateTime, Effect, Exit, Option, Predicate, Tracer } from "effect"
import { ExecutorError } from "../executor/ExecutorError.js"
import { attemptEventName } from "../model/AgentEvent.js"
import { sha256 } from "../model/Digest.js"
import type { ClaimedRun } from "../model/Run.js"
import { EventId } from "../model/Run.js"
import { type LogEntry, maxReadLimit, type RunLog } from "../ports/RunLog.js"
import { SpanIds } from "../ports/SpanIds.js"
import * as TraceContext from "../ports/TraceContext.js"
import { waitingEventName } from "../ports/ControlEvents.js"
import { LeaseEnded } from "./Lease.js"
import type { WorkerEvent } from "./WorkerEvent.js"

/** The most links of a span, as OpenTelemetry limits them. */
const maxLinks = 128

interface Ids {
  readonly traceId: string
  readonly spanId: string
}

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The digits of a run's id, which are random where the control plane made it, or of its digest. */
const digitsOf = (runId: string): string =>
  isUuid.test(runId) ? runId.replaceAll("-", "") : sha256(runId).slice(0, 32)

/** A run without a submitter's trace has its own, which all of its attempts share. */
const idsOf = ({ runId, snapshot }: ClaimedRun, epoch: number): Ids => {
  const digits = digitsOf(runId)
  return {
    traceId: snapshot.traceContext?.traceId ?? digits,
    spanId: digits.slice(-12) + epoch.toString(16).padStart(4, "0").slice(-4),
  }
}

/** Links to the attempts before this one, the latest first. */
const linksOf = (run: ClaimedRun, leaseEpoch: number): ReadonlyArray<Tracer.SpanLink> => {
  const before = leaseEpoch - 1
  return Array.from({ length: Math.min(maxLinks, before) }, (_, index) => ({
    _tag: "SpanLink",
    span: Tracer.externalSpan(idsOf(run, before - index)),
    attributes: { "runlease.lease_epoch": before - index },
  }))
}

/** Which attempt it is. */
interface Described {
  readonly attempt: number
  readonly workerId: string
  readonly leaseEpoch: number | null
}

const attemptSpan = (
  tracer: Tracer.Tracer,
  run: ClaimedRun,
  { attempt, leaseEpoch, workerId }: Described,
  ids: Ids | undefined,
  startTime: bigint,
): Tracer.Span => {
  const { agentId, conversationId, runId, snapshot } = run
  const span = tracer.span(
    `attempt ${agentId}`,
    Option.fromNullable(snapshot.traceContext && TraceContext.toSpan(snapshot.traceContext)),
    ids === undefined ? Context.empty() : Context.make(SpanIds, ids),
    [],
    startTime,
    "consumer",
  )
  span.attribute("gen_ai.operation.name", "invoke_agent")
  span.attribute("gen_ai.agent.name", agentId)
  span.attribute("gen_ai.conversation.id", conversationId)
  span.attribute("runlease.run_id", runId)
  span.attribute("runlease.agent_id", agentId)
  span.attribute("runlease.attempt", attempt)
  span.attribute("runlease.worker_id", workerId)
  if (leaseEpoch !== null) span.attribute("runlease.lease_epoch", leaseEpoch)
  return span
}

/** Makes the span of an attempt, below the submitter's, by a tracer that exports spans. */
export const begin = (
  run: ClaimedRun,
  workerId: string,
  clock: Clock.Clock,
  tracer: Tracer.Tracer,
): Tracer.Span => {
  const { attempt, leaseEpoch, queuedMillis } = run
  const ids = leaseEpoch === null ? undefined : idsOf(run, leaseEpoch)
  const span = attemptSpan(
    tracer,
    run,
    { attempt, leaseEpoch, workerId },
    ids,
    clock.unsafeCurrentTimeNanos(),
  )
  if (queuedMillis !== undefined) span.attribute("runlease.queued_ms", queuedMillis)
  // A tracer that chooses its ids itself gave others to the attempts before.
  if (leaseEpoch !== null && leaseEpoch > 1 && span.spanId === ids?.spanId) {
    span.addLinks(linksOf(run, leaseEpoch))
  }
  return span
}

const failed = (code: string | null, message: string) =>
  Exit.fail(new ExecutorError({ code: code ?? "error", message }))

/** How the span ends: a run that waits or is handed back has not failed. */
const exitOf = (event: WorkerEvent): Exit.Exit<void, ExecutorError | LeaseEnded> => {
  switch (event._tag) {
    case "Ended":
      return event.error === null ? Exit.void : failed(event.error.code, event.error.message)
    case "Retrying":
      return failed(event.error.code, event.error.message)
    case "LeaseEnded":
      return Exit.fail(new LeaseEnded({ runId: event.run.runId, reason: event.reason }))
    default:
      return Exit.void
  }
}

const outcomeOf = (event: WorkerEvent): string =>
  event._tag === "Ended"
    ? event.status
    : event._tag === "LeaseEnded"
      ? `lease_${event.reason.toLowerCase()}`
      : event._tag.toLowerCase()

/** Ends the span of an attempt with what has become of the run. */
export const end = (span: Tracer.Span, event: WorkerEvent, clock: Clock.Clock): void => {
  span.attribute("runlease.outcome", outcomeOf(event))
  span.end(clock.unsafeCurrentTimeNanos(), exitOf(event))
}

/** What the mark of an attempt says of the one before, where its lease had lapsed. */
const lapsed = ({ event }: LogEntry): Readonly<Record<string, unknown>> | undefined => {
  const previous = Predicate.isRecord(event["value"]) ? event["value"]["previous"] : undefined
  return Predicate.isRecord(previous) && previous["ended"] === "lease_expired" ? previous : undefined
}

/** The mark of an attempt that took a run over, with what it says of the attempt before; undefined where no lease had lapsed. */
export const takenOver = (
  log: RunLog["Type"],
  { latestEventId, runId }: Pick<ClaimedRun, "latestEventId" | "runId">,
) =>
  // A claim writes the mark as its last event.
  Effect.map(log.read({ runId, after: EventId.make(Math.max(0, latestEventId - 1)), limit: 1 }), ([mark]) => {
    const isMark = mark?.event.type === "CUSTOM" && mark.event["name"] === attemptEventName
    const previous = isMark ? lapsed(mark) : undefined
    return previous === undefined ? undefined : { mark: mark!, previous }
  })

const nanos = (instant: DateTime.Utc): bigint => BigInt(instant.epochMillis) * 1_000_000n

/**
 * Exports the span of the attempt before, if its lease has lapsed: its worker is gone, most often. It lasts from its claim to this one.
 *
 * Reads the log, and ignores failures of that.
 */
export const exportLost = (
  log: RunLog["Type"],
  run: ClaimedRun,
  span: Tracer.AnySpan | undefined,
): Effect.Effect<void> =>
  Effect.tracerWith((tracer) => {
    const { leaseEpoch, runId } = run
    const isNamed = leaseEpoch !== null && span?.spanId === idsOf(run, leaseEpoch).spanId
    if (span?._tag !== "Span" || !isNamed || leaseEpoch < 2) return Effect.void
    const find = (filter: Pick<Parameters<typeof log.read>[0], "types" | "name">) =>
      log.read({ runId, limit: maxReadLimit, ...filter })
    return Effect.gen(function* () {
      const found = yield* takenOver(log, run)
      if (found === undefined) return
      const { mark, previous } = found
      const starts = yield* Effect.all(
        [
          find({ types: ["RUN_STARTED"] }),
          find({ types: ["CUSTOM"], name: attemptEventName }),
          find({ types: ["CUSTOM"], name: waitingEventName }),
        ],
        { concurrency: 3 },
      )
      const before = starts
        .flat()
        .filter(({ eventId }) => eventId < mark.eventId)
        .toSorted((a, b) => b.eventId - a.eventId)[0]
      const epoch = leaseEpoch - 1
      const lost = attemptSpan(
        tracer,
        run,
        {
          attempt: Number(previous["attempt"]),
          workerId: String(previous["worker_id"]),
          leaseEpoch: epoch,
        },
        idsOf(run, epoch),
        nanos((before ?? mark).createdAt),
      )
      lost.attribute("runlease.outcome", "lease_lapsed")
      lost.end(nanos(mark.createdAt), Exit.fail(new LeaseEnded({ runId, reason: "Lost" })))
    }).pipe(Effect.withTracerEnabled(false), Effect.ignore)
  })
