/**
 * Tool calls and their side effects: what may be done again when an attempt died in the middle of them.
 *
 * A model may give the same call another id in the next attempt, so calls of two attempts are the same when they have the
 * same tool, the same arguments whatever the order of their keys, and the same ordinal among such calls of the run.
 *
 * @since 0.1.0
 */
import { Data, Effect, Option, Predicate, Schema, Stream } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { canonicalJson } from "../model/Json.js"
import type { LoggedCall, LoggedResult, PastAttempt } from "./PastAttempts.js"
import * as PastAttempts from "./PastAttempts.js"
import type { ClaimedRun, RunNotFound } from "../model/Run.js"
import { RunLog } from "../ports/RunLog.js"

/**
 * What a call does to the world. `pure`: nothing, so it may be made any number of times. `idempotent`: the same with the
 * same key, however often it is made. `atMostOnce`: something that must not be done twice.
 *
 * @since 0.1.0
 * @category models
 */
export const SideEffect = Schema.Literal("pure", "idempotent", "atMostOnce")
export type SideEffect = typeof SideEffect.Type

/** The name of the CUSTOM event that says of which call nobody knows whether it was made. */
export const uncertainEventName = "runlease.tool_uncertain"

/**
 * The name of the CUSTOM event that says that a call of an earlier part of the run is about to be made, such as one that had
 * to be approved: its value holds the `toolCallId`.
 */
export const begunEventName = "runlease.tool_begun"

/** A call as an agent asks for it; `args` is JSON text. */
export interface AskedCall {
  readonly toolName: string
  readonly args: string
}

/** A call that dead attempts had begun. `ordinal` counts, from 1, the same calls of the run. */
export interface BegunCall extends LoggedCall {
  readonly ordinal: number
}

const parsed = Schema.decodeUnknownOption(Schema.parseJson())

/** What is the same for calls that ask for the same. */
const signatureOf = ({ args, toolName }: AskedCall): string => {
  const given = args.trim() === "" ? Option.some<unknown>({}) : parsed(args)
  return `${toolName} ${Option.match(given, { onNone: () => args, onSome: canonicalJson })}`
}

const makeCounter = (counts: ReadonlyMap<string, number> = new Map()) => {
  const current = new Map(counts)
  return {
    count: (call: AskedCall): number => current.get(signatureOf(call)) ?? 0,
    next: (call: AskedCall): number => {
      const signature = signatureOf(call)
      const ordinal = (current.get(signature) ?? 0) + 1
      current.set(signature, ordinal)
      return ordinal
    },
    copy: () => makeCounter(current),
  }
}

const keyOfCall = (call: AskedCall, ordinal: number): string => `${ordinal} ${signatureOf(call)}`

/**
 * Of the same call in several dead attempts the one that tells most: with a result, or else ended. Calls of attempts that
 * waited for answers are settled, and only count.
 */
const fold = (attempts: ReadonlyArray<PastAttempt>) => {
  const begun = new Map<string, BegunCall>()
  let settled = makeCounter()
  for (const attempt of attempts) {
    const counter = settled.copy()
    for (const call of attempt.calls) {
      const ordinal = counter.next(call)
      if (attempt.waited) continue
      const key = keyOfCall(call, ordinal)
      const before = begun.get(key)
      const tellsMore =
        before === undefined ||
        (Option.isNone(before.result) && (Option.isSome(call.result) || (call.ended && !before.ended)))
      if (tellsMore) begun.set(key, { ...call, ordinal })
    }
    // A settled call takes its ordinal, so that what a dead attempt had begun of it is not asked for again.
    if (attempt.waited) settled = counter
  }
  return { begun, settled }
}

/**
 * The calls that dead attempts of this run had begun, and that no attempt has settled since.
 *
 * @since 0.1.0
 * @category reading
 */
export const begunBefore = (
  run: ClaimedRun,
): Effect.Effect<ReadonlyArray<BegunCall>, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.map(PastAttempts.read(run), (attempts) => {
    const { begun, settled } = fold(attempts)
    return Array.from(begun.values()).filter((call) => call.ordinal > settled.count(call))
  })

/**
 * The key of a call, the same in each attempt of the run and for no other call: 64 hex digits.
 *
 * @since 0.1.0
 * @category keys
 */
export const keyOf = (
  run: Pick<ClaimedRun, "runId">,
  call: AskedCall & { readonly ordinal: number },
): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() =>
      globalThis.crypto.subtle.digest(
        "SHA-256",
        new TextEncoder().encode(`${run.runId} ${keyOfCall(call, call.ordinal)}`),
      ),
    ),
    (digest) => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  )

/**
 * What to do with a call. `Execute`: make it. `Reuse`: take the result that a dead attempt recorded. `Uncertain`: a dead
 * attempt had begun `call` and left no result, so it must not be made, and nobody knows whether it was.
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict = Data.TaggedEnum<{
  Execute: {}
  Reuse: { readonly result: LoggedResult }
  Uncertain: { readonly call: BegunCall }
}>
export const Verdict = Data.taggedEnum<Verdict>()

/** A call of this attempt: its ordinal, and what a dead attempt did of it. */
export interface Taken {
  readonly ordinal: number
  readonly verdict: (sideEffect: SideEffect) => Verdict
}

/** The calls of an attempt, in the order in which its agent asks for them. */
export interface Calls {
  readonly take: (call: AskedCall) => Taken
}

/**
 * Starts to count the calls of an attempt after what the attempts before it did.
 *
 * @since 0.1.0
 * @category constructors
 */
export const after = (attempts: ReadonlyArray<PastAttempt>): Calls => {
  const { begun, settled } = fold(attempts)
  const counter = settled.copy()
  return {
    take: (call) => {
      const ordinal = counter.next(call)
      const before = begun.get(keyOfCall(call, ordinal))
      return {
        ordinal,
        verdict: (sideEffect) => {
          if (before === undefined || sideEffect === "pure") return Verdict.Execute()
          if (Option.isSome(before.result)) return Verdict.Reuse({ result: before.result.value })
          return sideEffect === "atMostOnce" && before.ended
            ? Verdict.Uncertain({ call: before })
            : Verdict.Execute()
        },
      }
    },
  }
}

const begins = (event: LogEvent, toolCallId: string): boolean => {
  if (event.type === "TOOL_CALL_END") return event["toolCallId"] === toolCallId
  const { name, type, value } = event
  return (
    type === "CUSTOM" &&
    name === begunEventName &&
    Predicate.isRecord(value) &&
    value["toolCallId"] === toolCallId
  )
}

/**
 * Waits until the log holds the end of the call's arguments, or that it is about to be made. Only then may an `atMostOnce` call be made, since from then
 * on any later attempt finds that it was begun.
 *
 * It waits for ever for a run that ends meanwhile, whose executor is interrupted.
 *
 * @since 0.1.0
 * @category waiting
 */
export const committed = (
  run: ClaimedRun,
  toolCallId: string,
): Effect.Effect<void, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.flatMap(RunLog, (log) =>
    log.follow({ runId: run.runId, after: run.latestEventId }).pipe(
      Stream.filter(({ event }) => begins(event, toolCallId)),
      Stream.runHead,
      Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: () => Effect.void })),
    ),
  )
