/** A run that waits: its interrupts, and what answers make of it. All stores share these rules. */
import { DateTime, Duration, Either, Option } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import * as AnswerEvent from "../model/AnswerEvent.js"
import * as Edits from "../model/Edits.js"
import type { Answer, Answers, Interrupt } from "../model/Interrupt.js"
import { canonicalJson, lengthOf } from "../model/Json.js"
import { maxPause, type Pause, type Suspension } from "./Leases.js"
import type { RequestSnapshot, SnapshotMessage } from "../model/RequestSnapshot.js"
import type { Run, Waiting } from "../model/Run.js"
import { AnswerRefused, NotWaiting } from "./Runs.js"

/** The interrupts that have no answer yet. */
export const open = ({
  answers,
  interrupts,
}: Pick<Waiting, "answers" | "interrupts">): ReadonlyArray<Interrupt> =>
  interrupts.filter(({ id }) => answers.every(({ interruptId }) => interruptId !== id))

/** The interrupts of a run that have no answer yet. */
export const openOf = ({ waiting }: Pick<Run, "waiting">): ReadonlyArray<Interrupt> =>
  waiting === null ? [] : open(waiting)

const earliest = (interrupts: ReadonlyArray<Interrupt>): DateTime.Utc | null =>
  interrupts.reduce<DateTime.Utc | null>(
    (first, { expiresAt }) =>
      expiresAt === undefined ? first : first === null ? expiresAt : DateTime.min(first, expiresAt),
    null,
  )

/** When the run fails without answers: the time of the first of its open interrupts that has one. */
export const expiryOf = (waiting: Pick<Waiting, "answers" | "interrupts">): DateTime.Utc | null =>
  earliest(open(waiting))

/** Whether the run waits for no person. */
export const isPaused = ({ interrupts }: Waiting): boolean => interrupts.length === 0

const noQuestions = { interrupts: [], answers: [], expiresAt: null }

export const withoutQuestions = (waiting: Waiting): Waiting => ({ ...waiting, ...noQuestions })

/** The wait of a run that is suspended. `expiresAfter` is for interrupts that have no `expiresAt` of their own. */
export const waitingFor = (suspension: Suspension | Pause, now: DateTime.Utc): Waiting => {
  const { budget, children, inbox, wakeAfter } = suspension
  const others = {
    ...(wakeAfter === undefined
      ? {}
      : {
          wakesAt: DateTime.addDuration(now, Duration.clamp(wakeAfter, { minimum: 0, maximum: maxPause })),
        }),
    ...(children === undefined ? {} : { children }),
    ...(inbox === undefined ? {} : { inbox }),
    ...(budget === undefined ? {} : { budget }),
  }
  if (!("interrupts" in suspension)) return { ...noQuestions, ...others }
  const { expiresAfter, interrupts } = suspension
  const timed = (interrupt: Interrupt): Interrupt =>
    expiresAfter === undefined || interrupt.expiresAt !== undefined
      ? interrupt
      : { ...interrupt, expiresAt: DateTime.addDuration(now, expiresAfter) }
  const all = interrupts.map(timed)
  return { interrupts: all, answers: [], expiresAt: earliest(all), ...others }
}

/** The interrupt among these that a name answers: its id, or the tool call that it names. */
export const named = (interrupts: ReadonlyArray<Interrupt>, name: string): Interrupt | undefined =>
  interrupts.find(({ id }) => id === name) ?? interrupts.find(({ toolCallId }) => toolCallId === name)

/** The interrupts that are still open after these answers. */
export const leftOpen = (
  interrupts: ReadonlyArray<Interrupt>,
  answers: ReadonlyArray<Answer>,
): ReadonlyArray<Interrupt> =>
  answers.reduce((left, { interruptId }) => {
    const interrupt = named(left, interruptId)
    return interrupt === undefined ? left : left.filter((other) => other !== interrupt)
  }, interrupts)

/** What is stored with a run for its next claim, and to recognise answers that come again. */
export interface ResumeRecord {
  readonly snapshot: RequestSnapshot
  /** The fingerprint of each answer so far, by the id of its interrupt and by that of its tool call. */
  readonly answers: Readonly<Record<string, string>>
}

/** A run after answers: `waiting` is null once nothing is open. A `duplicate` changes nothing. `events`: what its log gets with them. */
export interface Answered {
  readonly events: ReadonlyArray<LogEvent>
  readonly duplicate: boolean
  readonly record: ResumeRecord
  readonly waiting: Waiting | null
}

const markOf = (name: string, { isError, payload, status }: Answer): string =>
  canonicalJson({
    toolCallId: name,
    result: payload,
    isError,
    ...(status === "cancelled" ? { status } : {}),
  })

/** An answer to a tool call as the model reads it; a declined call is an error. */
const toolMessage = (
  id: string,
  toolCallId: string,
  { isError, payload, status }: Answer,
): SnapshotMessage => {
  const failed = status === "cancelled" ? true : isError
  return {
    id,
    role: "tool",
    parts: [
      {
        type: "tool_result",
        toolCallId,
        result: payload ?? (status === "cancelled" ? "cancelled" : null),
        ...(failed === undefined ? {} : { isError: failed }),
      },
    ],
  }
}

const withoutUndefined = ({ interruptId, isError, metadata, payload, status }: Answer): Answer => ({
  interruptId,
  status,
  ...(payload === undefined ? {} : { payload }),
  ...(isError === undefined ? {} : { isError }),
  ...(metadata === undefined ? {} : { metadata }),
})

/** The field of an answer that has edits. */
export const editsField = `payload.${Edits.field}`

/** Why an answer is none that the question takes. Whether its edits fit is for those to say who have time for a check of a schema. */
const problemOf = (interrupt: Interrupt, answer: Answer): string | undefined => {
  if (!Edits.isApproval(interrupt)) return undefined
  const edits = Edits.of(answer)
  if (Option.isNone(edits)) return undefined
  if (Option.isNone(Edits.schemaOf(interrupt))) return "this question allows no edits"
  if (!Edits.approved(answer)) return "only an answer that approves has edits"
  return lengthOf(edits.value) > Edits.maxBytes
    ? `edits take at most ${Edits.maxBytes} characters of JSON`
    : undefined
}

/**
 * Applies answers, all of them or none. An answer names an interrupt by its id or by its tool call.
 *
 * `messageIds`: one for each answer. `by`: their author. Fails: `NotWaiting` when an answer names nothing that is open, unless the run has
 * the same answer already; `AnswerRefused` for edits of what the question does not let edit.
 */
export const applyAnswers = (
  run: Pick<Run, "runId" | "waiting">,
  record: ResumeRecord,
  answers: Answers,
  messageIds: ReadonlyArray<string>,
  by: string | undefined,
): Either.Either<Answered, NotWaiting | AnswerRefused> => {
  const before: ReadonlyArray<Interrupt> = run.waiting === null ? [] : open(run.waiting)
  const accepted = new Map<Interrupt, Answer>()
  const marks = new Map(Object.entries(record.answers))
  const messages: Array<SnapshotMessage> = []
  for (const [index, answer] of answers.entries()) {
    const name = answer.interruptId
    const interrupt = named(
      before.filter((other) => !accepted.has(other)),
      name,
    )
    if (interrupt === undefined) {
      if (marks.get(name) === markOf(name, answer)) continue
      const refused = { runId: run.runId, interruptId: name, open: before.map(({ id }) => id) }
      return Either.left(new NotWaiting({ ...refused, answered: marks.has(name) }))
    }
    const { id, toolCallId } = interrupt
    const problem = problemOf(interrupt, answer)
    if (problem !== undefined) {
      const { runId } = run
      return Either.left(new AnswerRefused({ runId, interruptId: id, field: editsField, message: problem }))
    }
    const own = withoutUndefined({ ...answer, interruptId: id })
    accepted.set(interrupt, own)
    marks.set(id, markOf(id, own))
    if (toolCallId === undefined) continue
    marks.set(toolCallId, markOf(toolCallId, own))
    messages.push(toolMessage(messageIds[index]!, toolCallId, own))
  }
  if (run.waiting === null || accepted.size === 0) {
    return Either.right({ duplicate: true, events: [], record, waiting: run.waiting })
  }
  const newAnswers = Array.from(accepted.values())
  const left = before.filter((interrupt) => !accepted.has(interrupt))
  const { protocol, ...rest } = record.snapshot
  // For the client of this protocol its part of the run has ended; the rest belongs to it only if it sends the next input.
  const snapshot = left.length === 0 || protocol === undefined ? rest : { ...rest, protocol }
  return Either.right({
    duplicate: false,
    events: AnswerEvent.ofAnswers(accepted, by),
    record: {
      snapshot: {
        ...snapshot,
        messages: [...snapshot.messages, ...messages],
        resume: [...(snapshot.resume ?? []), ...newAnswers],
      },
      answers: Object.fromEntries(marks),
    },
    waiting:
      left.length === 0
        ? null
        : { ...run.waiting, answers: [...run.waiting.answers, ...newAnswers], expiresAt: earliest(left) },
  })
}
