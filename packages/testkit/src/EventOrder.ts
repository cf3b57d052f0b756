/** Checks the order of a run's events against the rules of AG-UI. */
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as AgUiItems from "@runlease/core/executor/AgUiItems"
import * as LogState from "@runlease/core/LogState"

type Event = AgentEvent.LogEvent

/** The message or tool call that a start event creates; its id may start only once. */
const startedId = (event: Event): string | undefined => {
  switch (event.type) {
    case "TEXT_MESSAGE_START":
      return `message ${String(event["messageId"])}`
    case "TOOL_CALL_START":
      return `tool call ${String(event["toolCallId"])}`
    default:
      return undefined
  }
}

/**
 * The rules that a run's events violate, as sentences in the order of the events; empty for valid events. The events
 * are an executor's or a whole log. With `ended` no more events follow, so nothing may be open.
 */
export const violations = (
  events: ReadonlyArray<Event>,
  options: { readonly ended: boolean },
): ReadonlyArray<string> => {
  const broken: Array<string> = []
  const begunIds = new Set<string>()
  let state = LogState.initial
  let begun = false
  let over = false
  for (const [index, event] of events.entries()) {
    const problem = AgentEvent.problemOf(event)
    const say = (sentence: string) => broken.push(`event ${index + 1}, ${event.type}: ${sentence}`)
    if (problem !== undefined) say(problem)
    // Between two parts of a run there is who answered.
    if (over && !AgentEvent.isAnswers(event)) say("nothing comes after the end of the run")
    if (event.type === "RUN_STARTED" && begun) say("a run starts once, before all else")
    if (LogState.misplaced(state, event)) say("it opens what is open, or closes what is not")
    const start = AgUiItems.openingOf(event)
    if (start !== undefined && !LogState.misplaced(state, start)) say("it goes on with what is not open")
    const id = startedId(event)
    if (id !== undefined) {
      if (begunIds.has(id)) say(`${id} began before`)
      begunIds.add(id)
    }
    begun ||= !AgentEvent.isAnswers(event)
    over ||= AgentEvent.endsRun(event)
    if (event.type === "RUN_FINISHED" && state.open.length > 0) say("something is still open")
    state = LogState.next(state, event)
  }
  if (options.ended) {
    for (const { id, kind } of state.open) broken.push(`${kind} ${id} is still open at the end`)
  }
  return broken
}

/** The text of all messages, concatenated. */
export const textOf = (events: ReadonlyArray<Event>): string =>
  events
    .filter(({ type }) => type === "TEXT_MESSAGE_CONTENT" || type === "TEXT_MESSAGE_CHUNK")
    .map((event) => (typeof event["delta"] === "string" ? event["delta"] : ""))
    .join("")
