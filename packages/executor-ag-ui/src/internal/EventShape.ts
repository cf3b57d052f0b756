/**
 * Checks a remote agent's events against AG-UI's schema and accepts what the schema does not describe.
 *
 * An unknown type, property or member of a union comes from a newer peer. A wrong value in a field of the schema is a fault
 * of the peer.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/basic/processing
 */
import { EventType, omitOptionalNulls } from "@ag-ui/core"
import { EventSchemas } from "@ag-ui/core/schemas"
import { type AgentEvent } from "@runlease/core"
import { AgUiMembers } from "@runlease/core/executor"
import { Either, Predicate } from "effect"

type Event = AgentEvent.LogEvent

const types: ReadonlySet<string> = new Set(Object.values(EventType))

/** Whether the schema describes events of this type. */
export const isDescribed = ({ type }: Event): boolean => types.has(type)

const runOutcomes = new Set(["success", "interrupt", "cancelled"])
const subagentOutcomes = new Set(["success", "suspended"])

/** An event without unknown members of unions. `dropped`: the paths of those members. */
interface CheckedEvent {
  readonly event: Event
  readonly dropped: ReadonlyArray<string>
}

const dropUnknown = (event: Event): CheckedEvent => {
  const reader = AgUiMembers.make()
  const outcomeOf = (types: ReadonlySet<string>): Event => {
    if (!AgUiMembers.isUnknown(event["outcome"], "type", types)) return event
    reader.drop("outcome")
    const { outcome: _outcome, ...rest } = event
    return rest
  }

  const cleaned = (): Event => {
    switch (event.type) {
      case "TOOL_CALL_RESULT":
        return { ...event, content: reader.content(event["content"], "content") }
      case "MESSAGES_SNAPSHOT":
        return { ...event, messages: reader.messages(event["messages"], "messages") }
      case "STATE_DELTA":
        return { ...event, delta: reader.patch(event["delta"], "delta") }
      case "ACTIVITY_DELTA":
        return { ...event, patch: reader.patch(event["patch"], "patch") }
      case "RUN_STARTED": {
        const { input } = event
        return Predicate.isRecord(input)
          ? { ...event, input: { ...input, messages: reader.messages(input["messages"], "input.messages") } }
          : event
      }
      case "RUN_FINISHED":
        return outcomeOf(runOutcomes)
      case "SUBAGENT_FINISHED":
        return outcomeOf(subagentOutcomes)
      default:
        return event
    }
  }
  return { event: cleaned(), dropped: reader.dropped }
}

/**
 * The checked event, or the reason why the schema rejects it. `nulls`: null means absent in an optional field, as in agents
 * older than 1.0.
 */
export const check = (
  event: Event,
  { nulls }: { readonly nulls: boolean },
): Either.Either<CheckedEvent, string> => {
  const checked = dropUnknown(nulls ? omitOptionalNulls(event, "Event") : event)
  const parsed = EventSchemas.safeParse(checked.event)
  if (parsed.success) return Either.right(checked)
  const [issue] = parsed.error.issues
  const path = issue?.path.map(String).join(".") ?? ""
  return Either.left(`${event.type} has a wrong value in \`${path}\`: ${issue?.message ?? "invalid"}`)
}
