/** The limits of a random history, and how a test counts their runs. */
import { assertTrue } from "@effect/vitest/utils"
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

/** A project has one limit, whatever its id is. */
export const nameOf = ({ key, kind, name }: LimitSubject): string =>
  kind === "project" ? kind : `${kind} ${name ?? ""} ${key}`

/** What a test expects of a limit. `allowed`: how many of its runs may work by now. */
interface Bound {
  bound: number
  paused: boolean
  allowed: number
}

/** What a test expects of its limits. A limit of a key has no room before its first submission, and the others let any number work. */
export const boundsOf = (subjects: ReadonlyArray<LimitSubject>) => {
  const expected = new Map(
    subjects.map((subject): [string, Bound] => {
      const bound = subject.kind === "concurrency_key" ? 0 : Number.POSITIVE_INFINITY
      return [nameOf(subject), { bound, paused: false, allowed: bound }]
    }),
  )
  const effective = ({ bound, paused }: Bound): number => (paused ? 0 : bound)
  return {
    set: (subject: LimitSubject, change: Partial<Bound>): void => {
      const entry = expected.get(nameOf(subject))!
      Object.assign(entry, change)
      entry.allowed = Math.max(entry.allowed, effective(entry))
    },
    /** Dies where more work than may since the limit was set. */
    check: ({ name, running }: LimitCounts): void => {
      const entry = expected.get(name)!
      assertTrue(running <= entry.allowed, `${running} runs of ${name} work, and ${entry.allowed} may`)
      entry.allowed = Math.max(running, effective(entry))
    },
  }
}

/** A limit with no bound but how many work at once, with this many runs that no worker has had. */
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
  if (kind === "project") return undefined
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
