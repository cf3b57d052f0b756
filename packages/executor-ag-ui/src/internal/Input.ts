/** What a remote agent is asked to do: the run's snapshot as AG-UI's RunAgentInput. */
import { RunAgentInputSchema } from "@ag-ui/core/schemas"
import { AgUiMessages, Ids, Interrupts, RequestSnapshot, type Run } from "@runlease/core"
import { Effect, Option, Predicate } from "effect"
import type { Asked } from "./Asked.js"
import { excerpt, final } from "./Failure.js"
import * as Said from "./Said.js"

/** A tool as AG-UI has it: with a description, be it empty. */
const toolOf = (tool: unknown): unknown =>
  Predicate.isRecord(tool) ? { ...tool, description: tool["description"] ?? "" } : tool

const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** A piece of context as AG-UI has it: a description, and a text. What is of another form is a text as JSON. */
const contextOf = (entry: unknown): unknown =>
  Predicate.isRecord(entry) && entry["value"] !== undefined
    ? { ...entry, description: asText(entry["description"] ?? ""), value: asText(entry["value"]) }
    : { description: "", value: asText(entry) }

/** An optional field that is null, as some clients write it, is absent in AG-UI 1.0. */
const messageOf =
  (names: Asked["names"]) =>
  (message: AgUiMessages.Message): Record<string, unknown> => ({
    ...Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null)),
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
      onSome: ({ interruptId, isError, payload, status }) => [
        {
          interruptId,
          status,
          ...(payload == null ? {} : { payload }),
          ...(isError === undefined ? {} : { metadata: { runlease: { isError } } }),
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

/**
 * Fails with `input_not_ag_ui` when the snapshot holds what AG-UI cannot take, such as a tool without a name.
 */
export const make = Effect.fnUntraced(function* (run: Run.ClaimedRun, asked: Option.Option<Asked>) {
  const snapshot = run.snapshot ?? RequestSnapshot.empty
  const resume = resumeOf(run, snapshot, asked)
  const goesOn = resume.length > 0 ? Option.getOrUndefined(asked) : undefined
  const messages = goesOn === undefined ? snapshot.messages : yield* Said.among(run, snapshot.messages)
  const parsed = RunAgentInputSchema.safeParse({
    threadId: run.conversationId,
    runId: yield* runIdOf(run),
    ...(goesOn === undefined ? {} : { parentRunId: goesOn.runId }),
    // Agents older than 1.0 ask for all of these.
    state: snapshot.state ?? {},
    messages: AgUiMessages.toAgUi(messages).map(messageOf(goesOn?.names ?? {})),
    tools: snapshot.tools.map(toolOf),
    context: snapshot.context.map(contextOf),
    forwardedProps: snapshot.forwardedProps ?? {},
    ...(resume.length === 0 ? {} : { resume }),
  })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.map(String).join(".") ?? ""
  return yield* final(
    "input_not_ag_ui",
    `The request cannot be sent to an AG-UI agent: ${excerpt(`${where}: ${issue?.message ?? "invalid"}`)}`,
  )
})
