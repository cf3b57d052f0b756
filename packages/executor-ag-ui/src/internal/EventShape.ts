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
import type { AgentEvent } from "@runlease/core"
import { Either, Predicate } from "effect"

type Event = AgentEvent.LogEvent

const types: ReadonlySet<string> = new Set(Object.values(EventType))

/** Whether the schema describes events of this type. */
export const isKnown = ({ type }: Event): boolean => types.has(type)

const parts = new Set(["text", "image", "audio", "video", "document"])
const sources = new Set(["data", "url", "file"])
const roles = new Set(["developer", "system", "assistant", "user", "tool", "activity", "reasoning"])
const operations = new Set(["add", "remove", "replace", "move", "copy", "test"])
const runOutcomes = new Set(["success", "interrupt", "cancelled"])
const subagentOutcomes = new Set(["success", "suspended"])

/** An event without the members that the schema does not name, and where they stood. */
interface Recognized {
  readonly event: Event
  readonly dropped: ReadonlyArray<string>
}

/** A member of a later version: what is no text there is a wrong value, which the schema rejects. */
const isUnknown = (member: unknown, field: string, known: ReadonlySet<string>): boolean =>
  Predicate.isRecord(member) && typeof member[field] === "string" && !known.has(member[field])

const recognize = (event: Event): Recognized => {
  const dropped: Array<string> = []
  const drop = (path: string) => {
    dropped.push(path)
    return []
  }
  const each = (values: unknown, path: string, f: (value: unknown, path: string) => ReadonlyArray<unknown>) =>
    Array.isArray(values) ? values.flatMap((value: unknown, index) => f(value, `${path}.${index}`)) : values
  const contentOf = (content: unknown, path: string) =>
    each(content, path, (part, at) =>
      isUnknown(part, "type", parts) ||
      (Predicate.isRecord(part) && isUnknown(part["source"], "type", sources))
        ? drop(at)
        : [part],
    )
  const patchOf = (patch: unknown, path: string) =>
    each(patch, path, (operation, at) => (isUnknown(operation, "op", operations) ? drop(at) : [operation]))
  const messagesOf = (messages: unknown, path: string) =>
    each(messages, path, (message, at) => {
      if (isUnknown(message, "role", roles)) return drop(at)
      return [
        Predicate.isRecord(message) && Array.isArray(message["content"])
          ? { ...message, content: contentOf(message["content"], `${at}.content`) }
          : message,
      ]
    })
  const outcomeOf = (known: ReadonlySet<string>): Event => {
    if (!isUnknown(event["outcome"], "type", known)) return event
    drop("outcome")
    const { outcome: _outcome, ...rest } = event
    return rest
  }

  const recognized = (): Event => {
    switch (event.type) {
      case "TOOL_CALL_RESULT":
        return { ...event, content: contentOf(event["content"], "content") }
      case "MESSAGES_SNAPSHOT":
        return { ...event, messages: messagesOf(event["messages"], "messages") }
      case "STATE_DELTA":
        return { ...event, delta: patchOf(event["delta"], "delta") }
      case "ACTIVITY_DELTA":
        return { ...event, patch: patchOf(event["patch"], "patch") }
      case "RUN_STARTED": {
        const { input } = event
        return Predicate.isRecord(input)
          ? { ...event, input: { ...input, messages: messagesOf(input["messages"], "input.messages") } }
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
  return { event: recognized(), dropped }
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
