/** The part of a run that is one message of its page. */
import { type Interrupt, ResumeRules, Run, Runs } from "@runlease/core"
import type { Ports } from "@runlease/http/face/Caller"
import type { PortError } from "@runlease/http/face/ErrorBody"
import type * as Face from "@runlease/http/face/Face"
import * as Thread from "@runlease/http/face/Thread"
import { Chunk, Context, Effect, Stream } from "effect"
import type { Answered } from "./Questions.js"

/** The position of a run: after event `passed` it has continued with the last answers that it got. */
export interface Standing {
  readonly passed: Run.EventId
  /** What it was answered, in the order of the log. */
  readonly answered: ReadonlyArray<Answered & { readonly at: Run.EventId }>
}

/** Before the first event of a log. */
export const start = Run.EventId.make(0)

/** The position of a run now. A run that was never answered costs no read of its log. */
export const standing = Effect.fnUntraced(function* (
  ports: Ports,
  { runId, waiting }: Run.Run,
): Effect.fn.Return<Standing, PortError, Face.Requirements> {
  const { resume = [] } = yield* Context.get(ports, Runs.Runs).snapshot(runId)
  if (resume.length === 0) return { passed: start, answered: [] } satisfies Standing
  const all = Chunk.toReadonlyArray(yield* Stream.runCollect(Thread.questions(ports, runId)))
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
