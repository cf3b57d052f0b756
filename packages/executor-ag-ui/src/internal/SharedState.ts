/**
 * The state that an agent and its client share. The next part of a run gets the state that the last part left, unless the
 * client has changed its own state since.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/state
 */
import { type AgentEvent, ControlEvents, type Executor, Json, type Run, type RunLog } from "@runlease/core"
import { PastAttempts, RecordedTurns } from "@runlease/core/executor"
import { Effect, Predicate, Schema, Stream } from "effect"
import { applyPatch, type Operation } from "rfc6902"
import { readingLog } from "./Failure.js"

type Event = AgentEvent.LogEvent

/** `digest`: of the client's state. `since`: the id of the log's event after which the agent's changes begin. */
export const Basis = Schema.Struct({ digest: Schema.String, since: Schema.NonNegativeInt })
export type Basis = typeof Basis.Type

export interface SharedState {
  readonly value: unknown
  readonly basis: Basis
}

const digestOf = (state: unknown): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() =>
      globalThis.crypto.subtle.digest("SHA-256", new TextEncoder().encode(Json.canonicalJson(state ?? {}))),
    ),
    (digest) => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  )

/** The state after all operations. Unchanged if one of them cannot be applied. */
const applyOperations = (state: unknown, operations: unknown): unknown => {
  if (!Array.isArray(operations)) return state
  // An operation may replace the whole state, so the state is a field of a document.
  const document = { state: structuredClone(state) }
  const within = (operation: Operation): Operation => ({
    ...operation,
    path: `/state${operation.path}`,
    ...("from" in operation ? { from: `/state${operation.from}` } : {}),
  })
  const problems = applyPatch(document, (operations as ReadonlyArray<Operation>).map(within))
  return problems.every((problem) => problem === null) ? document.state : state
}

const isInterrupt = ({ outcome, type }: Event): boolean =>
  type === "RUN_FINISHED" && Predicate.isRecord(outcome) && outcome["type"] === "interrupt"

/** The state that the turns left that waited or are recorded. Other changes of attempts that died are void. */
const readState = (
  run: Run.ClaimedRun,
  initial: unknown,
  since: number,
): Effect.Effect<unknown, Executor.ExecutorError, RunLog.RunLog> =>
  PastAttempts.entries(run).pipe(
    Stream.filter(({ eventId }) => eventId > since),
    Stream.runFold({ settled: initial, state: initial }, (found, { event, sequence }) => {
      if (isInterrupt(event) || RecordedTurns.isRecord(event)) return { ...found, settled: found.state }
      if (event.type === "STATE_SNAPSHOT") return { ...found, state: event["snapshot"] }
      if (event.type === "STATE_DELTA")
        return { ...found, state: applyOperations(found.state, event["delta"]) }
      return sequence === null && ControlEvents.endsAttempt(event)
        ? { ...found, state: found.settled }
        : found
    }),
    Effect.map(({ settled }) => settled),
    readingLog,
  )

/** The state for the next request. `basis`: of the part that the request continues. */
export const make = Effect.fnUntraced(function* (
  run: Run.ClaimedRun,
  basis: { readonly continued: boolean; readonly of: Basis | undefined },
) {
  const own = run.snapshot.state ?? {}
  const digest = yield* digestOf(own)
  if (!basis.continued) return { value: own, basis: { digest, since: 0 } } satisfies SharedState
  const { of = { digest, since: 0 } } = basis
  return of.digest === digest
    ? { value: yield* readState(run, own, of.since), basis: of }
    : { value: own, basis: { digest, since: run.latestEventId } }
})
