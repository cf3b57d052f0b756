/**
 * What an agent asks a person.
 *
 * A question lives in a process that does not outlast the wait for its answer. So an answer is for what is asked and not for the
 * request: the key of a question is the same in whatever process asks it, under whatever id. An interrupt's id is the key and a
 * count, since the same may be asked again.
 *
 * Source: docs/decisions/0016-acp-permissions.md
 */
import { Executor, Interrupt, Json } from "@runlease/core"
import { Deferred, Duration, Effect, Option, type Scope } from "effect"
import { createHash } from "node:crypto"
import * as Truncation from "./Truncation.js"

export interface Options {
  /** The answers that the run was given. */
  readonly answers: ReadonlyArray<Interrupt.Answer>
  /** The ids of those that an earlier attempt has told the agent. */
  readonly told: ReadonlyArray<string>
  /** Keeps for later attempts which answers have been told; done before the agent hears one. */
  readonly keepTold: (ids: ReadonlyArray<string>) => Effect.Effect<void, Executor.ExecutorError>
  readonly expiresAfter?: Duration.DurationInput | undefined
}

export interface Question<A> {
  readonly key: string
  /** The interrupt, whose parts of any size take at most `maxBytes`. `last`: the latest answer, which is no reply. */
  readonly interrupt: (
    id: string,
    maxBytes: number,
    last: Interrupt.Answer | undefined,
  ) => Interrupt.Interrupt
  /** The reply that an answer means. None: the question is asked again. */
  readonly reply: (answer: Interrupt.Answer) => Option.Option<A>
  /** Whether a reply is given as often as the agent asks. */
  readonly isLasting: (reply: A) => boolean
  /** The reply once the turn is cancelled. */
  readonly cancelled: A
}

export interface Questions {
  readonly ask: <A>(question: Question<A>) => Effect.Effect<A>
  /** Fails when the run has to wait for answers. */
  readonly asked: Effect.Effect<never, Executor.ExecutorFailure>
  /** Whether the turn is cancelled. */
  readonly isCancelled: () => boolean
  /**
   * Answers all questions that come from now on as cancelled. Those that are open get the same answer once `notify`
   * has told the agent of the cancellation. It has no effect the second time.
   */
  readonly cancel: (notify: Effect.Effect<void>) => Effect.Effect<void>
}

/** How long further questions may come that are asked along with the first. */
const window = "250 millis"

/** The key of a question that is told from others by `what`. */
export const keyOf = (what: unknown): string =>
  createHash("sha256").update(Json.canonicalJson(what)).digest("hex").slice(0, 32)

export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Questions, never, Scope.Scope> {
  const told = new Set(options.told)
  const asked = yield* Deferred.make<never, Executor.ExecutorFailure>()
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
      : Deferred.fail(asked, Executor.awaitAnswers([first, ...others], options.expiresAfter))
  })

  const answered = Effect.fnUntraced(function* <A>({ isLasting, key, reply, ...question }: Question<A>) {
    const given = options.answers.filter(({ interruptId }) => interruptId.startsWith(`${key}.`))
    const [found] = given.flatMap((answer) =>
      told.has(answer.interruptId)
        ? []
        : Option.toArray(Option.map(reply(answer), (says) => ({ answer, says }))),
    )
    if (found !== undefined) {
      if (!isLasting(found.says)) {
        told.add(found.answer.interruptId)
        yield* options.keepTold(Array.from(told))
      }
      return cancelled ? question.cancelled : found.says
    }
    const alike = Array.from(open.keys()).filter((id) => id.startsWith(`${key}.`)).length
    const id = `${key}.${given.length + alike}`
    const last = given.at(-1)
    if (open.size === 0) yield* Effect.forkIn(Effect.delay(suspend, window), scope)
    open.set(id, (maxBytes) =>
      question.interrupt(id, maxBytes, last === undefined || told.has(last.interruptId) ? undefined : last),
    )
    // A question that the agent withdraws is not asked.
    yield* Effect.onInterrupt(Deferred.await(over), () => Effect.sync(() => open.delete(id)))
    return question.cancelled
  })

  return {
    ask: (question) => {
      const ended = Effect.as(Deferred.await(over), question.cancelled)
      return cancelled
        ? Effect.succeed(question.cancelled)
        : answered(question).pipe(
            Effect.catchAll((error) => Effect.zipRight(Deferred.fail(asked, error), ended)),
            Effect.raceFirst(ended),
          )
    },
    asked: Deferred.await(asked),
    isCancelled: () => cancelled,
    cancel: (notify) =>
      Effect.suspend(() => {
        if (cancelled) return Effect.void
        cancelled = true
        return Effect.zipRight(notify, Deferred.succeed(over, undefined))
      }),
  }
})
