/** Runs of an agent as their submitters see them: with the types of its payload, its value and its failures. */
import { Data, Effect, Either, Stream } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import { type EventId, isTerminal, type RunNotFound } from "../model/Run.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { RunLog } from "../ports/RunLog.js"
import { InvalidSubmission, Runs, type SubmissionInput } from "../ports/Runs.js"
import type { RunId } from "../model/Ids.js"
import type { RequestSnapshot } from "../model/RequestSnapshot.js"
import * as AgentOutcome from "./AgentOutcome.js"
import type { AgentSchemas, Definition } from "./AgentSchemas.js"
import type { ResultUnreadable, RunFailed } from "./RunFailed.js"
import { untilSettled } from "./SettledRun.js"

/**
 * What a submission may have besides the payload. `snapshot`: messages, tools and context for the agent. The payload is added to them; one
 * that is text is the last message.
 */
export type SubmitOptions = Omit<SubmissionInput, "agentId">

/** What follows a run: its events in the order of the log, and its value at the end. */
export type Followed<A> = Data.TaggedEnum<{
  Event: { readonly eventId: EventId; readonly event: LogEvent }
  Value: { readonly value: A }
}>

/** Why a submission of a typed agent, or a wait for its end, fails, other than by what the agent declares. */
export type SubmitError = Effect.Effect.Error<ReturnType<Runs["Type"]["submit"]>>
export type AwaitError = RunFailed | ResultUnreadable | RunNotFound | ControlPlaneError

/** An agent without its methods, whose errors are wider than those that it declares: what the types of an agent are inferred from. */
export interface Parts<P, A, E> {
  readonly definition: Definition<P, A, E>
  readonly schemas: AgentSchemas<P, A, E>
}

/** What the payload adds to a snapshot: an input, or a message. */
const ofPayload = (
  { input, messages }: RequestSnapshot,
  snapshot: RequestSnapshot,
): Partial<RequestSnapshot> => ({
  ...(input === undefined ? {} : { input }),
  messages: [
    ...snapshot.messages,
    ...messages.map((message) => ({ ...message, id: `message-${snapshot.messages.length + 1}` })),
  ],
})

/** The request of a run of the agent. */
export const submission = <P, A, E>(
  { definition, schemas }: Parts<P, A, E>,
  payload: P,
  { snapshot, ...options }: SubmitOptions,
): Either.Either<SubmissionInput, InvalidSubmission> =>
  Either.mapBoth(schemas.toSnapshot(payload), {
    onLeft: (message) => new InvalidSubmission({ field: "input", message }),
    onRight: (request) => ({
      ...options,
      agentId: definition.name,
      snapshot:
        snapshot === undefined ? request : { ...request, ...snapshot, ...ofPayload(request, snapshot) },
    }),
  })

export const submit = <P, A, E>(parts: Parts<P, A, E>, payload: P, options: SubmitOptions) =>
  Effect.flatMap(Runs, (runs) => Effect.flatMap(submission(parts, payload, options), runs.submit))

const entries = (runId: RunId) => Stream.unwrap(Effect.map(RunLog, (log) => log.follow({ runId })))

/** The value of a run that has ended. */
const valueOf = <P, A, E>(
  parts: Parts<P, A, E>,
  runId: RunId,
): Effect.Effect<A, E | AwaitError, Runs | RunLog> =>
  Effect.flatMap(Runs, (runs) =>
    Effect.flatMap(runs.get(runId), (run) => Effect.flatten(AgentOutcome.of(parts, run))),
  )

export const awaitEnd = <P, A, E>(
  parts: Parts<P, A, E>,
  runId: RunId,
): Effect.Effect<A, E | AwaitError, Runs | RunLog> =>
  Effect.gen(function* () {
    const ports = yield* Effect.context<Runs | RunLog>()
    const run = yield* untilSettled(ports, yield* (yield* Runs).get(runId), {
      until: ({ status }) => isTerminal(status),
    })
    return yield* Effect.flatten(AgentOutcome.of(parts, run))
  })

export const follow = <P, A, E>(
  parts: Parts<P, A, E>,
  runId: RunId,
): Stream.Stream<Followed<A>, E | AwaitError, Runs | RunLog> =>
  Stream.concat(
    Stream.map(entries(runId), ({ event, eventId }): Followed<A> => ({ _tag: "Event", eventId, event })),
    Stream.map(valueOf(parts, runId), (value): Followed<A> => ({ _tag: "Value", value })),
  )
