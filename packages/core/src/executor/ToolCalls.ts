/**
 * Decides which tool calls may be executed again after an attempt died in the middle of them.
 *
 * A model may give the same call another id in the next attempt. So calls of two attempts are the same when they have the
 * same tool, the same arguments in any order of keys, and the same ordinal among such calls of the run.
 */
import { Data, Effect, Option, Predicate, Schema, Stream } from "effect"
import { type LogEvent, toolBegunEventName } from "../model/AgentEvent.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { sha256 } from "../model/Digest.js"
import { canonicalJson } from "../model/Json.js"
import type { LoggedCall, LoggedResult, PastAttempt } from "./PastAttempts.js"
import * as PastAttempts from "./PastAttempts.js"
import type { ClaimedRun, RunNotFound } from "../model/Run.js"
import { RunLog } from "../ports/RunLog.js"

/**
 * The side effect of a call. `pure`: none, so the call may be executed any number of times. `idempotent`: the same for the
 * same key, however often the call is executed. `atMostOnce`: one that must not happen twice.
 */
export const SideEffect = Schema.Literal("pure", "idempotent", "atMostOnce")
export type SideEffect = typeof SideEffect.Type

/** The name of the CUSTOM event for a call of which it is uncertain whether it was executed. */
export const uncertainEventName = "runlease.tool_uncertain"

/**
 * The name of the CUSTOM event before a call of an earlier part of the run is executed, such as one that had to be approved.
 * Its value has the `toolCallId`.
 */
export const begunEventName = toolBegunEventName

/** A call as an agent requests it. `args` is JSON text. */
export interface CallRequest {
  readonly toolName: string
  readonly args: string
}

/** A call that a dead attempt began. `ordinal` numbers the same calls of the run, from 1. */
export interface BegunCall extends LoggedCall {
  readonly ordinal: number
}

const parsed = Schema.decodeUnknownOption(Schema.parseJson())

/** A text that is equal for calls with the same tool and arguments. */
export const signatureOf = ({ args, toolName }: CallRequest): string => {
  const parsedArgs = args.trim() === "" ? Option.some<unknown>({}) : parsed(args)
  return `${toolName} ${Option.match(parsedArgs, { onNone: () => args, onSome: canonicalJson })}`
}

const makeCounter = (counts: ReadonlyMap<string, number> = new Map()) => {
  const current = new Map(counts)
  return {
    count: (call: CallRequest): number => current.get(signatureOf(call)) ?? 0,
    next: (call: CallRequest): number => {
      const signature = signatureOf(call)
      const ordinal = (current.get(signature) ?? 0) + 1
      current.set(signature, ordinal)
      return ordinal
    },
    copy: () => makeCounter(current),
  }
}

const keyOfCall = (call: CallRequest, ordinal: number): string => `${ordinal} ${signatureOf(call)}`

/**
 * Keeps one call of those that several dead attempts began: one with a result, or else one that ended. Calls that are part of the
 * conversation are settled, and only count for the ordinals.
 */
const fold = (attempts: ReadonlyArray<PastAttempt>) => {
  const begun = new Map<string, BegunCall>()
  let settled = makeCounter()
  for (const attempt of attempts) {
    const counter = settled.copy()
    // A settled call uses up its ordinal, so the same call of a dead attempt no longer counts as begun.
    const next = settled.copy()
    for (const call of attempt.calls) {
      const ordinal = counter.next(call)
      if (call.valid) {
        next.next(call)
        continue
      }
      const key = keyOfCall(call, ordinal)
      const before = begun.get(key)
      const isBetter =
        before === undefined ||
        (Option.isNone(before.result) && (Option.isSome(call.result) || (call.ended && !before.ended)))
      if (isBetter) begun.set(key, { ...call, ordinal })
    }
    settled = next
  }
  return { begun, settled }
}

/** The calls that dead attempts of this run began and that no attempt has settled since. */
export const begunBefore = (
  run: ClaimedRun,
): Effect.Effect<ReadonlyArray<BegunCall>, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.map(PastAttempts.read(run), (attempts) => {
    const { begun, settled } = fold(attempts)
    return Array.from(begun.values()).filter((call) => call.ordinal > settled.count(call))
  })

/** The key of a call, the same in each attempt of the run and for no other call: 64 hex digits. */
export const keyOf = (
  run: Pick<ClaimedRun, "runId">,
  call: CallRequest & { readonly ordinal: number },
): Effect.Effect<string> => Effect.sync(() => sha256(`${run.runId} ${keyOfCall(call, call.ordinal)}`))

/**
 * The decision on a call. `Execute`: execute it. `Reuse`: use the result that a dead attempt recorded. `Uncertain`: a dead
 * attempt began `call` and left no result, so it may have been executed and must not be executed again.
 */
export type Verdict = Data.TaggedEnum<{
  Execute: {}
  Reuse: { readonly result: LoggedResult }
  Uncertain: { readonly call: BegunCall }
}>
export const Verdict = Data.taggedEnum<Verdict>()

/** A call of this attempt, with its ordinal and the decision on it. */
export interface TakenCall {
  readonly ordinal: number
  readonly verdict: (sideEffect: SideEffect) => Verdict
}

/** The calls of an attempt, which are matched in the order in which its agent requests them. */
export interface Calls {
  readonly take: (call: CallRequest) => TakenCall
}

/** Numbers the calls of an attempt after those of the attempts before it. */
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
 * Waits until the log has the end of the call's arguments, or the event that the call begins. An `atMostOnce` call may only
 * be executed after that, since every later attempt then finds that it began.
 *
 * Never ends when the run ends first, since its executor is interrupted then.
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
