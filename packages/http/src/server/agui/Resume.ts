/**
 * A run of a thread that continues with the next input of its client.
 *
 * Source: docs/decisions/0032-follow-up-inputs.md
 */
import {
  type ControlPlaneError,
  type FollowUp,
  type Ids,
  Interrupt,
  RequestSnapshot,
  ResumeRules,
  Run,
  type RunLog,
  Runs,
} from "@runlease/core"
import { Context, Effect, Either, Option, Predicate, Stream } from "effect"
import type { CurrentPrincipal } from "../../contract/Principal.js"
import * as Refusal from "../../contract/Refusal.js"
import type { Ports } from "../ProjectPorts.js"
import type { StreamTurns } from "../StreamTurns.js"
import * as WrittenLog from "../WrittenLog.js"
import * as Thread from "./Thread.js"

// The questions with which the parts of a run end.

/** The questions with which a part of a run ended, and the event that has them. */
interface PartQuestions {
  readonly at: Run.EventId
  readonly interrupts: ReadonlyArray<Interrupt.Interrupt>
}

/** The control plane ends a part; an event of a worker does not. */
const questionsIn = ({ event, eventId, sequence }: RunLog.LogEntry): ReadonlyArray<PartQuestions> => {
  const { outcome } = event
  if (sequence !== null || !Predicate.isRecord(outcome)) return []
  return Either.match(Interrupt.fromEvent(outcome["interrupts"]), {
    onLeft: () => [],
    onRight: (interrupts) => [{ at: eventId, interrupts }],
  })
}

/** All questions of a run so far, in the order of its log. */
export const questions = (ports: Ports, runId: Run.Run["runId"]) =>
  Stream.mapConcat(WrittenLog.entries(ports, { runId, types: ["RUN_FINISHED"] }), questionsIn)

const refuse = (detail: string) => Refusal.make(409, "not_waiting", detail, { field: "resume" })

/** The last event of a log that requests one of these; 0 when there is none. */
const askedAt = (ports: Ports, runId: Ids.RunId, ids: ReadonlyArray<string>) =>
  Stream.runFold(questions(ports, runId), Run.EventId.make(0), (last, { at, interrupts }) =>
    interrupts.some(({ id }) => ids.includes(id)) ? at : last,
  )

/** The run, and the event after which the input's part of it begins. */
export interface Resumed {
  readonly runId: Ids.RunId
  readonly from: Run.EventId
}

const namesOf = (answers: ReadonlyArray<Interrupt.Answer>) => answers.map(({ interruptId }) => interruptId)

const answersOne =
  ({ results, resume }: FollowUp.FollowUp) =>
  (run: Run.Run): boolean => {
    const isNamed = (interrupt: Interrupt.Interrupt, answers: ReadonlyArray<Interrupt.Answer>) =>
      answers.some(({ interruptId }) => interruptId === interrupt.id || interruptId === interrupt.toolCallId)
    return ResumeRules.openOf(run).some(
      (interrupt) =>
        isNamed(interrupt, resume) || (interrupt.clientTool === true && isNamed(interrupt, results)),
    )
  }

const threadWaiting = (open: ReadonlyArray<string>, runs: ReadonlyArray<Run.Run>) =>
  Refusal.make(
    409,
    "thread_waiting",
    "The thread waits for answers: send `resume` with an entry, resolved or cancelled, for each of " +
      `${open.join(", ")}; or cancel run ${runs.map(({ runId }) => runId).join(", ")}`,
    { field: "resume" },
  )

/** The part of the log to show for a result of the port; none if the input does not belong to the run. */
const shown = (
  ports: Ports,
  waiting: Run.Run,
  input: FollowUp.FollowUp,
  result: FollowUp.FollowedUp,
): Effect.Effect<
  Option.Option<Resumed>,
  Refusal.Refusal | Run.RunNotFound | ControlPlaneError.ControlPlaneError,
  StreamTurns | CurrentPrincipal
> => {
  const { runId } = result.run
  const ids = namesOf(input.resume)
  switch (result._tag) {
    case "Continued":
      return Effect.succeedSome({ runId, from: result.since })
    case "Answered":
      return Effect.map(askedAt(ports, runId, ids), (from) => Option.some({ runId, from }))
    case "Uncovered":
      return ids.length > 0 && answersOne(input)(waiting)
        ? refuse(`\`resume\` must answer all that the run waits for; missing: ${result.open.join(", ")}`)
        : threadWaiting(result.open, [waiting])
    case "Left":
      return Effect.succeedNone
  }
}

/** Lets an input become a new run when its entries answer no open question, unless it has nothing else. */
const admitUnasked = (
  agentId: Ids.AgentId,
  { resume, snapshot }: FollowUp.FollowUp,
): Effect.Effect<void, Refusal.Refusal> =>
  snapshot.messages.length > 0 || resume.every(({ status }) => status === "cancelled")
    ? Effect.void
    : refuse(`No run of agent ${agentId} in this thread waits for an answer to ${namesOf(resume).join(", ")}`)

const offer = (ports: Ports, agentId: Ids.AgentId, run: Run.Run, input: FollowUp.FollowUp) =>
  Context.get(ports, Runs.Runs)
    .followUp(run.runId, input)
    .pipe(
      Effect.flatMap((result) => shown(ports, run, input, result)),
      Effect.catchTag("NotWaiting", (error): Effect.Effect<Option.Option<Resumed>, Refusal.Refusal> => {
        const ids = namesOf(input.resume)
        return error.answered || error.open?.some((id) => ids.includes(id))
          ? refuse(error.message)
          : Effect.as(admitUnasked(agentId, input), Option.none())
      }),
    )

/** An input that answers nothing: to a run that waits for tools of its client it says that no result will come. */
const silence = (input: FollowUp.FollowUp): FollowUp.FollowUp => ({
  ...input,
  resume: [],
  results: [],
  snapshot: RequestSnapshot.empty,
})

/** Offers the input to the run whose earlier input has its id: the same again finds its part of the run. */
export const repeat = (
  ports: Ports,
  { conversationId }: Thread.Thread,
  agentId: Ids.AgentId,
  run: Run.Run,
  input: FollowUp.FollowUp,
) =>
  run.agentId === agentId && run.conversationId === conversationId
    ? offer(ports, agentId, run, input)
    : new Runs.SubmissionConflict({ publicId: input.publicId })

/**
 * Answers the run of the thread that waits for the answers of an input, and has it continue with the input.
 *
 * None when the input is to become a new run: no run of the thread waits for what it holds. Runs that waited for
 * tools of their client are completed then, unless they were submitted otherwise.
 *
 * Fails: with a refusal when an answer is missing, differs from an earlier one, or is for no open question and the
 * input says nothing else.
 */
export const resume = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  agentId: Ids.AgentId,
  waiting: ReadonlyArray<Run.Run>,
  input: FollowUp.FollowUp,
  mayBeRepeated: boolean,
) {
  const asking = waiting.find((run) => run.agentId === agentId && answersOne(input)(run))
  // Interrupts of different runs may have the same id, so those of older runs are not looked at.
  const run =
    asking ?? (mayBeRepeated ? (yield* Thread.runs(ports, thread, { agentId, limit: 1 }))[0] : undefined)
  if (run === undefined) yield* admitUnasked(agentId, input)
  const resumed = run === undefined ? Option.none<Resumed>() : yield* offer(ports, agentId, run, input)
  if (Option.isSome(resumed)) return resumed

  const others = waiting.filter(({ runId }) => runId !== run?.runId)
  const questions = others.flatMap((other) => Thread.questionIds(other))
  if (questions.length > 0) {
    return yield* threadWaiting(
      questions,
      others.filter((other) => Thread.questionIds(other).length > 0),
    )
  }
  yield* Effect.forEach(others, (other) => offer(ports, agentId, other, silence(input)), { discard: true })
  return Option.none<Resumed>()
})
