/** What the log of an open run has: its records and questions, in their order, and the steps in which it waits. */
import { Effect, Option, Predicate, Stream } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import * as InboxMessage from "../model/InboxMessage.js"
import { type ClaimedRun, type Run, type RunNotFound, toClaimed } from "../model/Run.js"
import { stepIdOf, type StepRecord } from "../model/StepRecord.js"
import * as Records from "../model/StepRecord.js"
import { isQuestionId as isBudgetQuestion } from "../model/TreeBudget.js"
import { endsAttempt, waitingEventName } from "../ports/ControlEvents.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { RunLog } from "../ports/RunLog.js"
import * as PastAttempts from "../executor/PastAttempts.js"

/** A record of the run, or a question that it has posed. `done`: the step is over, so what is in it is not needed any more. */
interface Recorded {
  readonly name: string
  readonly record: StepRecord | undefined
  readonly done: boolean
}

export interface RunHistory {
  readonly messages: number

  /** The first record or question, in the order of the log, that code does not need which has used steps of these ids. */
  readonly unused: (used: ReadonlySet<string>) => string | undefined

  /** Whether the run waits inside the step, or has records inside it: its body is to be entered. `shownAs`: see `AttemptStep`. */
  readonly isInside: (step: { readonly id: string; readonly shownAs: string }) => boolean

  /** Whether the run has posed the question of that id. */
  readonly hasPosed: (id: string) => boolean
}

const interruptsOf = ({ outcome, type }: LogEvent): ReadonlyArray<Record<string, unknown>> =>
  type === "RUN_FINISHED" && Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"])
    ? outcome["interrupts"].filter(Predicate.isRecord)
    : []

/** A question about a tool call, or about a budget, is posed by no step. */
const questionIds = (event: LogEvent): ReadonlyArray<string> =>
  interruptsOf(event).flatMap(({ id, toolCallId }) =>
    typeof id === "string" && toolCallId === undefined && !isBudgetQuestion(id) ? [id] : [],
  )

const withoutRound = (id: string): string => id.replace(/~\d+$/, "")

const questionId = (within: string | undefined, name: string): string =>
  stepIdOf({ within, name: `question ${name}`, key: undefined })

/** The name in the id of a question that has a key or is inside a step, and the start of the id of its step. */
const hashed = (id: string) => /^(.*):([0-9a-f]{8})$/s.exec(id)

/** Reads the log of a run as far as `claimed` has it. */
export const read = (run: ClaimedRun): Effect.Effect<RunHistory, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.suspend(() => {
    const recorded = new Map<string, Recorded>()
    const posed = new Set<string>()
    const waitedIn = new Set<string>()
    let open = new Set<string>()
    let messages = 0
    const nextRecord = Records.reader()

    const observe = (event: LogEvent, ofExecutor: boolean): void => {
      const whole = nextRecord(event)
      if (whole !== undefined && whole.kind !== "request") {
        const { kind, record } = whole
        const done = recorded.get(record.step_id)?.done === true || kind === "step"
        recorded.set(record.step_id, { name: record.name, record, done })
      }
      if (ofExecutor) {
        if (event.type === "STEP_STARTED") open.add(String(event["stepName"]))
        if (event.type === "STEP_FINISHED") open.delete(String(event["stepName"]))
        return
      }
      messages += Option.isSome(InboxMessage.fromEvent(event)) ? 1 : 0
      const questions = interruptsOf(event)
      if (questions.length > 0 || event["name"] === waitingEventName)
        for (const step of open) waitedIn.add(step)
      if (questions.length > 0 || endsAttempt(event)) open = new Set()
      for (const id of questionIds(event)) {
        const question = withoutRound(id)
        if (recorded.has(`question ${question}`)) continue
        posed.add(question)
        recorded.set(`question ${question}`, { name: question, record: undefined, done: false })
      }
      for (const id of interruptsOf(event).map(({ id }) => String(id))) posed.add(id)
    }

    const isTaken = (id: string, { name, record }: Recorded, used: ReadonlySet<string>): boolean => {
      if (record !== undefined) return used.has(id)
      if (used.has(questionId(undefined, name))) return true
      const start = hashed(name)?.[2]
      return start !== undefined && Array.from(used).some((step) => step.startsWith(start))
    }

    const isWithin = (outer: string, { name, record }: Recorded): boolean => {
      if (record !== undefined) {
        return stepIdOf({ within: outer, name: record.name, key: record.key }) === record.step_id
      }
      const [, question = "", start = ""] = hashed(name) ?? []
      return start !== "" && questionId(outer, question).startsWith(start)
    }

    /** Whether the code has used it, or a step that is over and has it inside. */
    const isUsed = (id: string, one: Recorded, used: ReadonlySet<string>): boolean =>
      isTaken(id, one, used) ||
      Array.from(recorded).some(
        ([outer, step]) => outer !== id && step.done && isWithin(outer, one) && isUsed(outer, step, used),
      )

    const history: RunHistory = {
      get messages() {
        return messages
      },
      unused: (used) => {
        for (const [id, one] of recorded) if (!isUsed(id, one, used)) return one.name
        return undefined
      },
      isInside: ({ id, shownAs }) =>
        waitedIn.has(shownAs) || Array.from(recorded.values()).some((one) => isWithin(id, one)),
      hasPosed: (id) => posed.has(id),
    }

    return Effect.as(
      Stream.runForEach(PastAttempts.entries(run), ({ event, sequence }) =>
        Effect.sync(() => observe(event, sequence !== null)),
      ),
      history,
    )
  })

/** What the next claim of a run would give to its worker. */
export const nextClaim = (run: Run, snapshot: ClaimedRun["snapshot"]): ClaimedRun => ({
  ...toClaimed(run, snapshot),
  status: "running",
  attempt: run.attempt + 1,
})
