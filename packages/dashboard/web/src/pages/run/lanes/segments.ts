/** The segments of the lanes: what can be pointed at, named and stepped through. */
import type * as Json from "@runlease/http/Json"
import type { StepPart, TakeoverPart, TextPart, ToolPart } from "../model/parts"
import type { LoggedWait } from "../model/runLog"

export type Claim = Json.ClaimRecord

/**
 * A claim. It is held until `heldTo`. `lossTo`: it was not renewed since, and its lease ran out then. `leaseTo`: it is held, and its lease
 * runs out then unless it is renewed.
 */
export interface ClaimSpan {
  readonly claim: Claim
  readonly from: number
  readonly heldTo: number
  readonly lossTo: number | null
  readonly leaseTo: number | null
  readonly isLive: boolean
}

const instant = (value: string | null): number | null => (value === null ? null : Date.parse(value))

export const spanOf = (claim: Claim, now: number): ClaimSpan => {
  const from = Date.parse(claim.claimed_at)
  const renewed = Date.parse(claim.renewed_at)
  const expires = instant(claim.expires_at)
  const ended = instant(claim.ended_at)
  const isLapsed = claim.ended === "lease_expired" || (ended === null && expires !== null && expires < now)
  if (isLapsed) {
    const lossTo = Math.max(renewed, expires ?? ended ?? renewed)
    return { claim, from, heldTo: renewed, lossTo, leaseTo: null, isLive: false }
  }
  if (ended !== null) {
    return { claim, from, heldTo: Math.max(from, ended), lossTo: null, leaseTo: null, isLive: false }
  }
  return { claim, from, heldTo: Math.max(from, now), lossTo: null, leaseTo: expires, isLive: true }
}

/** When the run was no longer held. */
export const endOf = ({ heldTo, lossTo }: ClaimSpan): number => lossTo ?? heldTo

/** Time in which no worker held the run. `after`: the claim before. */
interface Idle {
  readonly kind: "queue" | "wait"
  readonly from: number
  readonly to: number
  readonly after: ClaimSpan | null
  readonly isNow: boolean
}

const waits = new Set(["suspended", "waiting"])

const idleAfter = (after: ClaimSpan, to: number, isNow: boolean): Idle => ({
  kind: waits.has(after.claim.ended ?? "") ? "wait" : "queue",
  from: endOf(after),
  to,
  after,
  isNow,
})

type Times = Pick<Json.RunSummary, "created_at" | "finished_at" | "updated_at" | "status">

/** When nothing of the run happens any more: its end, or now. */
export const lastOf = ({ finished_at }: Pick<Times, "finished_at">, now: number): number =>
  instant(finished_at) ?? now

/** The time between the claims, the queue before the first one included. */
export const idlesOf = (run: Times, spans: ReadonlyArray<ClaimSpan>, now: number): ReadonlyArray<Idle> => {
  const created = Date.parse(run.created_at)
  const last = lastOf(run, now)
  const first = spans[0]
  const isOpen = run.finished_at === null
  const before: Idle = {
    kind: "queue",
    from: created,
    to: first?.from ?? last,
    after: null,
    isNow: first === undefined && isOpen,
  }
  const between = spans.slice(1).map((span, index) => idleAfter(spans[index]!, span.from, false))
  const final = spans.at(-1)
  if (final === undefined || final.isLive || endOf(final) >= last) return [before, ...between]
  const rest = idleAfter(final, last, isOpen)
  // It was answered, and waits for a worker since.
  const answered = Date.parse(run.updated_at)
  return run.status === "pending" && rest.kind === "wait" && answered > rest.from && answered < last
    ? [
        before,
        ...between,
        { ...rest, to: answered, isNow: false },
        { ...rest, kind: "queue", from: answered },
      ]
    : [before, ...between, rest]
}

interface Base {
  readonly id: string
  readonly from: number
  readonly to: number
}

/** What is drawn as a step: steps, calls, and answers that were broken off. */
export type Work = StepPart | ToolPart | TextPart

export type Segment = Base &
  (
    | {
        readonly kind: "idle"
        readonly idle: Idle
        readonly reasons: ReadonlyArray<string>
        readonly place: string | undefined
      }
    | { readonly kind: "claim"; readonly number: number; readonly span: ClaimSpan }
    | {
        readonly kind: "loss"
        readonly number: number
        readonly span: ClaimSpan
        readonly next: ClaimSpan | null
        readonly takeover: TakeoverPart | null
      }
    | { readonly kind: "step"; readonly step: Work }
    | { readonly kind: "read"; readonly takeover: TakeoverPart }
    | { readonly kind: "child"; readonly child: Json.RunSummary; readonly spans: ReadonlyArray<ClaimSpan> }
  )

export interface Story {
  readonly run: Json.RunSummary
  /** Whether the log was read up to where the summary is. Until then there is room for what it has. */
  readonly isRead: boolean
  readonly children: ReadonlyArray<Json.RunSummary>
  readonly steps: ReadonlyArray<StepPart | ToolPart>
  /** Texts of answers that were broken off. */
  readonly broken: ReadonlyArray<TextPart>
  readonly takeovers: ReadonlyArray<TakeoverPart>
  readonly waits: ReadonlyArray<LoggedWait>
  /** What it waits for now. */
  readonly waitsFor: ReadonlyArray<string>
  /** Its position in the queue while it is pending; undefined until that is read. */
  readonly place?: string | undefined
  readonly now: number
}

/** The wait in the log for the end of a claim: the one next to that time. */
const reasonsAt = (waits: ReadonlyArray<LoggedWait>, at: number): ReadonlyArray<string> => {
  let nearest: LoggedWait | undefined
  for (const wait of waits) {
    if (nearest === undefined || Math.abs(wait.at - at) < Math.abs(nearest.at - at)) nearest = wait
  }
  return nearest !== undefined && Math.abs(nearest.at - at) < 1000 ? nearest.reasons : []
}

export interface Picture {
  readonly spans: ReadonlyArray<ClaimSpan>
  /** Those that are stepped through, in the order of time. */
  readonly segments: ReadonlyArray<Segment>
  readonly steps: ReadonlyArray<Segment & { readonly kind: "step" }>
  readonly reads: ReadonlyArray<Segment & { readonly kind: "read" }>
}

/** When work was begun, and when it ended; `last` is when the run lost its last lease. */
const timesOf = (work: Work, last: number): Pick<Base, "from" | "to"> => {
  if (work.kind === "tool") {
    const from = work.begunAt ?? work.at
    const isOver = work.superseded || work.cut || work.question !== null
    return { from, to: work.result?.at ?? (isOver ? from : Math.max(from, last)) }
  }
  if (work.kind !== "step") return { from: work.at, to: work.endedAt ?? Math.max(work.at, last) }
  return { from: work.at, to: work.endedAt ?? work.brokenAt ?? Math.max(work.at, last) }
}

const workSegment = (work: Work, last: number): Segment & { readonly kind: "step" } => ({
  kind: "step",
  id: work.key,
  ...timesOf(work, last),
  step: work,
})

const isBar = (part: StepPart | ToolPart): boolean => part.kind === "tool" || part.step === "step"

/** The story of a run, cut into segments. The claims of a run with more than 50 of them are the newest: the first here is the one it has. */
export const segmentsOf = (story: Story): Picture => {
  const { broken, children, now, run, steps, takeovers, waits, waitsFor } = story
  const spans = run.claims.map((claim) => spanOf(claim, now))
  const final = spans.at(-1)
  const heldUntil = final === undefined ? lastOf(run, now) : endOf(final)
  const idles = idlesOf(run, spans, now)
    .filter(({ from, to }) => to >= from)
    .map((idle): Segment => ({
      kind: "idle",
      id: `idle-${idle.from}`,
      from: idle.from,
      to: idle.to,
      idle,
      place: idle.isNow ? story.place : undefined,
      reasons: idle.kind === "queue" ? [] : idle.isNow ? waitsFor : reasonsAt(waits, idle.from),
    }))
  const claims = spans.flatMap((span, index): ReadonlyArray<Segment> => {
    const number = span.claim.lease_epoch
    const next = spans[index + 1] ?? null
    const takeover =
      takeovers.find(({ at }) => at >= span.heldTo && (next === null || Math.abs(at - next.from) < 1000)) ??
      null
    const owned: Segment = {
      kind: "claim",
      id: `claim-${number}`,
      from: span.from,
      to: span.heldTo,
      number,
      span,
    }
    return span.lossTo === null
      ? [owned]
      : [
          owned,
          {
            kind: "loss",
            id: `loss-${number}`,
            from: span.heldTo,
            to: endOf(span),
            number,
            span,
            next,
            takeover,
          },
        ]
  })
  const rows = children.map((child): Segment => {
    const own = child.claims.map((claim) => spanOf(claim, now))
    return {
      kind: "child",
      id: `child-${child.run_id}`,
      from: Date.parse(child.created_at),
      to: lastOf(child, now),
      child,
      spans: own,
    }
  })
  return {
    spans,
    segments: [...idles, ...claims, ...rows].toSorted((a, b) => a.from - b.from),
    steps: [...steps.filter(isBar), ...broken].map((work) => workSegment(work, heldUntil)),
    reads: takeovers
      .filter(({ attempt, read }) => attempt !== null && read > 0)
      .map((takeover) => ({
        kind: "read" as const,
        id: takeover.key,
        from: takeover.at,
        to: takeover.at,
        takeover,
      })),
  }
}
