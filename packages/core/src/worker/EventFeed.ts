/** A feed of events that replays the last ones to a new listener. */
import { Effect, Exit, Mailbox, Stream, Option } from "effect"
import type { LogEvent } from "../model/AgentEvent.js"
import * as Meter from "../model/Meter.js"
import * as TokenUsage from "../model/TokenUsage.js"
import type { WorkerEvent } from "./WorkerEvent.js"
import * as WorkerMetrics from "./WorkerMetrics.js"

// Counts what becomes of runs in a worker, and the tokens that their executors report.

const byReason = Meter.label("reason")
const byOutcome = Meter.label("outcome")
const byTypeAndModel = Meter.labels("type", "model")

const outcomes = {
  Retrying: byOutcome("retrying"),
  Suspended: byOutcome("suspended"),
  Paused: byOutcome("paused"),
  Released: byOutcome("released"),
  LeaseEnded: byOutcome("lease_ended"),
}

/** Counts what has become of a run. */
export const countEnd = (event: WorkerEvent): void => {
  switch (event._tag) {
    case "Ended":
      return WorkerMetrics.runs.add(1, byOutcome(event.status))
    case "LeaseEnded":
      WorkerMetrics.leasesLost.add(1, byReason(event.reason.toLowerCase()))
      return WorkerMetrics.runs.add(1, outcomes.LeaseEnded)
    case "Retrying":
    case "Suspended":
    case "Paused":
    case "Released":
      return WorkerMetrics.runs.add(1, outcomes[event._tag])
  }
}

const tokenTypes = {
  inputTokens: "input",
  outputTokens: "output",
  reasoningTokens: "reasoning",
  cachedInputTokens: "cached_input",
  cacheWriteInputTokens: "cache_write_input",
} as const

/** Counts the tokens that an event reports, if it reports some. */
export const countTokens = (event: LogEvent): void => {
  if (event.type !== "CUSTOM" || event["name"] !== TokenUsage.eventName) return
  const usage = Option.getOrUndefined(TokenUsage.fromEvent(event))
  for (const field of TokenUsage.counts) {
    const count = usage?.[field]
    if (count !== undefined)
      WorkerMetrics.tokens.add(count, byTypeAndModel(tokenTypes[field], usage?.model ?? "unknown"))
  }
}

export interface EventFeed<A> {
  /** Costs next to nothing when there are no listeners. */
  readonly publish: (event: A) => void

  /** Ends the feed and the streams of its listeners. */
  readonly end: () => void

  /** The last events, then new ones until the feed ends. */
  readonly events: Stream.Stream<A>
}

/**
 * Units: `replay` is how many of the last events a new listener gets. `capacity` is how many events a slow listener may
 * be behind before it loses the oldest.
 */
export const make = <A>(options: { readonly replay: number; readonly capacity: number }): EventFeed<A> => {
  const last: Array<A> = []
  const listeners = new Set<Mailbox.Mailbox<A>>()
  let ended = false

  const listener = Effect.acquireRelease(
    Effect.map(Mailbox.make<A>({ capacity: options.capacity, strategy: "sliding" }), (mailbox) => {
      for (const event of last) mailbox.unsafeOffer(event)
      if (ended) mailbox.unsafeDone(Exit.void)
      else listeners.add(mailbox)
      return mailbox
    }),
    (mailbox) => Effect.sync(() => listeners.delete(mailbox)),
  )

  return {
    publish: (event) => {
      last.push(event)
      if (last.length > options.replay) last.shift()
      for (const mailbox of listeners) mailbox.unsafeOffer(event)
    },
    end: () => {
      ended = true
      for (const mailbox of listeners) mailbox.unsafeDone(Exit.void)
    },
    events: Stream.unwrapScoped(Effect.map(listener, Mailbox.toStream)),
  }
}
