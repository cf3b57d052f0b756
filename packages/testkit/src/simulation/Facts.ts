/** Requests and answers of the ports as facts of a history. */
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { Answer } from "@runlease/core/Interrupt"
import type { RenewRequest, Renewal } from "@runlease/core/Leases"
import type { ClaimedRun, LeaseRef, Run } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import type { Outcome } from "@runlease/core/Runs"
import { Cause, Exit, Option, Predicate } from "effect"
import type { Ending, Entry, Event, Final, Grant, LeaseKey, Refused, Sighting } from "./History.js"

/** JSON of a value; null is nothing. */
const jsonOf = (value: unknown): string | undefined => (value == null ? undefined : JSON.stringify(value))

/** The tag of an error, or that it is a defect. */
const refusedOf = (cause: Cause.Cause<unknown>): Refused => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  return { refused: Predicate.hasProperty(error, "_tag") ? String(error._tag) : "defect" }
}

/** An answer as a fact, or the tag of the error instead of it. */
export const answerOf =
  <A, B>(f: (answer: A) => B) =>
  (exit: Exit.Exit<A, unknown>): B | Refused =>
    Exit.match(exit, { onFailure: refusedOf, onSuccess: f })

export const nothing = (): null => null

export const leaseKeyOf = ({ epoch, runId }: Pick<LeaseRef, "runId" | "epoch">): LeaseKey => ({
  run: runId,
  epoch,
})

export const grantOf = ({ attempt, leaseEpoch, leaseExpiresAt, runId }: ClaimedRun): Grant => ({
  run: runId,
  epoch: leaseEpoch ?? 0,
  attempt,
  expiresAt: leaseExpiresAt?.epochMillis ?? 0,
})

export const renewalsOf =
  ({ leases }: RenewRequest) =>
  (renewals: ReadonlyArray<Renewal>) => ({
    renewals: leases.map((lease, index) => {
      const renewal = renewals[index]
      return {
        ...leaseKeyOf(lease),
        verdict: renewal?._tag ?? ("Lost" as const),
        expiresAt: renewal?._tag === "Renewed" ? renewal.expiresAt.epochMillis : undefined,
      }
    }),
  })

export const endingOf = ({ error, result, status }: Outcome): Ending => ({
  status,
  error: error?.code ?? undefined,
  result: jsonOf(result),
})

export const sightingOf = ({ error, lease, result, runId, status }: Run): Sighting => ({
  run: runId,
  status,
  error: error?.code ?? undefined,
  result: jsonOf(result),
  holder: lease?.epoch,
})

export const answersOf = (answers: ReadonlyArray<Answer>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    answers.map(({ interruptId, payload }) => [interruptId, JSON.stringify(payload ?? null)]),
  )

export const eventOf = (event: LogEvent): Event => event

const entryOf = ({ createdAt, event, eventId, sequence }: LogEntry): Entry => ({
  eventId,
  sequence,
  at: createdAt.epochMillis,
  event: eventOf(event),
})

export const finalOf = (run: Run, log: ReadonlyArray<LogEntry>): Final => ({
  ...sightingOf(run),
  epoch: run.leaseEpoch,
  parent: run.parentRunId ?? undefined,
  root: run.rootRunId,
  spent: run.budget?.spent.cost,
  finishedAt: run.finishedAt?.epochMillis,
  log: log.map(entryOf),
})
