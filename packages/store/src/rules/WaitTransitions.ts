/**
 * The part of the state machine in which a run waits for answers, for a time or for children.
 *
 * Units: `now` is in milliseconds since the epoch.
 * Source: docs/decisions/0014-interrupts.md, docs/decisions/0032-follow-up-inputs.md
 */
import * as ControlEvents from "@runlease/core/ControlEvents"
import type { Answers } from "@runlease/core/Interrupt"
import { lengthOf } from "@runlease/core/Json"
import { type Pause, type Suspension, SuspensionRefused } from "@runlease/core/Leases"
import * as ResumeRules from "@runlease/core/ResumeRules"
import { type Fence, isTerminal, type LeaseLost } from "@runlease/core/Run"
import { maxEventBytes } from "@runlease/core/RunLog"
import type { AnswerRefused, NotWaiting } from "@runlease/core/Runs"
import { isQuestionId as isBudgetQuestion } from "@runlease/core/TreeBudget"
import { DateTime, Either } from "effect"
import * as BudgetTransitions from "./BudgetTransitions.js"
import { hasMore } from "./InboxTransitions.js"
import * as LimitPlaces from "./LimitPlaces.js"
import {
  claimEnded,
  fail,
  finish,
  holds,
  resumeRun,
  timeOut,
  transition,
  type Transition,
} from "./Transition.js"
import type * as FollowUpRules from "./FollowUpRules.js"
import { budgetRootOf, type RunState } from "./RunState.js"
import { mayAwait, someEnded } from "./ChildTransitions.js"
import * as TimeRules from "./TimeRules.js"

/**
 * The run waits, and counts its attempts anew after that. Where it waits for children that have ended, or for a message that it has, it
 * is pending at once, and has no question. A run that has worked for as long as it may fails instead.
 *
 * Fails: `LeaseLost`, and `SuspensionRefused` where it would wait for children that it does not have, or has a question with the id of one
 * about a budget.
 */
export const suspend = (
  state: RunState,
  fence: Fence,
  suspension: Suspension | Pause,
  now: number,
): Either.Either<Transition, LeaseLost | SuspensionRefused> =>
  holds(state, fence, now).pipe(
    Either.flatMap(() => mayAwait(state, suspension.children ?? [])),
    Either.filterOrLeft(
      () => !("interrupts" in suspension) || !suspension.interrupts.some(({ id }) => isBudgetQuestion(id)),
      () =>
        new SuspensionRefused({
          message:
            "interrupts: an id such as budget-1 is that of a question of the control plane; choose another",
        }),
    ),
    Either.filterOrLeft(
      () => !("interrupts" in suspension) || lengthOf(suspension.interrupts) <= maxEventBytes,
      () =>
        new SuspensionRefused({
          message: `interrupts: the questions of a run take at most ${maxEventBytes} bytes of JSON`,
        }),
    ),
    Either.map(() => suspended(state, suspension, now)),
  )

const suspended = (state: RunState, suspension: Suspension | Pause, now: number): Transition => {
  if (TimeRules.isOverTime(state, now)) return timeOut(state, now)
  const { log, spec } = state
  const requested = ResumeRules.waitingFor(suspension, DateTime.unsafeMake(now))
  // The question to a person comes first. The run requests its budget when it waits again.
  const wanted =
    ResumeRules.isPaused(requested) && BudgetTransitions.mustAsk(state)
      ? BudgetTransitions.asking(state)
      : requested
  const isMet = someEnded(state, wanted.children ?? []) || hasMore(state, wanted.inbox)
  const waiting = isMet ? ResumeRules.withoutQuestions(wanted) : wanted
  const paused = ResumeRules.isPaused(waiting)
  const root = waiting.budget === true ? budgetRootOf(state) : undefined
  const after = transition(
    {
      ...state,
      status: "waiting",
      limits: state.limits && LimitPlaces.clear(state.limits),
      attempt: 0,
      workedMillis: TimeRules.worked(state, now),
      waiting,
      holder: null,
      updatedAt: now,
    },
    paused ? ControlEvents.paused(spec, log, waiting) : ControlEvents.suspended(spec, log, waiting),
    [
      ...claimEnded(state, paused ? "waiting" : "suspended", now),
      ...(root === undefined ? [] : [{ _tag: "AwaitsBudget" as const, root }]),
    ],
  )
  if (!isMet) return after
  const { consequences, state: pending } = resumeRun(after.state, now)
  return { ...after, state: pending, consequences: [...after.consequences, ...consequences] }
}

/** The groups of children for which a run waits, by their indexes, where nothing else ends its wait; undefined for any other run. */
export const waitsForChildren = ({
  status,
  waiting,
}: Pick<RunState, "status" | "waiting">): ReadonlyArray<ReadonlyArray<number>> | undefined =>
  status === "waiting" &&
  waiting !== null &&
  ResumeRules.isPaused(waiting) &&
  waiting.wakesAt === undefined &&
  waiting.inbox === undefined &&
  waiting.budget === undefined
    ? waiting.children
    : undefined

/** Fails a run whose children wait for it, as it waits for them. */
export const deadlocked = (state: RunState, circle: string, now: number): Transition =>
  fail(state, ControlEvents.childDeadlock(circle), now)

/** A run after answers; without a transition it had them before. */
export interface Resumed {
  readonly transition: Transition | undefined
  readonly record: ResumeRules.ResumeRecord
}

/**
 * Adds answers to a run that waits, all of them or none. Once nothing is open, the run is pending again.
 *
 * `messageIds`: one for each answer. `by`: their author. Fails: as `ResumeRules.applyAnswers`.
 */
export const resume = (
  state: RunState,
  record: ResumeRules.ResumeRecord,
  answers: Answers,
  messageIds: ReadonlyArray<string>,
  by: string | undefined,
  now: number,
): Either.Either<Resumed, NotWaiting | AnswerRefused> => {
  const { spec, waiting } = state
  const run = { runId: spec.runId, waiting }
  return Either.map(ResumeRules.applyAnswers(run, record, answers, messageIds, by), (answered): Resumed => {
    if (answered.duplicate) return { transition: undefined, record }
    return {
      transition:
        answered.waiting === null
          ? afterAnswers(state, answered, now)
          : transition({ ...state, waiting: answered.waiting, updatedAt: now }, answered.events),
      record: answered.record,
    }
  })
}

/** All that the run waited for has an answer. One about its budget says whether the run resumes. */
const afterAnswers = (
  before: RunState,
  { events, record }: Pick<ResumeRules.Answered, "events" | "record">,
  now: number,
): Transition => {
  const { entries, state } = transition(before, events)
  const answer = BudgetTransitions.answerOf(state, record.snapshot.resume ?? [])
  const after = answer === undefined ? resumeRun(state, now) : BudgetTransitions.answered(state, answer, now)
  return entries.length === 0 ? after : { ...after, entries: [...entries, ...after.entries] }
}

/** What the next input of a client makes of the run; undefined when it changes nothing. */
export const followUp = (
  state: RunState,
  decision: FollowUpRules.Decision,
  now: number,
): Transition | undefined => {
  if (decision._tag === "Continue") return afterAnswers(state, decision, now)
  return decision._tag === "Complete" && !isTerminal(state.status)
    ? finish(state, { status: "completed" }, now)
    : undefined
}

/** When time ends the wait of a run: the run resumes, or fails without its answers; null is never. */
export const endsAt = ({ waiting }: Pick<RunState, "waiting">): number | null => {
  const wakesAt = waiting?.wakesAt?.epochMillis
  const expiresAt = waiting?.expiresAt?.epochMillis
  return wakesAt === undefined || expiresAt === undefined
    ? (wakesAt ?? expiresAt ?? null)
    : Math.min(wakesAt, expiresAt)
}

/**
 * Ends a wait whose time has come: a run that waited for the time resumes, and one that got no answer before it fails; undefined when it
 * still waits, or does not wait.
 */
export const endWait = (state: RunState, now: number): Transition | undefined => {
  const { status, waiting } = state
  const at = endsAt(state)
  if (status !== "waiting" || waiting === null || at === null || at > now) return undefined
  return waiting.wakesAt?.epochMillis === at
    ? resumeRun(state, now)
    : fail(state, ControlEvents.waitExpired(waiting), now)
}
