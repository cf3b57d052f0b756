/**
 * The clients of AG-UI that a stream is for: 1.0, and 0.0.59, which declares no version. Each refuses what it does not take.
 */
import * as current from "@ag-ui/client"
import * as older from "@ag-ui/client-0.0.59"
import { EventSchemas } from "@ag-ui/core/schemas"
import { expect } from "@effect/vitest"
import type { AgentEvent } from "@runlease/core"
import { from, lastValueFrom, toArray } from "rxjs"
import * as AgUiView from "../../src/agui/AgUiView.js"

type Event = AgentEvent.LogEvent

/** What the client makes of the events of a stream: fails when it refuses them. */
const accepts: Readonly<
  Record<AgUiView.Peer, (events: ReadonlyArray<Event>) => Promise<ReadonlyArray<unknown>>>
> = {
  current: (events) =>
    lastValueFrom(
      from(events.map((event) => EventSchemas.parse(event) as current.BaseEvent)).pipe(
        current.transformChunks(false),
        current.verifyEvents(false),
        toArray(),
      ),
    ),
  older: (events) =>
    lastValueFrom(
      from(events.map((event) => older.EventSchemas.parse(event) as older.BaseEvent)).pipe(
        older.transformChunks(false),
        older.verifyEvents(false),
        toArray(),
      ),
    ),
}

export const peers: ReadonlyArray<AgUiView.Peer> = ["current", "older"]

export const subject = { runId: "run", threadId: "thread" }

export const viewOf = (log: ReadonlyArray<Event>, peer: AgUiView.Peer = "current"): ReadonlyArray<Event> =>
  log.flatMap(AgUiView.make(subject, { peer }))

/** How many events of a stream its client takes. */
export const taken = async (events: ReadonlyArray<Event>, peer: AgUiView.Peer): Promise<number> =>
  (await accepts[peer](events)).length

/** What each client is shown of a log, which both take whole. */
export const shown = async (
  log: ReadonlyArray<Event>,
): Promise<Readonly<Record<AgUiView.Peer, ReadonlyArray<Event>>>> => {
  const views = { current: viewOf(log), older: viewOf(log, "older") }
  for (const peer of peers) expect(await taken(views[peer], peer)).toBe(views[peer].length)
  return views
}
