/**
 * The value or the failure of a run that has ended, as its agent declares them.
 *
 * @since 0.1.0
 */
import { Effect, Either, Option } from "effect"
import type { RunId } from "../model/Ids.js"
import { EventId, type Run, type RunNotFound } from "../model/Run.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { maxReadLimit, RunLog } from "../ports/RunLog.js"
import type { AgentSchemas, Definition } from "./AgentSchemas.js"
import { ResultUnreadable, RunFailed } from "./RunFailed.js"

/**
 * What reads the outcome of a run of an agent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcomes<A, E> {
  readonly definition: Pick<Definition<never, A, E>, "name" | "success">
  readonly schemas: Pick<AgentSchemas<never, A, E>, "fromError" | "fromResult">
}

type Ended<A, E> = Effect.Effect<
  Either.Either<A, E | RunFailed | ResultUnreadable>,
  RunNotFound | ControlPlaneError,
  RunLog
>

/**
 * The text of the last message that the run wrote; empty where it wrote none.
 *
 * @since 0.1.0
 * @category reading
 */
export const lastText = (runId: RunId): Effect.Effect<string, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.flatMap(RunLog, (log) => {
    let text = ""
    const readFrom = (after: EventId): Effect.Effect<string, RunNotFound | ControlPlaneError> =>
      Effect.flatMap(
        log.read({
          runId,
          after,
          limit: maxReadLimit,
          types: ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"],
        }),
        (page) => {
          for (const { event } of page) {
            text = event.type === "TEXT_MESSAGE_START" ? "" : text + String(event["delta"])
          }
          const last = page.at(-1)
          return last === undefined ? Effect.succeed(text) : readFrom(last.eventId)
        },
      )
    return readFrom(EventId.make(0))
  })

/**
 * How a run has ended. An agent without a schema of its value gives the text of its last message, which the log has.
 *
 * @since 0.1.0
 * @category reading
 */
export const of = <A, E>(
  { definition, schemas }: Outcomes<A, E>,
  { agentId, error, result, runId, status }: Run,
): Ended<A, E> =>
  Effect.suspend((): Ended<A, E> => {
    if (status === "failed" || status === "cancelled") {
      const failure = agentId === definition.name ? schemas.fromError(error) : Option.none()
      return Effect.succeed(
        Either.left(Option.getOrElse(failure, () => new RunFailed({ runId, agentId, status, error }))),
      )
    }
    const unreadable = (problem: string) => new ResultUnreadable({ runId, agentId, problem })
    if (agentId !== definition.name) {
      return Effect.succeed(
        Either.left(unreadable(`It is a run of agent ${agentId}, not of ${definition.name}`)),
      )
    }
    // A program may have given the text as the result of its run itself.
    return definition.success === undefined && typeof result !== "string"
      ? Effect.map(retryUnavailable(lastText(runId)), (text) => Either.right(text as A))
      : Effect.succeed(Either.mapLeft(schemas.fromResult(result ?? null), unreadable))
  })
