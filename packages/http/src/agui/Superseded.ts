/**
 * What an attempt that is over has opened and no record names. The next attempt produces it anew, so clients may drop it.
 *
 * Source: docs/decisions/0058-superseded-parts.md
 */
import { type AgentEvent, ControlEvents, StepRecord } from "@runlease/core"
import * as OpenedItems from "@runlease/core/OpenedItems"
import { Option, Predicate } from "effect"

type Event = AgentEvent.LogEvent

export interface Superseded {
  /** Takes each event that the client is shown. */
  readonly observe: (event: Event) => void

  /** Takes each event that has a record, which the client is not shown. */
  readonly record: (event: Event) => void

  /** The event that ends an attempt, with what that attempt has opened and no record names. */
  readonly marked: (event: Event) => Event

  /** The same as it is now: what one of them takes does not change the other. */
  readonly copy: () => Superseded
}

/** The messages and tool calls that an event with a record names. */
export const recordedIn = (event: Event): Partial<OpenedItems.ItemIds> =>
  Option.match(StepRecord.fromEvent(event), {
    onNone: () => ({}),
    onSome: ({ record: { messages, tool_calls } }) => ({
      ...(messages === undefined ? {} : { messages }),
      ...(tool_calls === undefined ? {} : { tool_calls }),
    }),
  })

const strings = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter(Predicate.isString) : []

/** The messages and tool calls that an event lists which ends an attempt; undefined where it lists none. */
export const listedIn = (event: Event): OpenedItems.ItemIds | undefined => {
  const { value } = event
  const listed = Predicate.isRecord(value) ? value["superseded"] : undefined
  return ControlEvents.endsAttempt(event) && Predicate.isRecord(listed)
    ? { messages: strings(listed["messages"]), tool_calls: strings(listed["tool_calls"]) }
    : undefined
}

const ofItems = (opened: OpenedItems.OpenedItems): Superseded => ({
  observe: (event) => {
    // What was shown before the run waited for an answer is a part of the conversation.
    if (event.type === "RUN_STARTED") opened.clear()
    else opened.observe(event)
  },
  record: (event) => opened.forget(recordedIn(event)),
  marked: (event) => {
    const superseded = opened.ids()
    opened.clear()
    return superseded.messages.length + superseded.tool_calls.length === 0
      ? event
      : { ...event, value: { ...(Predicate.isRecord(event["value"]) ? event["value"] : {}), superseded } }
  },
  copy: () => ofItems(opened.copy()),
})

/** Of a log that has not begun. */
export const make = (): Superseded => ofItems(OpenedItems.make())
