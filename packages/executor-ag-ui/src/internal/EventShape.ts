/**
 * The shape of a remote agent's events: AG-UI's schema, with what it does not describe left in peace.
 *
 * An unknown type, an unknown property and an unknown member of a union come from a newer peer. A known field with a wrong
 * value is a fault of the peer.
 *
 * Source: https://docs.ag-ui.com/spec/1.0/basic/processing
 */
import { EventType, omitOptionalNulls } from "@ag-ui/core"
import { EventSchemas } from "@ag-ui/core/schemas"
import { type AgentEvent, AgUiMembers } from "@runlease/core"
import { Either, Predicate } from "effect"

type Event = AgentEvent.LogEvent

const types: ReadonlySet<string> = new Set(Object.values(EventType))

/** Whether the schema describes events of this type. */
export const isKnown = ({ type }: Event): boolean => types.has(type)

const runOutcomes = new Set(["success", "interrupt", "cancelled"])
const subagentOutcomes = new Set(["success", "suspended"])

/** An event without the members that the schema does not name, and where they stood. */
interface Recognized {
  readonly event: Event
  readonly dropped: ReadonlyArray<string>
}

const recognize = (event: Event): Recognized => {
  const reader = AgUiMembers.make()
  const outcomeOf = (known: ReadonlySet<string>): Event => {
    if (!AgUiMembers.isUnknown(event["outcome"], "type", known)) return event
    reader.drop("outcome")
    const { outcome: _outcome, ...rest } = event
    return rest
  }

  const recognized = (): Event => {
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
  return { event: recognized(), dropped: reader.dropped }
}

/**
 * The event as the schema has it, or what is wrong with it. `nulls`: an optional field that is null is absent, as agents
 * older than 1.0 write it.
 */
export const check = (
  given: Event,
  { nulls }: { readonly nulls: boolean },
): Either.Either<Recognized, string> => {
  const recognized = recognize(nulls ? omitOptionalNulls(given, "Event") : given)
  const parsed = EventSchemas.safeParse(recognized.event)
  if (parsed.success) return Either.right(recognized)
  const [issue] = parsed.error.issues
  const path = issue?.path.map(String).join(".") ?? ""
  return Either.left(`${given.type} has a wrong value in \`${path}\`: ${issue?.message ?? "invalid"}`)
}
