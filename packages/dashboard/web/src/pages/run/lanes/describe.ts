/** A segment of the lanes in sentences: for the line below them, and for screen readers. */
import { plural } from "../../../format/numbers"
import { clock, duration } from "../../../format/times"
import { resultWords, isFailed } from "../model/steps"
import { idleWords, leaseLeft } from "./labels"
import type { Segment, ClaimSpan } from "./segments"

/** `lead` is emphasised, and so is `paid`, what is paid again. */
export interface Detail {
  readonly lead: string
  readonly text: string
  readonly paid: string | null
  readonly tone: "lost" | "wait" | "live" | "past" | "child" | "step" | "failed"
  readonly worker: { readonly id: string; readonly name: string } | null
  readonly run: string | null
}

const nothing = { paid: null, worker: null, run: null } as const

const first = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const ends: Readonly<Record<string, string>> = {
  suspended: "handed back to wait for an answer",
  waiting: "handed back to wait",
  released: "handed back by its worker",
  retry: "handed back, since its attempt failed and another follows",
  completed: "the run completed",
  failed: "the run failed",
  cancelled: "the run was cancelled",
}

const workerOf = ({ claim }: ClaimSpan) => ({ id: claim.worker_id, name: claim.worker_name })

const renewed = ({ claim }: ClaimSpan): string =>
  claim.renewals === 0
    ? "not renewed"
    : claim.renewals === 1
      ? "renewed once"
      : `renewed ${claim.renewals} times`

const sinceRenewal = (millis: number): string => (millis < 1000 ? "just now" : `${duration(millis)} ago`)

const repeatedAnswers = (unfinished: number): string | null =>
  unfinished === 0
    ? null
    : unfinished === 1
      ? "One answer was asked again."
      : `${unfinished} answers were asked again.`

const ofClaim = ({ number, span }: Segment & { readonly kind: "claim" }, now: number): Detail => {
  const { claim, from, heldTo, isLive, leaseTo } = span
  const lead = `Claim ${number} by ${claim.worker_name}.`
  if (isLive) {
    const left =
      leaseTo === null ? "" : ` Its lease runs out in ${leaseLeft(leaseTo - now)} unless it is renewed.`
    return {
      ...nothing,
      lead: `${claim.worker_name} holds the run.`,
      text: `Since ${clock(from)}, ${renewed(span)}, last ${sinceRenewal(now - Date.parse(claim.renewed_at))}.${left}`,
      tone: "live",
      worker: workerOf(span),
    }
  }
  const end = span.lossTo === null ? (ends[claim.ended ?? ""] ?? "ended") : "then renewed no more"
  return {
    ...nothing,
    lead,
    text: `${clock(from)} to ${clock(heldTo)}, held for ${duration(heldTo - from)} and ${renewed(span)}; ${end}.`,
    tone: "past",
    worker: workerOf(span),
  }
}

const ofLoss = ({ next, span, takeover, to }: Segment & { readonly kind: "loss" }): Detail => {
  const { claim, heldTo } = span
  const after =
    next === null
      ? `its lease ran out at ${clock(to)}`
      : `its lease ran out at ${clock(to)}, and ${next.claim.worker_name} claimed the run ${duration(next.from - to)} later`
  return {
    ...nothing,
    lead: "Lease lost.",
    text: `${claim.worker_name} last renewed at ${clock(heldTo)}, ${after}.`,
    paid: takeover === null ? null : repeatedAnswers(takeover.unfinished),
    tone: "lost",
    worker: workerOf(span),
  }
}

const ofIdle = (segment: Segment & { readonly kind: "idle" }): Detail => {
  const { from, idle, to } = segment
  const span = idle.isNow
    ? `Since ${clock(from)}, for ${duration(to - from)}.`
    : `${clock(from)} to ${clock(to)}, ${duration(to - from)}.`
  return {
    ...nothing,
    lead: `${first(idleWords(segment))}.`,
    text: idle.kind === "wait" ? `${span} No worker ${idle.isNow ? "is" : "was"} held.` : span,
    tone: idle.kind === "wait" ? "wait" : "past",
  }
}

const ofChild = ({ child, from, spans, to }: Segment & { readonly kind: "child" }, now: number): Detail => {
  const live = spans.find(({ isLive }) => isLive)
  const name = child.title ?? child.agent_id
  const left =
    live?.leaseTo == null
      ? ""
      : ` ${live.claim.worker_name} holds it, its lease runs out in ${leaseLeft(live.leaseTo - now)}.`
  return {
    ...nothing,
    lead: `Child run ${child.agent_id}: ${name}.`,
    text: `${first(child.status)}. Spawned at ${clock(from)}, ${plural(child.claims.length, "claim")}, ${duration(to - from)}.${left}`,
    tone: "child",
    run: child.run_id,
  }
}

const ofStep = ({ from, step, to }: Segment & { readonly kind: "step" }): Detail => {
  const isBroken = step.kind === "step" ? step.brokenAt !== null : step.cut || step.superseded
  const lead =
    step.kind === "tool" ? `Call of ${step.name}.` : step.kind === "step" ? `Step ${step.name}.` : "Answer."
  const why = !isFailed(step) ? "" : step.kind === "step" ? resultWords(step) : "failed"
  return {
    ...nothing,
    lead,
    text: `At ${clock(from)}, ${duration(to - from)}${isBroken ? "; broken off with its attempt" : why === "" ? "" : `; ${why}`}.`,
    tone: why === "" || isBroken ? "step" : "failed",
  }
}

export const describe = (segment: Segment, now: number): Detail => {
  switch (segment.kind) {
    case "claim":
      return ofClaim(segment, now)
    case "loss":
      return ofLoss(segment)
    case "idle":
      return ofIdle(segment)
    case "child":
      return ofChild(segment, now)
    case "step":
      return ofStep(segment)
    case "read":
      return {
        ...nothing,
        lead: "Taken over.",
        text: `${plural(segment.takeover.read, "step")} read from the log at ${clock(segment.from)}, and not done again.`,
        paid: repeatedAnswers(segment.takeover.unfinished),
        tone: "step",
      }
  }
}

/** For a list that is read out. */
export const sentenceOf = (segment: Segment, now: number): string => {
  const { lead, paid, text } = describe(segment, now)
  return [lead, text, paid].filter((part) => part !== null).join(" ")
}

const weight = (segment: Segment): number =>
  segment.kind === "loss"
    ? 3
    : segment.kind === "claim" && segment.span.isLive
      ? 2
      : segment.kind === "idle" && segment.idle.isNow
        ? 2
        : 1

/** The segment of the line while nothing is pointed at: the last loss, else the present one, else the last one. */
export const mostTelling = (segments: ReadonlyArray<Segment>): Segment | undefined => {
  const own = segments.filter(({ kind }) => kind !== "child")
  return own
    .toReversed()
    .reduce<Segment | undefined>(
      (best, one) => (best === undefined || weight(one) > weight(best) ? one : best),
      undefined,
    )
}
