/** The tools that look at runs, answer and cancel them. */
import { type AgentEvent, Ids, Interrupt, Run, RunLog, Runs } from "@runlease/core"
import { Context, Effect, Schema } from "effect"
import type { Call, Outcome } from "./Call.js"
import * as RunView from "./RunView.js"
import * as Tasks from "./Tasks.js"
import * as Tool from "./Tool.js"
import * as Wait from "./Wait.js"

export const runId = Tool.shownAs(Ids.RunId, { type: "string", description: "The id of the run" })

const integer = <A extends number>(
  schema: Schema.Schema<A, number>,
  minimum: number,
  maximum: number,
  description: string,
) => Tool.shownAs(schema, { type: "integer", minimum, maximum, description })

const whole = (minimum: number, maximum: number, description: string) =>
  integer(Schema.Int.pipe(Schema.between(minimum, maximum)), minimum, maximum, description)

/** How long a call waits for the end of a run. */
export const waitSeconds = (seconds: number) =>
  Schema.optionalWith(
    whole(
      0,
      Wait.maxSeconds,
      `How long to wait for the end of the run, or for a question of it, in seconds; ${seconds} when absent`,
    ),
    { default: () => seconds },
  )

const value = (result: object): Outcome<never> => ({ result: Effect.succeed(Tool.ofValue(result)) })

const runs = ({ ports }: Call) => Context.get(ports, Runs.Runs)

const get = Tool.make({
  name: "get_run",
  description:
    "Looks at a run of an agent: its status, what it waits for, and its text or result once it has completed. With wait_seconds it waits for the end.",
  input: Schema.Struct({ run_id: runId, wait_seconds: waitSeconds(0) }),
  output: RunView.RunView,
  annotations: { title: "Get a run", readOnlyHint: true, openWorldHint: false },
  call: ({ run_id, wait_seconds }, call) =>
    Effect.map(runs(call).get(run_id), (run) => Wait.until(call, run, wait_seconds)),
})

const list = Tool.make({
  name: "list_runs",
  description: "Lists the runs of the project, the newest first. Each has its status and no text.",
  input: Schema.Struct({
    status: Schema.optional(Run.RunStatus),
    agent_id: Schema.optional(
      Tool.shownAs(Ids.AgentId, { type: "string", description: "Runs of this agent" }),
    ),
    conversation_id: Schema.optional(
      Tool.shownAs(Ids.ConversationId, { type: "string", description: "Runs of this conversation, a UUID" }),
    ),
    limit: Schema.optionalWith(whole(1, 100, "How many runs; 20 when absent"), { default: () => 20 }),
    cursor: Schema.optional(
      Tool.shownAs(Schema.String, { type: "string", description: "`next` of the page before" }),
    ),
  }),
  output: Schema.Struct({
    runs: Schema.Array(RunView.RunView),
    next: Schema.NullOr(Schema.String),
  }),
  annotations: { title: "List runs", readOnlyHint: true, openWorldHint: false },
  call: ({ agent_id, conversation_id, cursor, limit, status }, call) =>
    Effect.map(
      runs(call).list({ agentId: agent_id, conversationId: conversation_id, cursor, limit, status }),
      ({ items, next }) => value({ runs: items.map(RunView.ofRun), next }),
    ),
})

const AnswerItem = Schema.Struct({
  interrupt_id: Schema.NonEmptyString,
  status: Schema.optionalWith(
    Tool.shownAs(Schema.Literal("resolved", "cancelled"), {
      enum: ["resolved", "cancelled"],
      description: "resolved when absent; cancelled declines to answer",
    }),
    { default: () => "resolved" as const },
  ),
  payload: Schema.optional(
    Tool.shownAs(Schema.Unknown, { description: "The answer; it fits response_schema of the question" }),
  ),
})

const answerOf = ({ interrupt_id, payload, status }: typeof AnswerItem.Type): Interrupt.Answer => ({
  interruptId: interrupt_id,
  status,
  ...(payload === undefined ? {} : { payload }),
})

const answer = Tool.make({
  name: "answer_run",
  description:
    "Answers what a run waits for, by the questions that get_run shows. The run goes on once all of them have an answer. The same answers again change nothing.",
  input: Schema.Struct({
    run_id: runId,
    answers: Schema.NonEmptyArray(AnswerItem).pipe(Schema.maxItems(Interrupt.maxInterrupts)),
  }),
  output: RunView.RunView,
  annotations: { title: "Answer a run", destructiveHint: false, idempotentHint: true, openWorldHint: false },
  call: ({ answers: [first, ...others], run_id }, call) =>
    Effect.map(runs(call).resume(run_id, [answerOf(first), ...others.map(answerOf)]), ({ run }) =>
      value(RunView.ofRun(run)),
    ),
})

const cancel = Tool.make({
  name: "cancel_run",
  description: "Cancels a run, also while it works. A run that has ended stays as it is.",
  input: Schema.Struct({ run_id: runId }),
  output: RunView.RunView,
  annotations: { title: "Cancel a run", destructiveHint: true, idempotentHint: true, openWorldHint: false },
  call: ({ run_id }, call) => Effect.map(runs(call).cancel(run_id), ({ run }) => value(RunView.ofRun(run))),
})

const entryOf = ({ createdAt, event, eventId }: RunLog.LogEntry) => ({
  event_id: eventId,
  created_at: createdAt.toJSON(),
  event: event as AgentEvent.LogEvent & Readonly<Record<string, unknown>>,
})

const readLog = Tool.make({
  name: "read_log",
  description:
    "Reads the log of a run: AG-UI events, the oldest first, such as texts, tool calls and their results. Go on with after_event_id.",
  input: Schema.Struct({
    run_id: runId,
    after_event_id: Schema.optionalWith(
      integer(
        Run.EventId,
        0,
        Number.MAX_SAFE_INTEGER,
        "Only events after this one; next_after_event_id of the page before",
      ),
      { default: () => Run.EventId.make(0) },
    ),
    limit: Schema.optionalWith(
      whole(1, RunLog.maxReadLimit, `How many events; ${RunLog.defaultReadLimit} when absent`),
      { default: () => RunLog.defaultReadLimit },
    ),
    types: Schema.optional(
      Tool.shownAs(Schema.Array(Schema.NonEmptyString).pipe(Schema.maxItems(50)), {
        type: "array",
        items: { type: "string" },
        maxItems: 50,
        description: "Only events of these types, such as TOOL_CALL_START",
      }),
    ),
  }),
  output: Schema.Struct({
    events: Schema.Array(
      Schema.Struct({
        event_id: Schema.Int,
        created_at: Schema.String,
        event: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
      }),
    ),
    next_after_event_id: Schema.NullOr(Schema.Int),
  }),
  annotations: { title: "Read the log of a run", readOnlyHint: true, openWorldHint: false },
  call: ({ after_event_id, limit, run_id, types }, { ports }) =>
    Effect.map(
      Context.get(ports, RunLog.RunLog).read({ runId: run_id, after: after_event_id, limit, types }),
      (entries) =>
        value({ events: entries.map(entryOf), next_after_event_id: entries.at(-1)?.eventId ?? null }),
    ),
})

export const tools: ReadonlyArray<Tool.Tool> = [get, list, answer, cancel, readLog]

/** The tool that submits a run again that has ended. */
export const tool: Tool.Tool = Tool.make({
  name: "retry_run",
  description:
    "Submits a run again that has ended, such as one that has failed, and waits for its end. The new run has what the first one had recorded, and begins with what failed. With from_start it does all of it again, also what was recorded, such as a payment: ask the user before.",
  input: Schema.Struct({
    run_id: runId,
    from_start: Schema.optionalWith(
      Tool.shownAs(Schema.Boolean, {
        type: "boolean",
        description: "Do recorded steps again; false when absent",
      }),
      { default: () => false },
    ),
    new_run_id: Schema.optional(
      Tool.shownAs(Ids.NewRunId, {
        type: "string",
        description: "An id of your choice for the new run: the same call again finds it",
      }),
    ),
    wait_seconds: waitSeconds(Wait.defaultSeconds),
  }),
  output: RunView.RunView,
  annotations: { title: "Retry a run", destructiveHint: true, openWorldHint: true },
  call: ({ from_start, new_run_id, run_id, wait_seconds }, call) =>
    Effect.map(
      Context.get(call.ports, Runs.Runs).retry(run_id, {
        publicId: new_run_id ?? call.runId,
        ...(new_run_id === undefined ? { derived: true } : {}),
        fromStart: from_start,
      }),
      ({ run }) => (call.era.tasks ? Tasks.created(run) : Wait.until(call, run, wait_seconds)),
    ),
})
