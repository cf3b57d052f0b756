/** The claims of a run as spans of time, and the time between them. Instants are milliseconds since the epoch. */
import type * as Json from "@runlease/http/Json"

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
export interface Idle {
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
