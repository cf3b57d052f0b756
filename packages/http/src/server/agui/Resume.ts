/**
 * A run of a thread that goes on with the answers it waited for.
 *
 * @since 0.1.0
 */
import { type Ids, Interrupt, Run, RunLog, Runs } from "@runlease/core"
import { Array, Chunk, Context, Effect, Either, Option, Predicate, Stream } from "effect"
import * as Refusal from "../../Refusal.js"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import type { Ports } from "../KnownProjects.js"
import * as Thread from "./Thread.js"

type Entries = NonNullable<RunAgentInput["resume"]>

/** The answers of an input, if it holds any. */
export const answersOf = (entries: Entries = []): Option.Option<Interrupt.Answers> => {
  const answers = entries.map(({ interruptId, metadata, payload, status }): Interrupt.Answer => ({
    interruptId,
    status,
    ...(payload === undefined ? {} : { payload }),
    ...(metadata == null ? {} : { metadata }),
  }))
  return Array.isNonEmptyArray(answers) ? Option.some(answers) : Option.none()
}

const refuse = (detail: string) => Refusal.make(409, "not_waiting", detail, { field: "resume" })

const asks = ({ event, sequence }: RunLog.LogEntry, ids: ReadonlyArray<string>): boolean => {
  const outcome = event["outcome"]
  if (sequence !== null || event.type !== "RUN_FINISHED" || !Predicate.isRecord(outcome)) return false
  return Either.match(Interrupt.fromEvent(outcome["interrupts"]), {
    onLeft: () => false,
    onRight: (interrupts) => interrupts.some(({ id }) => ids.includes(id)),
  })
}

/** The last event of a log that asks for one of these; 0 when there is none. */
const askedAt = (ports: Ports, runId: Ids.RunId, ids: ReadonlyArray<string>) => {
  const log = Context.get(ports, RunLog.RunLog)
  return Stream.paginateChunkEffect(Run.EventId.make(0), (after) =>
    Effect.map(log.read({ runId, after, limit: RunLog.maxReadLimit }), (entries) => [
      Chunk.unsafeFromArray(entries),
      Option.map(Array.last(entries), ({ eventId }) => eventId),
    ]),
  ).pipe(Stream.runFold(Run.EventId.make(0), (at, entry) => (asks(entry, ids) ? entry.eventId : at)))
}

/** The run, and the event after which it goes on with these answers. */
export interface Resumed {
  readonly runId: Ids.RunId
  readonly from: Run.EventId
}

/**
 * Gives the run of the thread that waits for these answers all that it waits for. Answers that the thread's last run has
 * had before find that run again.
 *
 * None when there is nothing to answer: to cancel what nobody waits for, as when it has expired, asks for nothing. Fails:
 * with a refusal when an answer is missing, is for something else, or differs from one that was given.
 *
 * @since 0.1.0
 * @category answering
 */
export const resume = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  agentId: Ids.AgentId,
  answers: Interrupt.Answers,
) {
  const ids = answers.map(({ interruptId }) => interruptId)
  const nothing = answers.every(({ status }) => status === "cancelled")
    ? Effect.succeedNone
    : refuse(`No run of agent ${agentId} in this thread waits for an answer to ${ids.join(", ")}`)

  const waiting = yield* Thread.runs(ports, thread, { agentId, status: "waiting" })
  const asking = waiting.find((run) => Thread.openIds(run).some((id) => ids.includes(id)))
  const missing = asking === undefined ? [] : Array.difference(Thread.openIds(asking), ids)
  if (missing.length > 0) {
    return yield* refuse(`\`resume\` must answer all that the run waits for; missing: ${missing.join(", ")}`)
  }
  // Interrupts of different runs may have the same id, so those of older runs are not looked at.
  const run = asking ?? (yield* Thread.runs(ports, thread, { agentId, limit: 1 }))[0]
  if (run === undefined) return yield* nothing
  return yield* Context.get(ports, Runs.Runs)
    .resume(run.runId, answers)
    .pipe(
      Effect.flatMap(({ duplicate, run: { latestEventId, runId } }) =>
        Effect.map(
          duplicate ? askedAt(ports, runId, ids) : Effect.succeed(latestEventId),
          (from): Option.Option<Resumed> => Option.some({ runId, from }),
        ),
      ),
      Effect.catchTag("NotWaiting", (error) =>
        error.answered || error.open?.some((id) => ids.includes(id)) ? refuse(error.message) : nothing,
      ),
    )
})
