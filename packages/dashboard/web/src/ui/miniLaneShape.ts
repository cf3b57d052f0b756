/** The lease of a run in 72 pixels: its claims, what was lost, and its waits, on one axis of time. */
import type * as Json from "@runlease/http/Json"

export const laneWidth = 72

type LaneKind = "past" | "live" | "wait" | "queue"

export interface LaneSegment {
  readonly kind: LaneKind
  readonly from: number
  readonly to: number
}

interface MiniLane {
  readonly segments: ReadonlyArray<LaneSegment>
  /** Where leases were lost. */
  readonly losses: ReadonlyArray<number>
  readonly words: string
}

/** The queue before the first claim takes no more than this share, and a run without a claim shows so much of it. */
const queueShare = 0.22
const leastWidth = 2
const gap = 0.72

type Run = Pick<Json.RunSummary, "claims" | "created_at" | "finished_at" | "status">

const many = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`

const wordsOf = ({ claims, status }: Run): string => {
  if (claims.length === 0) return status === "pending" ? "not claimed yet" : "never claimed"
  const lost = claims.filter(({ ended }) => ended === "lease_expired").length
  return [
    many(claims.length, "claim"),
    ...(lost === 0 ? [] : [lost === claims.length && lost > 1 ? "all lost" : `${lost} lost`]),
    ...(status === "running" ? ["held now"] : []),
    ...(status === "waiting" ? ["waits"] : []),
    ...(status === "pending" ? ["to be claimed again"] : []),
  ].join(", ")
}

interface Span {
  readonly from: number
  readonly to: number
  readonly ended: Json.ClaimRecord["ended"]
}

/** Claims as spans of time. The clocks of server and browser may differ, so no span ends before it begins. */
const spansOf = ({ claims }: Run, end: number): ReadonlyArray<Span> =>
  claims.map(({ claimed_at, ended, ended_at }) => {
    const from = Date.parse(claimed_at)
    return { from, to: Math.max(from, ended_at === null ? end : Date.parse(ended_at)), ended }
  })

const isWait = (ended: Span["ended"]): boolean => ended === "suspended" || ended === "waiting"

export const laneOf = (run: Run, now: number, width: number = laneWidth): MiniLane => {
  const words = wordsOf(run)
  const first = run.claims[0]
  if (first === undefined) {
    const segments: ReadonlyArray<LaneSegment> =
      run.status === "pending" ? [{ kind: "queue", from: 0, to: width * queueShare }] : []
    return { segments, losses: [], words }
  }
  const end = run.finished_at === null ? now : Date.parse(run.finished_at)
  const spans = spansOf(run, end)
  const claimed = spans[0]!.from
  const last = Math.max(end, claimed + 1, ...spans.map(({ to }) => to))
  const start = Math.max(
    Math.min(Date.parse(run.created_at), claimed),
    claimed - ((last - claimed) * queueShare) / (1 - queueShare),
  )
  const at = (instant: number): number => ((instant - start) / (last - start)) * width

  const segments: Array<LaneSegment> = []
  const losses: Array<number> = []
  for (const [index, span] of spans.entries()) {
    const next = spans[index + 1]
    const isLost = span.ended === "lease_expired"
    const from = Math.min(at(span.from), width - leastWidth)
    // The cross of a loss is right behind the lease, and within the picture.
    const cross = Math.min(Math.max(at(span.to), from + leastWidth + 1), width - 2.6)
    const to = Math.max(isLost ? cross - 1.4 : at(span.to), from + leastWidth)
    const isLive = span.ended === null && run.status === "running" && next === undefined
    segments.push({ kind: isLive ? "live" : "past", from, to: Math.min(to, width) })
    if (isLost) losses.push(cross)
    const follows = next === undefined ? at(last) : at(next.from)
    const rest = { from: to + gap, to: next === undefined ? follows : follows - gap }
    if (rest.to <= rest.from) continue
    if (isWait(span.ended)) segments.push({ kind: "wait", ...rest })
    else if (next === undefined && run.status === "pending") segments.push({ kind: "queue", ...rest })
  }
  return { segments, losses, words }
}
