/** A run as a tool shows it to a model. */
import { type ControlPlane, type ControlPlaneError, ResumeRules, Run, RunLog } from "@runlease/core"
import { AgentOutcome } from "@runlease/core/executor"
import { type Context, DateTime, Effect, Schema } from "effect"

/** The most bytes of JSON that the text of a run takes. */
export const maxTextBytes = RunLog.maxReadBytes

const Question = Schema.Struct({
  interrupt_id: Schema.String,
  message: Schema.optional(Schema.String),
  tool_name: Schema.optional(Schema.String),
  tool_arguments: Schema.optional(Schema.Unknown),
  about: Schema.optional(Schema.Unknown),
  response_schema: Schema.optional(Schema.Unknown),
})

/**
 * `text` is the last message of an agent that returns no value, `result` the value of one that does. `omitted_bytes`: how
 * many bytes of the text were left out at its end. `questions`: what the run waits for an answer to, for `answer_run`. `next`: what to do
 * about a run that has not ended, or whose text is cut.
 */
export const RunView = Schema.Struct({
  run_id: Schema.String,
  agent_id: Schema.String,
  status: Run.RunStatus,
  conversation_id: Schema.String,
  attempt: Schema.Int,
  created_at: Schema.String,
  updated_at: Schema.String,
  text: Schema.optional(Schema.String),
  omitted_bytes: Schema.optional(Schema.Int),
  result: Schema.optional(Schema.Unknown),
  error: Schema.optional(
    Schema.Struct({
      message: Schema.String,
      code: Schema.optional(Schema.String),
      detail: Schema.optional(Schema.Unknown),
    }),
  ),
  questions: Schema.optional(Schema.Array(Question)),
  next: Schema.optional(Schema.String),
})
export type RunView = typeof RunView.Type

const questionsOf = (run: Run.Run): ReadonlyArray<typeof Question.Type> =>
  ResumeRules.openOf(run).map(({ id, message, metadata, responseSchema, toolArguments, toolName }) => ({
    interrupt_id: id,
    ...(message === undefined ? {} : { message }),
    ...(toolName === undefined ? {} : { tool_name: toolName }),
    ...(toolArguments === undefined ? {} : { tool_arguments: toolArguments }),
    ...(metadata?.["about"] === undefined ? {} : { about: metadata["about"] }),
    ...(responseSchema === undefined ? {} : { response_schema: responseSchema }),
  }))

/** Whether the run waits for answers. */
export const isAsking = (run: Run.Run): boolean =>
  run.status === "waiting" && ResumeRules.openOf(run).length > 0

const nextOf = (run: Run.Run): string | undefined => {
  if (Run.isTerminal(run.status)) return undefined
  return isAsking(run)
    ? `The run waits for answers. Give them with answer_run, run_id ${run.runId}.`
    : `The run goes on by itself. Look again with get_run, run_id ${run.runId} and wait_seconds 50.`
}

/** A run without its text, as a list shows it. */
export const ofRun = (run: Run.Run): RunView => {
  const { error, result } = run
  const next = nextOf(run)
  return {
    run_id: run.runId,
    agent_id: run.agentId,
    status: run.status,
    conversation_id: run.conversationId,
    attempt: run.attempt,
    created_at: DateTime.formatIso(run.createdAt),
    updated_at: DateTime.formatIso(run.updatedAt),
    ...(result == null ? {} : { result }),
    ...(error === null
      ? {}
      : {
          error: {
            message: error.message,
            ...(error.code === null ? {} : { code: error.code }),
            ...(error.detail === undefined ? {} : { detail: error.detail }),
          },
        }),
    ...(isAsking(run) ? { questions: questionsOf(run) } : {}),
    ...(next === undefined ? {} : { next }),
  }
}

/** A run with its text, where it has completed without a value. A text is cut at `maxTextBytes`. */
export const whole = (
  ports: Context.Context<ControlPlane.ProjectPorts>,
  run: Run.Run,
): Effect.Effect<RunView, Run.RunNotFound | ControlPlaneError.ControlPlaneError> =>
  run.status === "completed" && run.result == null
    ? Effect.map(
        Effect.provide(AgentOutcome.lastTextWithin(run.runId, maxTextBytes), ports),
        ({ omittedBytes, text }) => ({
          ...ofRun(run),
          text,
          ...(omittedBytes === 0
            ? {}
            : {
                omitted_bytes: omittedBytes,
                next: `The text is cut. Read all of it with read_log, run_id ${run.runId}.`,
              }),
        }),
      )
    : Effect.succeed(ofRun(run))
