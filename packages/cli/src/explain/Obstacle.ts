/**
 * What keeps a run from going on now, and what to do about it.
 */
import { WorkerMetadata, WorkerState } from "@runlease/core"
import { DateTime, Option } from "effect"
import * as Phrases from "../output/Phrases.js"
import * as RunLines from "../output/RunLines.js"
import * as WorkerLines from "../output/WorkerLines.js"
import type { Facts } from "./Facts.js"

/**
 * `behind`: the first run of its lane. `delayed`: its time. `no_worker`: no worker takes it. `queued`: a slot of a worker. `working`: the
 * worker that holds it. `lapsed`: its lease has lapsed and nobody has taken it yet. `driven`: its submitter executes it.
 * `question`, `time`, `children`, `message`, `budget`: what it waits for.
 */
export interface Obstacle {
  readonly kind:
    | "behind"
    | "delayed"
    | "no_worker"
    | "queued"
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

const behind = ({ run, standing: { ahead, runsAhead } }: Facts): Obstacle => {
  if (ahead === null) {
    return {
      kind: "behind",
      text: "It was behind another run of its lane, which has ended a moment ago.",
      advice: null,
    }
  }
  const holder = ahead.claims.at(-1)
  const lane =
    run.concurrencyKey === run.conversationId ? "conversation" : `lane ${JSON.stringify(run.concurrencyKey)}`
  const does =
    ahead.status === "running" && holder !== undefined
      ? `worker ${holder.workerName} works on it`
      : ahead.status === "waiting"
        ? "it waits"
        : ahead.status
  return {
    kind: "behind",
    text:
      `It is behind run ${ahead.runId} (${does}), the first of its ${lane}. ` +
      `${runsAhead === 1 ? "No other run is" : `${runsAhead >= 1000 ? "1,000 runs or more are" : `${runsAhead} runs are`}`} before it there.`,
    advice: `Look why that one does not go on: runlease runs explain ${ahead.runId}`,
  }
}

const delayed = ({ run: { availableAt }, standing: { now } }: Facts): Obstacle => ({
  kind: "delayed",
  text: DateTime.greaterThan(availableAt, now)
    ? `It is delayed until ${Phrases.near(availableAt, now)}, for ${Phrases.between(now, availableAt)} more.`
    : `Its delay has ended at ${Phrases.near(availableAt, now)}; the store lets it go within a second.`,
  advice: null,
})

/** The slots of a worker that says how many it has: as it said with its last heartbeat. */
const slotsOf = ({ worker }: Facts["workers"][number]): string =>
  Option.match(WorkerMetadata.of(worker.metadata), {
    onNone: () => "",
    onSome: ({ in_use, slots }) => ` (${Math.max(in_use, worker.inFlight ?? 0)} of ${slots} slots in use)`,
  })

const nameOf = ({ worker }: Facts["workers"][number]): string => worker.displayName ?? worker.workerKey

const queued = ({ run, standing: { now, queuedBefore }, workers }: Facts): Obstacle => {
  const taking = workers.filter(({ worker }) => WorkerState.takes(worker, run))
  const inState = (...states: ReadonlyArray<WorkerState.WorkerState>) =>
    taking.filter(({ worker }) => states.includes(WorkerState.of(worker, now)))
  const claiming = inState("working", "idle").filter(({ worker }) => !worker.drain)
  const only = [
    `agent ${run.agentId}`,
    ...(run.implementationKind === null ? [] : [`kind ${run.implementationKind}`]),
    ...(run.workerKey === null ? [] : [`key ${run.workerKey}`]),
  ].join(", ")
  if (claiming.length === 0) {
    const draining = inState("working", "idle", "draining").map(nameOf)
    const silent = inState("silent").map(nameOf)
    const rest = [
      ...(draining.length === 0 ? [] : [`${Phrases.some(draining)} would, but claims no more (draining).`]),
      ...(silent.length === 0 ? [] : [`${Phrases.some(silent)} would, but is silent.`]),
    ]
    return {
      kind: "no_worker",
      text: [`No worker in contact claims such runs (${only}).`, ...rest].join(" "),
      advice: `Start one: ${WorkerLines.startCommand(run)}`,
    }
  }
  const place =
    queuedBefore === null || queuedBefore === 0
      ? "It is the next to be claimed"
      : `${queuedBefore >= 10_000 ? "10,000 runs or more are" : queuedBefore === 1 ? "1 run is" : `${queuedBefore} runs are`} claimed before it`
  return {
    kind: "queued",
    text: `It waits for a free slot. ${place}. ${Phrases.count(claiming.length, "worker")} may take it: ${Phrases.some(claiming.map((each) => `${nameOf(each)}${slotsOf(each)}`))}.`,
    advice:
      "If slots are free and it stays so: runlease doctor. If all are in use: start workers, or raise --concurrency.",
  }
}

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
      text: `The lease of worker ${claim.workerName} lapsed ${Phrases.between(expiresAt, now)} ago. The store gives the run to another worker within seconds.`,
      advice: "If it stays so, no server sweeps: runlease doctor",
    }
  }
  const renewed =
    claim.renewals === 0 ? "not renewed yet" : `renewed ${Phrases.between(claim.renewedAt, now)} ago`
  return {
    kind: "working",
    text:
      `Worker ${claim.workerName}${state === "silent" || state === "gone" ? `, which is ${state},` : ""} holds it since ${Phrases.near(claim.claimedAt, now)} (attempt ${run.attempt} of ${run.maxAttempts}). ` +
      `Its lease was ${renewed} and lasts ${Phrases.between(now, expiresAt)} more.${grown}`,
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
      text: `It waits for an answer to ${interrupt.id}: ${RunLines.questionOf(interrupt)}`,
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
                : `Look why the first does not go on: runlease runs explain ${left[0].runId}`,
          } as const,
        ]),
    ...(inbox === undefined
      ? []
      : [
          {
            kind: "message",
            text: "It waits for a message.",
            advice: `Tell it something: runlease tell ${run.runId} TEXT`,
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
  const { run, standing } = facts
  switch (run.status) {
    case "running":
      return [running(facts)]
    case "waiting":
      return waiting(facts)
    case "pending":
      if (standing.gate === "behind") return [behind(facts)]
      return [standing.gate === "delayed" ? delayed(facts) : queued(facts)]
    default:
      return []
  }
}
