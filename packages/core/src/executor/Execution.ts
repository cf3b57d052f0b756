/** What an executor returns for a run: a Stream of events, or an Effect that emits them. */
import { Context, Effect, Mailbox, Option, Stream } from "effect"
import type * as AgentEvent from "../model/AgentEvent.js"
import { type ClaimedRun, EventId } from "../model/Run.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import * as AttemptInbox from "./AttemptInbox.js"
import * as AttemptSteps from "./AttemptSteps.js"
import { Emit } from "./Emit.js"
import type { ExecutorFailure } from "./ExecutorError.js"
import { eventsOf, makeEvents, type Output } from "./ExecutorOutput.js"
import { type AttemptSteps as Steps, StepLog } from "./StepLog.js"

// The steps of an execution that no worker runs.

/** The steps of an execution that has no log: nothing was recorded before, nothing waits for its records, and it sleeps in memory. */
export const make = ({
  runId,
  snapshot,
}: Pick<ClaimedRun, "runId" | "snapshot">): Effect.Effect<Context.Tag.Service<StepLog>> =>
  Effect.map(Effect.clock, (clock) => {
    const steps: Steps = {
      ...AttemptSteps.make({
        runId,
        lease: undefined,
        answers: snapshot.resume ?? [],
        recorded: Effect.succeed({ steps: new Map(), messages: [] }),
        inbox: AttemptInbox.make(0),
        messagesAfter: (after = EventId.make(0)) => Effect.succeed({ messages: [], latest: after }),
        parking: {
          enter: () => () => {},
          inFlight: (_step, effect) => effect,
          park: (_within, _wait, effect) => effect,
        },
        storeTime: () => clock.unsafeCurrentTimeMillis(),
      }),
      committed: () => Effect.void,
    }
    return { steps: () => steps }
  })

/**
 * A Stream of text and events, or an Effect. Text is that of the assistant's message.
 *
 * The events of an Effect are what it emits (see `Emit`) and then its output: text, events, or nothing. Its success ends
 * the run as the end of a Stream does, its failure as the failure of a Stream. No Stream is pulled for it, so a run that
 * emits little costs the least.
 */
export type Execution<R = never> =
  | Stream.Stream<string | AgentEvent.LogEvent, ExecutorFailure, R>
  | Effect.Effect<Output, ExecutorFailure, R | Emit | StepLog>

/** The services that come with each run: the ports of its project, where its output goes, and its steps. */
export type RunContext = ProjectPorts | Emit | StepLog

/** An executor that still needs services, besides the ports that come with the run. */
export interface ExecuteWith<out R> {
  (run: ClaimedRun): Execution<R>
}

/** Changes the failure of an execution. */
export const mapError = <R>(
  execution: Execution<R>,
  f: (failure: ExecutorFailure) => ExecutorFailure,
): Execution<R> =>
  Effect.isEffect(execution) ? Effect.mapError(execution, f) : Stream.mapError(execution, f)

/**
 * Adds the services of an executor's layer to the context of a run. They must be all that the execution needs besides the
 * services that come with the run.
 */
export const provide = <R>(
  execution: Execution<R>,
  services: Context.Context<never>,
): Execution<ProjectPorts> => {
  const withServices = <OfRun>(ofRun: Context.Context<OfRun>) =>
    Context.merge(ofRun, services) as Context.Context<R | OfRun>
  return Effect.isEffect(execution)
    ? Effect.mapInputContext(execution, withServices<RunContext>)
    : Stream.mapInputContext(execution, withServices<ProjectPorts>)
}

/** How much emitted output may wait for a Stream to be pulled. */
const capacity = 16

/** The events of an execution as a Stream. An Effect runs in a separate fiber for as long as the Stream is pulled. */
export const toStream = <R>(
  run: ClaimedRun,
  execution: Execution<R>,
): Stream.Stream<AgentEvent.LogEvent, ExecutorFailure, R> =>
  Effect.isEffect(execution)
    ? Stream.unwrapScoped(
        Effect.gen(function* () {
          const mailbox = yield* Mailbox.make<AgentEvent.LogEvent, ExecutorFailure>(capacity)
          const events = makeEvents(run)
          const steps = yield* Effect.flatMap(
            Effect.serviceOption(StepLog),
            Option.match({ onNone: () => make(run), onSome: Effect.succeed }),
          )
          yield* execution.pipe(
            Effect.provideService(StepLog, steps),
            Effect.provideService(Emit, {
              emit: (output, observe) =>
                Effect.suspend(() => {
                  const made = events.next(output)
                  observe?.(made)
                  return Effect.asVoid(mailbox.offerAll(made))
                }),
            }),
            Effect.flatMap((output) => mailbox.offerAll(events.last(output))),
            Mailbox.into(mailbox),
            Effect.forkScoped,
          )
          return Mailbox.toStream(mailbox)
        }),
      )
    : eventsOf(run, execution)
