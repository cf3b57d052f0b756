/**
 * The questions of an agent to a person.
 *
 * The agent's process ends before the answer arrives, and a new process asks again. So an answer belongs to the content of a
 * question and not to a request. The key of a question depends on its content only. The id of its interrupt is the key with
 * a count, since an agent may repeat a question.
 *
 * Source: docs/decisions/0016-acp-permissions.md
 */
import { Executor, Interrupt, Json } from "@runlease/core"
import { Deferred, Duration, Effect, Option, type Scope } from "effect"
import { createHash } from "node:crypto"
import * as Truncation from "./Truncation.js"

export interface Options {
  /** The answers in the run's request. */
  readonly answers: ReadonlyArray<Interrupt.Answer>
  /** The ids of the answers that the agent has received in an earlier attempt. */
  readonly delivered: ReadonlyArray<string>
  /** Records the ids of received answers for later attempts. It runs before the agent receives an answer. */
  readonly recordDelivered: (ids: ReadonlyArray<string>) => Effect.Effect<void, Executor.ExecutorError>
  readonly expiresAfter?: Duration.DurationInput | undefined
}

export interface Question<A> {
  readonly key: string
  /** The interrupt. Its variable parts take at most `maxBytes`. `last`: the latest answer, if it is no valid reply. */
  readonly interrupt: (
    id: string,
    maxBytes: number,
    last: Interrupt.Answer | undefined,
  ) => Interrupt.Interrupt
  /** The reply in an answer. None if the answer is not valid, so that the question is repeated. */
  readonly reply: (answer: Interrupt.Answer) => Option.Option<A>
  /** Whether a reply also answers later questions with the same key. */
  readonly isLasting: (reply: A) => boolean
  /** The reply once the turn is cancelled. */
  readonly cancelled: A
}

export interface Questions {
  readonly ask: <A>(question: Question<A>) => Effect.Effect<A>
  /** Fails with `AwaitAnswers` when the run must wait for answers. */
  readonly suspension: Effect.Effect<never, Executor.ExecutorFailure>
  /** Whether the turn is cancelled. */
  readonly isCancelled: () => boolean
  /**
   * Replies `cancelled` to all later questions, and to the open ones once `notify` has cancelled the agent's turn. A second
   * call has no effect.
   */
  readonly cancel: (notify: Effect.Effect<void>) => Effect.Effect<void>
}

/** How long the run waits for further questions after the first. */
const window = "250 millis"

export const keyOf = (content: unknown): string =>
  createHash("sha256").update(Json.canonicalJson(content)).digest("hex").slice(0, 32)

export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Questions, never, Scope.Scope> {
  const delivered = new Set(options.delivered)
  const suspension = yield* Deferred.make<never, Executor.ExecutorFailure>()
  const over = yield* Deferred.make<void>()
  const open = new Map<string, (maxBytes: number) => Interrupt.Interrupt>()
  let cancelled = false
  const scope = yield* Effect.scope

  const suspend = Effect.suspend(() => {
    const maxBytes = Math.floor(Truncation.maxBytes / open.size)
    const [first, ...others] = Array.from(open.values())
      .slice(0, Interrupt.maxInterrupts)
      .map((interrupt) => interrupt(maxBytes))
    return first === undefined
      ? Effect.void
      : Deferred.fail(suspension, Executor.awaitAnswers([first, ...others], options.expiresAfter))
  })

  const answered = Effect.fnUntraced(function* <A>({ isLasting, key, reply, ...question }: Question<A>) {
    const answers = options.answers.filter(({ interruptId }) => interruptId.startsWith(`${key}.`))
    const [found] = answers.flatMap((answer) =>
      delivered.has(answer.interruptId)
        ? []
        : Option.toArray(Option.map(reply(answer), (value) => ({ answer, value }))),
    )
    if (found !== undefined) {
      if (!isLasting(found.value)) {
        delivered.add(found.answer.interruptId)
        yield* options.recordDelivered(Array.from(delivered))
      }
      return cancelled ? question.cancelled : found.value
    }
    const alike = Array.from(open.keys()).filter((id) => id.startsWith(`${key}.`)).length
    const id = `${key}.${answers.length + alike}`
    const last = answers.at(-1)
    if (open.size === 0) yield* Effect.forkIn(Effect.delay(suspend, window), scope)
    open.set(id, (maxBytes) =>
      question.interrupt(
        id,
        maxBytes,
        last === undefined || delivered.has(last.interruptId) ? undefined : last,
      ),
    )
    // The run does not wait for a question that the agent withdraws.
    yield* Effect.onInterrupt(Deferred.await(over), () => Effect.sync(() => open.delete(id)))
    return question.cancelled
  })

  return {
    ask: (question) => {
      const ended = Effect.as(Deferred.await(over), question.cancelled)
      return cancelled
        ? Effect.succeed(question.cancelled)
        : answered(question).pipe(
            Effect.catchAll((error) => Effect.zipRight(Deferred.fail(suspension, error), ended)),
            Effect.raceFirst(ended),
          )
    },
    suspension: Deferred.await(suspension),
    isCancelled: () => cancelled,
    cancel: (notify) =>
      Effect.suspend(() => {
        if (cancelled) return Effect.void
        cancelled = true
        return Effect.zipRight(notify, Deferred.succeed(over, undefined))
      }),
  }
})
