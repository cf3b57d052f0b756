/**
 * The exit of an execution as the end of its run.
 *
 * The run's result is the encoded success. The metadata of a run that did not succeed has the whole exit.
 */
import type { Workflow } from "@effect/workflow"
import { AgentEvent, type Run } from "@runlease/core"
import { Cause, Effect, Exit, Option, type ParseResult, Predicate, Schema } from "effect"
import * as Exits from "./Exits.js"

const exitKey = "workflow_exit"

const errorOf = (cause: Cause.Cause<unknown>): { readonly code: string; readonly message: string } => {
  const error = Cause.squash(cause)
  const {
    _tag: tag,
    message,
    name,
  } = Predicate.isRecord(error) || error instanceof Error ? (error as Record<string, unknown>) : {}
  return {
    code: typeof tag === "string" ? tag : typeof name === "string" ? name : "workflow_failed",
    message: typeof message === "string" && message !== "" ? message : Cause.pretty(cause),
  }
}

/** The event that ends the run of an execution. */
export const toEvent = (
  workflow: Workflow.Any,
  { conversationId, runId }: Run.ClaimedRun,
  exit: Exit.Exit<unknown, unknown>,
): Effect.Effect<AgentEvent.AgentEvent, ParseResult.ParseError> =>
  Exit.match(exit, {
    onSuccess: (value) =>
      Effect.map(Schema.encode(Exits.successOf(workflow))(value), (result) =>
        AgentEvent.runFinished(conversationId, runId, result == null ? {} : { result }),
      ),
    onFailure: (cause) =>
      Effect.map(Schema.encode(Exits.ofWorkflow(workflow))(exit), (encoded): AgentEvent.AgentEvent => {
        const metadata = { [exitKey]: encoded }
        return Cause.isInterruptedOnly(cause)
          ? AgentEvent.runFinished(conversationId, runId, { outcome: { type: "cancelled" }, metadata })
          : { ...AgentEvent.runError(errorOf(cause).message, { code: errorOf(cause).code }), metadata }
      }),
  })

const decodeSuccess = (
  workflow: Workflow.Any,
  result: unknown,
): Effect.Effect<unknown, ParseResult.ParseError> => {
  const decode = Schema.decodeUnknown(Exits.successOf(workflow))
  // A run has null where it gave nothing.
  return result === null ? Effect.orElse(decode(undefined), () => decode(null)) : decode(result)
}

/** The exit of an execution whose run has ended. None while it has not. */
export const fromRun = (
  workflow: Workflow.Any,
  { error, metadata, result, status }: Run.Run,
): Effect.Effect<Option.Option<Exit.Exit<unknown, unknown>>, ParseResult.ParseError> => {
  switch (status) {
    case "completed":
      return Effect.map(decodeSuccess(workflow, result), (value) => Option.some(Exit.succeed(value)))
    case "failed":
    case "cancelled": {
      const encoded = Predicate.isRecord(metadata) ? metadata[exitKey] : undefined
      if (encoded !== undefined) {
        return Effect.asSome(Schema.decodeUnknown(Exits.ofWorkflow(workflow))(encoded))
      }
      return Effect.succeedSome(
        status === "cancelled"
          ? Exits.interrupted
          : Exit.die(new Error(`${error?.code ?? "failed"}: ${error?.message ?? "The run has failed"}`)),
      )
    }
    default:
      return Effect.succeedNone
  }
}
