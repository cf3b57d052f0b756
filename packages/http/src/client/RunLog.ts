import { type AgentEvent, ControlEvents, type Ids, LogFilter, Run, RunLog, StepRecord } from "@runlease/core"
import { type Context, Duration, Effect, Random } from "effect"
import type * as Refusal from "../contract/Refusal.js"
import * as Conversations from "../Api/Conversations.js"
import { Replies } from "../Api/Operations.js"
import * as Runs from "../Api/Runs.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Endpoints from "./Endpoints.js"
import { Credentials, lacks, type Transport } from "./Transport.js"
import { Exchange, kind } from "./Exchange.js"
import { RunLookup } from "./Runs.js"

const append = kind("RunLog.append", Replies.append)

/** Where a log is after an append. */
export const fromReply = (reply: typeof Replies.append.Type): RunLog.Appended => ({
  latestEventId: reply.latest_event_id,
  latestSequence: reply.latest_external_event_sequence,
  appendedCount: reply.appended_count,
  inbox: reply.inbox,
})

const pollInterval = Duration.seconds(1)

const bodyOf = ({ events, expectedEventId, expectedSequence }: RunLog.AppendRequest) => ({
  events,
  expected_previous_event_id: expectedEventId,
  expected_previous_external_event_sequence: expectedSequence,
})

interface PageOf extends LogFilter.LogFilter {
  readonly runId: Ids.RunId
  readonly after?: Run.EventId | undefined
  readonly limit?: number | undefined
}

const queryOf = ({ after, limit, name, types = [] }: PageOf) => ({
  after_event_id: after,
  limit,
  type: types.length === 0 ? undefined : types.join(","),
  name,
})

type ReadPage<E> = (options: PageOf) => Effect.Effect<ReadonlyArray<RunLog.LogEntry>, E>

/** Reads what matches where the server does not find it. */
export const matchingWith =
  <E>(read: ReadPage<E>) =>
  (
    { after = Run.EventId.make(0), limit = RunLog.defaultReadLimit, runId }: PageOf,
    matches: (event: AgentEvent.LogEvent) => boolean,
  ) =>
    LogFilter.read((from) => read({ runId, after: from, limit: RunLog.maxReadLimit }), {
      after,
      limit,
      matches,
    })

/** Reads the records of steps where the server does not find them. */
export const recordsWith = <E>(read: ReadPage<E>) => {
  const matching = matchingWith(read)
  return (options: PageOf) => {
    const matches = LogFilter.predicate(options) ?? (() => true)
    return matching(options, (event) => StepRecord.isReserved(event) && matches(event))
  }
}

/** `followWait`: how long the server holds a read of a follower; undefined where it answers at once. */
export const makeWith = Effect.fnUntraced(function* (
  followWait: Duration.Duration | undefined,
): Effect.fn.Return<
  Context.Tag.Service<RunLog.RunLog>,
  never,
  Credentials | Exchange | RunLookup | Transport
> {
  const runs = yield* Endpoints.of("RunLog", Runs.group)
  const conversations = yield* Endpoints.of("RunLog", Conversations.group)
  const credentials = yield* Credentials
  const exchange = yield* Exchange
  const lookup = yield* RunLookup

  const appendFailure = ({ fence, runId }: RunLog.AppendRequest, refusal: Refusal.Refusal) =>
    Verdicts.decode(
      "RunLog.append",
      ["RunNotFound", "LeaseLost", "RunWaiting", "RunEnded", "EventRefused", "CursorMismatch"],
      { runId, workerId: fence?.workerId, readRun: lookup.get(runId) },
    )(refusal).pipe(Effect.tapErrorTag("RunNotFound", () => lookup.forget(runId)))

  const appendByItself = Effect.fnUntraced(function* (request: RunLog.AppendRequest) {
    const conversationId = yield* lookup.conversationOf(request.runId)
    const credential = yield* credentials.fenced(request.fence)
    return yield* conversations.request("append", {
      path: { conversation_id: conversationId, run_id: request.runId },
      credential,
      body: bodyOf(request),
      success: Replies.append,
    })
  })

  const appended = (request: RunLog.AppendRequest) =>
    request.fence === undefined
      ? appendByItself(request)
      : exchange.perform(
          {
            kind: append,
            workerId: request.fence.workerId,
            sent: {
              operation: "append",
              run_id: request.runId,
              lease_epoch: request.fence.epoch,
              ...bodyOf(request),
            },
          },
          appendByItself(request),
        )

  const page = (options: PageOf & { readonly wait?: Duration.Duration | undefined }) =>
    runs.call(
      "events",
      {
        operation: "RunLog.read",
        path: { run_id: options.runId },
        query: {
          ...queryOf(options),
          wait_seconds: options.wait === undefined ? undefined : Duration.toSeconds(options.wait),
        },
        wait: options.wait,
      },
      ["RunNotFound"],
      { runId: options.runId },
    )

  const recordsOfLog = recordsWith((options) => Effect.map(page(options), ({ data }) => data))

  const records = (options: PageOf) =>
    runs
      .request("steps", {
        operation: "RunLog.read",
        path: { run_id: options.runId },
        query: queryOf(options),
      })
      .pipe(
        Effect.map(({ data }) => data),
        Effect.catchTag("Refusal", (refusal) =>
          lacks(refusal)
            ? recordsOfLog(options)
            : Verdicts.decode("RunLog.read", ["RunNotFound"], { runId: options.runId })(refusal),
        ),
      )

  /** Reads further. If the server does not say whether the log has ended, this reads the run, and waits between reads. */
  const more = Effect.fnUntraced(function* (runId: Ids.RunId, after: Run.EventId) {
    const { data, ended } = yield* page({
      runId,
      after,
      wait: followWait,
      limit: RunLog.maxReadLimit,
    })
    if (ended !== undefined) return { entries: data, ended }
    const last = data.at(-1)
    if (last !== undefined) return { entries: data, ended: ControlEvents.endsLog(last) }
    if (Run.isTerminal((yield* lookup.get(runId)).status)) return { entries: data, ended: true }
    yield* Effect.flatMap(Random.nextRange(0.8, 1.2), (factor) =>
      Effect.sleep(Duration.times(pollInterval, factor)),
    )
    return { entries: data, ended: false }
  })

  const reader: RunLog.RunLog["Type"]["reader"] = ({ runId }) =>
    RunLog.readerOf((position) => more(runId, position))

  return {
    append: Effect.fnUntraced(function* (request) {
      const reply = yield* Effect.catchTag(appended(request), "Refusal", (refusal) =>
        appendFailure(request, refusal),
      )
      return fromReply(reply)
    }),

    read: (options) =>
      options.only === undefined ? Effect.map(page(options), ({ data }) => data) : records(options),

    follow: ({ after, runId }) => RunLog.followWith(reader({ runId }), after),

    reader,
  }
})

export const make = makeWith(Duration.seconds(20))
