/**
 * The limits of a random history, and how a test counts their runs.
 *
 * @since 0.1.0
 */
import type { Limit, LimitSubject } from "@runlease/core/Limits"
import type { Standing } from "@runlease/core/Summaries"

/** Numbers that look random and are the same for each seed. */
export const randomOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
}

export const ofKey = (key: string): LimitSubject => ({ kind: "concurrency_key", name: null, key })
export const ofAgent = (key: string): LimitSubject => ({ kind: "agent", name: null, key })
export const nameOf = ({ key, kind, name }: LimitSubject): string => `${kind} ${name ?? ""} ${key}`

/** A limit with no bound but how many work at once, with so many runs that no worker has had. */
export const onlyRunning = (pending: number) => ({ rate: null, maxPending: null, pending, nextStartAt: null })

export interface LimitCounts {
  readonly name: string
  readonly running: number
  readonly open: number
  readonly waiting: number
}

/** As what a pending run counts at a limit that it has. */
export const countOf = (
  { gate, limit }: Standing,
  { key, kind }: LimitSubject,
): "open" | "waiting" | undefined => {
  if (gate === "runnable") return "open"
  if (gate !== "limited" || limit === null) return undefined
  if (limit.kind === kind && limit.key === key) return "waiting"
  return kind === "concurrency_key" ? "open" : undefined
}

export const toCounts = (items: ReadonlyArray<Limit>, subject: LimitSubject): LimitCounts => {
  const name = nameOf(subject)
  const found = items.find((limit) => nameOf(limit) === name)
  return { name, running: found?.running ?? 0, open: found?.open ?? 0, waiting: found?.waiting ?? 0 }
}
