/**
 * Secret parts of answers: sealed before the commit that accepts the answer, and opened for the worker that claims the run.
 *
 * A commit knows the question, and cannot wait for a cipher. So it refuses an answer with secrets as `Unsealed`, and the port sends it again with
 * its secrets sealed. Other answers pay nothing.
 *
 * Source: docs/decisions/0148-secrets-in-answers.md
 */
import type { Answer, Interrupt } from "@runlease/core/Interrupt"
import { canonicalJson } from "@runlease/core/Json"
import * as ResumeRules from "@runlease/core/ResumeRules"
import type { ClaimedRun, Run } from "@runlease/core/Run"
import { AnswerRefused } from "@runlease/core/Runs"
import * as SealedParts from "@runlease/core/SealedParts"
import type { Secrets } from "@runlease/core/Secrets"
import { Data, Effect, Redacted } from "effect"

/** The answers have secrets. `open`: the questions without an answer. `before`: the answers that the run has. */
export class Unsealed extends Data.TaggedError("Unsealed")<{
  readonly runId: string
  readonly open: ReadonlyArray<Interrupt>
  readonly before: ReadonlyArray<Answer>
}> {}

const isUnsealed = (error: unknown): error is Unsealed => error instanceof Unsealed

const isSealed = ({ payload }: Answer): boolean => SealedParts.sealedIn(payload).length > 0

/** The answer that the run has to the same question, if it has sealed parts. */
const sealedBefore = (before: ReadonlyArray<Answer>, { interruptId }: Answer): Answer | undefined => {
  const first = before.findLast((answer) => answer.interruptId === interruptId)
  return first !== undefined && isSealed(first) ? first : undefined
}

/** What sealing these answers needs of the run; undefined where none has a secret. */
export const unsealed = (
  run: Pick<Run, "runId" | "waiting">,
  { snapshot: { resume: before = [] } }: Pick<ResumeRules.ResumeRecord, "snapshot">,
  answers: ReadonlyArray<Answer>,
): Unsealed | undefined => {
  const open = ResumeRules.openOf(run)
  const some = answers.some((answer) => {
    const interrupt = ResumeRules.named(open, answer.interruptId)
    return interrupt === undefined
      ? sealedBefore(before, answer) !== undefined
      : SealedParts.secretsIn(interrupt.responseSchema, answer.payload).length > 0
  })
  return some ? new Unsealed({ runId: run.runId, open, before }) : undefined
}

export interface SealedAnswers {
  /** Sends answers, and where the commit refuses them as `Unsealed` once more, `sealed`. Fails where the store has no key. */
  readonly sealing: <const A extends ReadonlyArray<Answer>, B, E>(
    answers: A,
    send: (answers: A, sealed: boolean) => Effect.Effect<B, E | Unsealed>,
  ) => Effect.Effect<B, E | AnswerRefused>
  /** The run with its answers opened. A part that does not open is null, so its question comes again. */
  readonly open: (run: ClaimedRun) => Effect.Effect<ClaimedRun>
}

/** A sealed part opens in its own place alone: in that part of that answer to that run. */
const placeOf = (runId: string, interruptId: string, path: ReadonlyArray<string>): string =>
  JSON.stringify(["answer", runId, interruptId, ...path])

export const make = (secrets: Secrets["Type"]): SealedAnswers => {
  const opened = (runId: string, { interruptId, payload }: Answer): Effect.Effect<unknown> =>
    Effect.map(
      Effect.forEach(SealedParts.sealedIn(payload), ({ path, value }) =>
        secrets.open(String(value).slice(SealedParts.prefix.length), placeOf(runId, interruptId, path)).pipe(
          Effect.map((secret): unknown => JSON.parse(Redacted.value(secret))),
          Effect.catchAll(({ message }) =>
            Effect.as(
              Effect.logWarning(
                `A secret of the answer to ${interruptId} of run ${runId} does not open: ${message}`,
              ),
              null,
            ),
          ),
          Effect.map((value) => ({ path, value })),
        ),
      ),
      (parts) => SealedParts.replaced(payload, parts),
    )

  const sealOne = Effect.fnUntraced(function* (answer: Answer, { before, open, runId }: Unsealed) {
    const interrupt = ResumeRules.named(open, answer.interruptId)
    if (interrupt === undefined) {
      // The same answer again is a duplicate, although its secrets would be sealed differently.
      const first = sealedBefore(before, answer)
      if (first === undefined) return answer
      const isSame = canonicalJson(yield* opened(runId, first)) === canonicalJson(answer.payload)
      return isSame ? { ...answer, payload: first.payload } : answer
    }
    const refused =
      (path: ReadonlyArray<string>) =>
      ({ message }: { readonly message: string }) =>
        new AnswerRefused({
          runId,
          interruptId: interrupt.id,
          field: ["payload", ...path].join("."),
          message,
        })
    const parts = yield* Effect.forEach(
      SealedParts.secretsIn(interrupt.responseSchema, answer.payload),
      ({ path, value }) =>
        secrets.seal(Redacted.make(JSON.stringify(value)), placeOf(runId, interrupt.id, path)).pipe(
          Effect.map((text) => ({ path, value: SealedParts.prefix + text })),
          Effect.mapError(refused(path)),
        ),
    )
    return { ...answer, payload: SealedParts.replaced(answer.payload, parts) }
  })

  return {
    sealing: (answers, send) =>
      send(answers, false).pipe(
        Effect.catchIf(isUnsealed, (unsealed) =>
          Effect.forEach(answers, (answer) => sealOne(answer, unsealed)).pipe(
            Effect.flatMap((own) => send(own as unknown as typeof answers, true)),
            // What is sealed is not refused so again.
            Effect.catchIf(isUnsealed, Effect.die),
          ),
        ),
      ),

    open: Effect.fnUntraced(function* (run) {
      if (run.snapshot.resume?.some(isSealed) !== true) return run
      const resume = yield* Effect.forEach(run.snapshot.resume, (answer) =>
        isSealed(answer)
          ? Effect.map(opened(run.runId, answer), (payload) => ({ ...answer, payload }))
          : Effect.succeed(answer),
      )
      return { ...run, snapshot: { ...run.snapshot, resume } }
    }),
  }
}
