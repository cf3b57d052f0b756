/** What keeps a pending run from starting: the sentences of `runlease runs explain`, with the times of the page. */
import type * as Json from "@runlease/http/Json"
import * as PendingObstacle from "@runlease/store/PendingObstacle"
import { duration, when } from "../../../format/times"
import { claims, heldBy, nameOf, stateOf, toldBy } from "../../../ui/workers"
import { isRecord } from "./questions"

export type Obstacle = PendingObstacle.Obstacle

const times: PendingObstacle.Times = { near: when, span: duration }

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)

const slotsOf = (worker: Json.WorkerSummary): PendingObstacle.Claimer["slots"] => {
  const { in_use: used = 0, slots } = toldBy(worker)
  return slots === undefined ? null : { all: slots, used: Math.max(used, heldBy(worker)) }
}

/** `config`: that of the run, which has the kind, the key and the lane. */
export const obstacleOf = (
  summary: Json.RunSummary,
  config: unknown,
  { ahead, gate, limit, now, queued_before, runs_ahead }: Json.Standing,
  workers: ReadonlyArray<Json.WorkerSummary>,
): Obstacle => {
  const more = isRecord(config) ? config : {}
  const lane = text(more["concurrency_key"])
  const route = {
    agentId: summary.agent_id,
    implementationKind: text(more["implementation_kind"]),
    workerKey: text(more["worker_key"]),
    version: text(more["version"]),
  }
  const at = Date.parse(now)
  return PendingObstacle.of(
    {
      ...route,
      availableAt: Date.parse(summary.available_at),
      lane: lane === summary.conversation_id ? null : lane,
    },
    {
      now: at,
      gate,
      runsAhead: runs_ahead,
      queuedBefore: queued_before,
      ahead:
        ahead === null
          ? null
          : { runId: ahead.run_id, status: ahead.status, worker: ahead.claims.at(-1)?.worker_name ?? null },
      limit: limit && {
        ...limit,
        maxRunning: limit.max_running,
        hasRate: limit.rate !== null,
        nextStartAt: limit.next_start_at === null ? null : Date.parse(limit.next_start_at),
      },
      claimers: workers
        .filter((worker) => claims(worker, route))
        .map((worker) => ({ name: nameOf(worker), state: stateOf(worker, at), slots: slotsOf(worker) })),
    },
    times,
  )
}

/** The words of the lanes about the time that the run waits. */
export const placeWords: Readonly<Record<Obstacle["kind"], string>> = {
  behind: "waits for its lane",
  delayed: "delayed",
  limited: "waits for a place",
  no_worker: "no worker takes it",
  queued: "waits for a worker",
}
