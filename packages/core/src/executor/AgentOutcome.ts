/** The value or the failure of a run that has ended, as its agent declares them. */
import { Effect, Either, Option } from "effect"
import type { RunId } from "../model/Ids.js"
import * as JsonText from "../model/JsonText.js"
import { EventId, type Run, type RunNotFound } from "../model/Run.js"
import { retryUnavailable } from "../ports/ControlPlaneUnavailable.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import { maxReadLimit, RunLog } from "../ports/RunLog.js"
import type { AgentSchemas, Definition } from "./AgentSchemas.js"
import { ResultUnreadable, RunFailed } from "./RunFailed.js"

/** What reads the outcome of a run of an agent. */
export interface Outcomes<A, E> {
  readonly definition: Pick<Definition<never, A, E>, "name" | "success">
  readonly schemas: Pick<AgentSchemas<never, A, E>, "fromError" | "fromResult">
}

type Ended<A, E> = Effect.Effect<
  Either.Either<A, E | RunFailed | ResultUnreadable>,
  RunNotFound | ControlPlaneError,
  RunLog
>

/** The last message of a run. `omittedBytes`: how many bytes of JSON of it were left out at its end. */
export interface LastText {
  readonly text: string
  readonly omittedBytes: number
}

/** The text of the last message that the run wrote, up to `maxBytes` bytes of JSON; empty where it wrote none. */
export const lastTextWithin = (
  runId: RunId,
  maxBytes: number,
): Effect.Effect<LastText, RunNotFound | ControlPlaneError, RunLog> =>
  Effect.flatMap(RunLog, (log) => {
    let text = ""
    let bytes = 0
    let omittedBytes = 0
    const take = (delta: string): void => {
      const part = omittedBytes > 0 ? "" : JsonText.beginning(delta, maxBytes - bytes)
      const size = JsonText.sizeOf(part)
      text += part
      bytes += size
      omittedBytes += part.length === delta.length ? 0 : JsonText.sizeOf(delta) - size
    }
    const readFrom = (after: EventId): Effect.Effect<LastText, RunNotFound | ControlPlaneError> =>
      Effect.flatMap(
        log.read({
          runId,
          after,
          limit: maxReadLimit,
          types: ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"],
        }),
        (page) => {
          for (const { event } of page) {
            if (event.type === "TEXT_MESSAGE_START") {
              text = ""
              bytes = omittedBytes = 0
            } else take(String(event["delta"]))
          }
          const last = page.at(-1)
          return last === undefined ? Effect.succeed({ text, omittedBytes }) : readFrom(last.eventId)
        },
      )
    return readFrom(EventId.make(0))
  })

/** How a run has ended. Without a schema, the value of an agent is the text of its last message, which the log has. */
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
    // A program may have set the text as the result of its run itself.
    return definition.success === undefined && typeof result !== "string"
      ? Effect.map(retryUnavailable(lastTextWithin(runId, Number.POSITIVE_INFINITY)), ({ text }) =>
          Either.right(text as A),
        )
      : Effect.succeed(Either.mapLeft(schemas.fromResult(result ?? null), unreadable))
  })
