/** The request of an execution: a workflow, its execution id and its payload, in the snapshot of a run. */
import type { Workflow } from "@effect/workflow"
import { RequestSnapshot, type Run, type Runs } from "@runlease/core"
import { Effect, Option, type ParseResult, Schema } from "effect"
import * as Exits from "./Exits.js"
import { agentIdOf, runIdOf } from "./Names.js"

const Request = Schema.Struct({
  workflow: Schema.Struct({
    name: Schema.String,
    execution_id: Schema.String,
    payload: Schema.Unknown,
  }),
})

const decodeRequest = Schema.decodeUnknown(Request)

/** The trace context of the caller, so that the worker's span is below its span. */
const traceContext: Effect.Effect<Pick<RequestSnapshot.RequestSnapshot, "traceContext">> = Effect.map(
  Effect.option(Effect.currentSpan),
  Option.match({
    onNone: () => ({}),
    onSome: ({ sampled, spanId, traceId }) => ({
      traceContext: { traceId, spanId, traceFlags: sampled ? 1 : 0 },
    }),
  }),
)

export const submission = (
  workflow: Workflow.Any,
  executionId: string,
  payload: object,
): Effect.Effect<Runs.SubmissionInput & { readonly publicId: string }, ParseResult.ParseError> =>
  Effect.zipWith(Schema.encode(Exits.payloadOf(workflow))(payload), traceContext, (encoded, trace) => ({
    publicId: runIdOf(executionId),
    agentId: agentIdOf(workflow.name),
    concurrencyKey: null,
    snapshot: {
      ...RequestSnapshot.empty,
      ...trace,
      forwardedProps: { workflow: { name: workflow.name, execution_id: executionId, payload: encoded } },
    },
  }))

/** The execution id and the payload that a run was submitted with. */
export const read = (
  workflow: Workflow.Any,
  { snapshot }: Run.ClaimedRun,
): Effect.Effect<{ readonly executionId: string; readonly payload: object }, ParseResult.ParseError> =>
  Effect.flatMap(decodeRequest(snapshot.forwardedProps), ({ workflow: { execution_id, payload } }) =>
    Effect.map(Schema.decodeUnknown(Exits.payloadOf(workflow))(payload), (decoded) => ({
      executionId: execution_id,
      payload: decoded,
    })),
  )
