/**
 * The state that an agent and its client share, over the parts of a run: what a part left behind is the next part's, unless
 * the client has changed its own since.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/events/state
 */
import {
  type AgentEvent,
  ControlEvents,
  type Executor,
  Json,
  PastAttempts,
  type Run,
  type RunLog,
} from "@runlease/core"
import { Effect, Predicate, Schema, Stream } from "effect"
import { applyPatch, type Operation } from "rfc6902"
import { readingLog } from "./Failure.js"

type Event = AgentEvent.LogEvent

/** `digest` is that of the client's state, and `since` the event of the log after which the agent changed it. */
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

/** The state after all operations, or as it was where one of them cannot be applied. */
const patched = (state: unknown, operations: unknown): unknown => {
  if (!Array.isArray(operations)) return state
  // The whole state may be replaced too, so it is a field of something.
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

/** What the parts that waited made of the client's state. What an attempt did that died is void. */
const leftBehind = (
  run: Run.ClaimedRun,
  initial: unknown,
  since: number,
): Effect.Effect<unknown, Executor.ExecutorError, RunLog.RunLog> =>
  PastAttempts.entries(run).pipe(
    Stream.filter(({ eventId }) => eventId > since),
    Stream.runFold({ kept: initial, state: initial }, (found, { event, sequence }) => {
      if (isInterrupt(event)) return { ...found, kept: found.state }
      if (event.type === "STATE_SNAPSHOT") return { ...found, state: event["snapshot"] }
      if (event.type === "STATE_DELTA") return { ...found, state: patched(found.state, event["delta"]) }
      return sequence === null && event["name"] === ControlEvents.attemptEventName
        ? { ...found, state: found.kept }
        : found
    }),
    Effect.map(({ kept }) => kept),
    readingLog,
  )

/** The state that the agent is sent. `basis`: of the part that it goes on from. */
export const make = Effect.fnUntraced(function* (
  run: Run.ClaimedRun,
  basis: { readonly continued: boolean; readonly of: Basis | undefined },
) {
  const own = run.snapshot.state ?? {}
  const digest = yield* digestOf(own)
  if (!basis.continued) return { value: own, basis: { digest, since: 0 } } satisfies SharedState
  const { of = { digest, since: 0 } } = basis
  return of.digest === digest
    ? { value: yield* leftBehind(run, own, of.since), basis: of }
    : { value: own, basis: { digest, since: run.latestEventId } }
})
