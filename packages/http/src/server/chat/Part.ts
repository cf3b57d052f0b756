/**
 * The part of a run that is one message of its page.
 *
 * @since 0.1.0
 */
import { Interrupt, Run, RunLog, Runs } from "@runlease/core"
import { ResumeRules } from "@runlease/core/store"
import { Context, Effect, Either, Predicate } from "effect"
import type { Answered } from "../../chat/Questions.js"
import type { Ports } from "../ProjectPortsCache.js"

/** A question of a run, and where its log has it. */
interface Question {
  readonly at: Run.EventId
  readonly interrupts: ReadonlyArray<Interrupt.Interrupt>
}

/**
 * Where a run stands: after event `passed` it has gone on with the last answers that it was given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Standing {
  readonly passed: Run.EventId
  /** What it was answered, in the order of the log. */
  readonly answered: ReadonlyArray<Answered & { readonly at: Run.EventId }>
}

/** Before the first event of a log. */
export const start = Run.EventId.make(0)

const questionsIn = ({ event, eventId, sequence }: RunLog.LogEntry): ReadonlyArray<Question> => {
  const { outcome } = event
  if (sequence !== null || !Predicate.isRecord(outcome)) return []
  return Either.match(Interrupt.fromEvent(outcome["interrupts"]), {
    onLeft: () => [],
    onRight: (interrupts) => [{ at: eventId, interrupts }],
  })
}

/** All questions of a log. */
const questions = (ports: Ports, runId: Run.Run["runId"]) => {
  const log = Context.get(ports, RunLog.RunLog)
  const from = (
    after: Run.EventId,
  ): Effect.Effect<ReadonlyArray<Question>, Effect.Effect.Error<ReturnType<typeof log.read>>> =>
    Effect.flatMap(
      log.read({ runId, after, types: ["RUN_FINISHED"], limit: RunLog.maxReadLimit }),
      (entries) => {
        const last = entries.at(-1)
        return last === undefined
          ? Effect.succeed([])
          : Effect.map(from(last.eventId), (rest) => [...entries.flatMap(questionsIn), ...rest])
      },
    )
  return from(start)
}

/**
 * Where a run stands now. A run that was never answered costs no read of its log.
 *
 * @since 0.1.0
 * @category reading
 */
export const standing = Effect.fnUntraced(function* (ports: Ports, { runId, waiting }: Run.Run) {
  const { resume = [] } = yield* Context.get(ports, Runs.Runs).snapshot(runId)
  if (resume.length === 0) return { passed: start, answered: [] } satisfies Standing
  const all = yield* questions(ports, runId)
  const isAsking = waiting !== null && !ResumeRules.isPaused(waiting)
  const isAnswered = ({ id }: Interrupt.Interrupt): boolean =>
    resume.some(({ interruptId }) => interruptId === id)
  // The run may have begun to wait since it was read.
  const isOpen = isAsking || all.at(-1)?.interrupts.every(isAnswered) === false
  const over = isOpen ? all.slice(0, -1) : all
  return {
    passed: over.at(-1)?.at ?? start,
    answered: over.flatMap(({ at, interrupts }) =>
      interrupts.flatMap((interrupt) => {
        const answer = resume.findLast(({ interruptId }) => interruptId === interrupt.id)
        return answer === undefined ? [] : [{ at, interrupt, answer }]
      }),
    ),
  } satisfies Standing
})
