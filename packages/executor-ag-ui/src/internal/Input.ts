/** What a remote agent is asked to do: the run's snapshot as AG-UI's RunAgentInput. */
import { PROTOCOL_VERSION, RunAgentInputSchema } from "@ag-ui/core/schemas"
import { AgUiMessages, Ids, Interrupts, RequestSnapshot, type Run, Runs } from "@runlease/core"
import { Effect, Option, Predicate } from "effect"
import type { Asked } from "./Asked.js"
import { excerpt, final } from "./Failure.js"
import * as OutgoingShape from "./OutgoingShape.js"
import * as Said from "./Said.js"
import * as SharedState from "./SharedState.js"

/** A tool as AG-UI has it: with a description, be it empty. */
const toolOf = (tool: unknown): unknown =>
  OutgoingShape.tool(Predicate.isRecord(tool) ? { ...tool, description: tool["description"] ?? "" } : tool)

const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** A piece of context as AG-UI has it: a description, and a text. What is of another form is a text as JSON. */
const contextOf = (entry: unknown): unknown =>
  Predicate.isRecord(entry) && entry["value"] !== undefined
    ? { description: asText(entry["description"] ?? ""), value: asText(entry["value"]) }
    : { description: "", value: asText(entry) }

/** The message with the ids that the agent knows. */
const messageOf =
  (names: Asked["names"]) =>
  (message: AgUiMessages.Message): ReadonlyArray<Record<string, unknown>> =>
    OutgoingShape.message({
      ...message,
      ...(message.role === "tool" && typeof message["toolCallId"] === "string"
        ? { toolCallId: names[message["toolCallId"]] ?? message["toolCallId"] }
        : {}),
      ...(Array.isArray(message["toolCalls"])
        ? {
            toolCalls: message["toolCalls"].map((call: unknown) =>
              Predicate.isRecord(call) && typeof call["id"] === "string"
                ? { ...call, id: names[call["id"]] ?? call["id"] }
                : call,
            ),
          }
        : {}),
    })

/** The answers to what the agent asked last. */
const resumeOf = (
  run: Run.ClaimedRun,
  snapshot: RequestSnapshot.RequestSnapshot,
  asked: Option.Option<Asked>,
): ReadonlyArray<Record<string, unknown>> => {
  const ids = Option.match(asked, {
    onSome: ({ interrupts }) => interrupts,
    // Where a run's holder is not told, what was asked could not be kept.
    onNone: () =>
      run.leaseOwner === null
        ? [...new Set((snapshot.resume ?? []).map(({ interruptId }) => interruptId))]
        : [],
  })
  return ids.flatMap((id) =>
    Option.match(Interrupts.answerTo(snapshot, id), {
      onNone: () => [],
      onSome: ({ interruptId, isError, metadata, payload, status }) => [
        {
          interruptId,
          status,
          ...(payload == null ? {} : { payload }),
          ...(isError === undefined && metadata === undefined
            ? {}
            : { metadata: { ...metadata, ...(isError === undefined ? {} : { runlease: { isError } }) } }),
        },
      ],
    }),
  )
}

/**
 * The run's id at its first claim, and another at each later one: an agent may take the same id for the same run, and
 * answer nothing.
 */
const runIdOf = (run: Run.ClaimedRun): Effect.Effect<string> =>
  run.leaseEpoch === null
    ? Effect.map(Ids.uuidV7, (unique) => `${run.runId}.${unique}`)
    : Effect.succeed(run.leaseEpoch <= 1 ? run.runId : `${run.runId}.${run.leaseEpoch}`)

/** The part of the run that it goes on from: its last, once something of what that waited for has an answer. */
const continuedFrom = (run: Run.ClaimedRun, asked: Option.Option<Asked>): Asked | undefined =>
  Option.getOrUndefined(
    Option.filter(asked, ({ calls, interrupts }) =>
      [...interrupts, ...calls].some((id) => Option.isSome(Interrupts.answerTo(run.snapshot, id))),
    ),
  )

/** The run that spawned this one. A control plane that does not say has none. */
const spawningRun = (run: Run.ClaimedRun) =>
  Effect.flatMap(Runs.Runs, (runs) => runs.get(run.runId)).pipe(
    Effect.map(({ parentRunId }) => parentRunId),
    Effect.orElseSucceed(() => null),
  )

const toolNames = (tools: ReadonlyArray<unknown>): ReadonlySet<string> =>
  new Set(
    tools.flatMap((tool) =>
      Predicate.isRecord(tool) && typeof tool["name"] === "string" ? [tool["name"]] : [],
    ),
  )

/**
 * What the agent is sent, the part of the run that it goes on from, and what the run keeps of both.
 *
 * Fails with `input_not_ag_ui` when the snapshot holds what AG-UI cannot take, such as a tool without a name.
 */
export const make = Effect.fnUntraced(function* (run: Run.ClaimedRun, asked: Option.Option<Asked>) {
  const { snapshot } = run
  const resume = resumeOf(run, snapshot, asked)
  const continued = continuedFrom(run, asked)
  const messages = continued === undefined ? snapshot.messages : yield* Said.among(run, snapshot.messages)
  const state = yield* SharedState.make(run, { continued: continued !== undefined, of: continued?.state })
  const parentRunId = yield* spawningRun(run)
  const parsed = RunAgentInputSchema.safeParse({
    threadId: run.conversationId,
    runId: yield* runIdOf(run),
    protocolVersion: PROTOCOL_VERSION,
    ...(parentRunId === null ? {} : { parentRunId }),
    // Agents older than 1.0 ask for all of these.
    state: state.value,
    messages: AgUiMessages.toAgUi(messages).flatMap(messageOf(continued?.names ?? {})),
    tools: snapshot.tools.map(toolOf),
    context: snapshot.context.map(contextOf),
    forwardedProps: snapshot.forwardedProps ?? {},
    ...(resume.length === 0 ? {} : { resume }),
  })
  if (parsed.success) {
    const clientTools = toolNames(snapshot.tools)
    return { body: parsed.data, continued, clientTools, stateBasis: state.basis }
  }
  const [issue] = parsed.error.issues
  const where = issue?.path.map(String).join(".") ?? ""
  return yield* final(
    "input_not_ag_ui",
    `The request cannot be sent to an AG-UI agent: ${excerpt(`${where}: ${issue?.message ?? "invalid"}`)}`,
  )
})
