/**
 * What keeps a run from going on now, and what to do about it.
 */
import { WorkerMetadata, WorkerState } from "@runlease/core"
import * as PendingObstacle from "@runlease/store/PendingObstacle"
import { DateTime, Option } from "effect"
import * as AboutLines from "../output/AboutLines.js"
import * as Phrases from "../output/Phrases.js"
import * as RunLines from "../output/RunLines.js"
import type { Facts } from "./Facts.js"

/**
 * A pending run has an obstacle of `PendingObstacle`. `working`: the worker that holds it. `lapsed`: its lease has lapsed, and no other worker has claimed it yet. `driven`: its submitter executes it.
 * `question`, `time`, `children`, `message`, `budget`: what it waits for.
 */
export interface Obstacle {
  readonly kind:
    | PendingObstacle.Obstacle["kind"]
    | "working"
    | "lapsed"
    | "driven"
    | "question"
    | "time"
    | "children"
    | "message"
    | "budget"
  readonly text: string
  readonly advice: string | null
}

const nameOf = ({ worker }: Facts["workers"][number]): string => WorkerState.nameOf(worker)

/** The slots of a worker that reports them, as of its last heartbeat. */
const slotsOf = ({ worker }: Facts["workers"][number]): PendingObstacle.Claimer["slots"] =>
  Option.match(WorkerMetadata.of(worker.metadata), {
    onNone: () => null,
    onSome: ({ in_use, slots }) => ({ all: slots, used: Math.max(in_use, worker.inFlight ?? 0) }),
  })

const times: PendingObstacle.Times = {
  near: (instant, reference) => Phrases.near(DateTime.unsafeMake(instant), DateTime.unsafeMake(reference)),
  span: Phrases.span,
}

const pending = (facts: Facts): Obstacle => {
  const { run, standing, workers } = facts
  const { ahead, gate, limit, now, queuedBefore, runsAhead } = standing
  const { advice, kind, text } = PendingObstacle.of(
    {
      ...run,
      availableAt: run.availableAt.epochMillis,
      lane: run.concurrencyKey === run.conversationId ? null : run.concurrencyKey,
    },
    {
      now: now.epochMillis,
      gate,
      limit: limit && {
        ...limit,
        hasRate: limit.rate !== null,
        nextStartAt: limit.nextStartAt?.epochMillis ?? null,
      },
      runsAhead,
      queuedBefore,
      ahead:
        ahead === null
          ? null
          : { runId: ahead.runId, status: ahead.status, worker: ahead.claims.at(-1)?.workerName ?? null },
      claimers: workers
        .filter(({ worker }) => WorkerState.canClaim(worker, run))
        .map((each) => ({
          name: nameOf(each),
          state: WorkerState.of(each.worker, now),
          slots: slotsOf(each),
        })),
    },
    times,
  )
  return { kind, text: text + limitText(facts), advice: advice === null ? null : adviceText(advice) }
}

/** When a limit of time ends the run, if nothing comes before; empty for a run without one. */
const limitText = ({ run: { startBy, timeoutAt }, standing: { now } }: Facts): string => {
  if (startBy !== undefined) {
    return ` Without a claim it is cancelled at ${Phrases.near(startBy, now)}, in ${Phrases.between(now, startBy)}.`
  }
  return timeoutAt === undefined
    ? ""
    : ` It reaches its timeout at ${Phrases.near(timeoutAt, now)}, after ${Phrases.between(now, timeoutAt)} of further work.`
}

const adviceText = ({ command, text }: PendingObstacle.Advice): string =>
  command === null ? text : `${text}: ${command}`

const running = (facts: Facts): Obstacle => {
  const { lastEntry, run, standing, summary, workers } = facts
  const { now } = standing
  const claim = summary.claims.at(-1)
  const grown =
    lastEntry === null
      ? ""
      : ` Its log last grew ${Phrases.between(lastEntry.createdAt, now)} ago: ${[lastEntry.event.type, lastEntry.event.name].filter((part) => typeof part === "string").join(" ")}.`
  if (run.lease === null || claim === undefined || claim.ended !== null) {
    return {
      kind: "driven",
      text: `Its submitter executes it, without a worker.${grown}`,
      advice: "If its submitter is gone, it stays so: runlease runs cancel " + run.runId,
    }
  }
  const holder = workers.find(({ worker }) => worker.id === claim.workerId)?.worker
  const state = holder === undefined ? undefined : WorkerState.of(holder, now)
  const { expiresAt } = run.lease
  if (DateTime.lessThanOrEqualTo(expiresAt, now)) {
    return {
      kind: "lapsed",
      text: `The lease of worker ${claim.workerName} lapsed ${Phrases.between(expiresAt, now)} ago. Another worker can claim the run within seconds.`,
      advice: "If it stays so, no server sweeps: runlease doctor",
    }
  }
  const ahead = WorkerMetadata.aheadOf(holder?.metadata)
  const waits =
    ahead === 0
      ? ""
      : ` ${Phrases.count(ahead, "run")} of that worker waited for a slot; one waits a second at most.`
  const renewed =
    claim.renewals === 0 ? "not renewed yet" : `renewed ${Phrases.between(claim.renewedAt, now)} ago`
  return {
    kind: "working",
    text:
      `Worker ${claim.workerName}${state === "silent" || state === "gone" ? `, which is ${state},` : ""} holds it since ${Phrases.near(claim.claimedAt, now)} (attempt ${run.attempt} of ${run.maxAttempts}). ` +
      `Its lease was ${renewed} and lasts ${Phrases.between(now, expiresAt)} more.${limitText(facts)}${waits}${grown}`,
    advice:
      state === "silent" || state === "gone"
        ? "Nothing: when the lease lapses, another worker takes the run."
        : null,
  }
}

const waiting = ({ children, run, standing: { now } }: Facts): ReadonlyArray<Obstacle> => {
  const open = RunLines.openInterrupts(run)
  const { budget, children: groups, inbox, wakesAt } = run.waiting ?? {}
  const left = children.filter(({ ended }) => !ended)
  const which = (id: string) => (open.length === 1 ? "" : ` --interrupt ${id}`)
  return [
    ...open.map((interrupt): Obstacle => ({
      kind: "question",
      text: `It waits for an answer to ${interrupt.id}: ${RunLines.questionOf(interrupt)}${AboutLines.onOneLine(interrupt.metadata)}`,
      advice: `Answer: runlease resume ${run.runId}${which(interrupt.id)} (--approve | --deny | --result JSON | --text TEXT)`,
    })),
    ...(wakesAt === undefined
      ? []
      : [
          {
            kind: "time",
            text: DateTime.greaterThan(wakesAt, now)
              ? `It sleeps until ${Phrases.near(wakesAt, now)}, for ${Phrases.between(now, wakesAt)} more.`
              : `Its sleep has ended ${Phrases.between(wakesAt, now)} ago; the store wakes it within a second.`,
            advice: null,
          } as const,
        ]),
    ...(groups === undefined
      ? []
      : [
          {
            kind: "children",
            text:
              left.length === 0
                ? "It waits for its children, which have ended a moment ago."
                : `It waits for its children. ${Phrases.count(left.length, "of them is", "of them are")} open: ${Phrases.some(left.map(({ agentId, runId }) => `${runId} (${agentId})`))}.`,
            advice:
              left[0] === undefined
                ? null
                : `Look why the first makes no progress: runlease runs explain ${left[0].runId}`,
          } as const,
        ]),
    ...(inbox === undefined
      ? []
      : [
          {
            kind: "message",
            text: "It waits for a message.",
            advice: `Send it one: runlease tell ${run.runId} TEXT`,
          } as const,
        ]),
    ...(budget === undefined
      ? []
      : [
          {
            kind: "budget",
            text: "It has spent its budget, and waits for a higher one.",
            advice: `See what it has used: runlease runs usage ${run.runId} --tree`,
          } as const,
        ]),
  ]
}

/** What keeps the run from going on; nothing for one that has ended. */
export const of = (facts: Facts): ReadonlyArray<Obstacle> => {
  const { run } = facts
  switch (run.status) {
    case "running":
      return [running(facts)]
    case "waiting":
      return waiting(facts)
    case "pending":
      return [pending(facts)]
    default:
      return []
  }
}
