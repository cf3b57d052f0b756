/** The control plane that a history runs against, with its workers and with names that no other history uses. */
import { Claims } from "@runlease/core/Claims"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import { AgentId, RunId, type WorkerId } from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import type { InvalidCursor } from "@runlease/core/Page"
import {
  EventId,
  type Fence as CoreFence,
  isTerminal,
  LeaseEpoch,
  type LeaseRecord,
  type Run,
  Sequence,
} from "@runlease/core/Run"
import { type LogEntry, RunLog } from "@runlease/core/RunLog"
import { type Outcome, Runs } from "@runlease/core/Runs"
import { type Activity, type AgentCounts, Statistics } from "@runlease/core/Statistics"
import * as Histogram from "@runlease/core/Histogram"
import * as ResumeRules from "@runlease/core/ResumeRules"
import { DateTime, Effect, Option } from "effect"
import type { JumpClock } from "../JumpClock.js"
import * as ModelLog from "./ModelLog.js"
import * as Observation from "./Observation.js"
import { type Fence, instant, makeInputs, type PendingCall, type Request, runName } from "./Request.js"

/** Both as text. */
interface Comparison {
  readonly counted: string
  readonly ofRuns: string
}

const statuses = ["pending", "running", "waiting", "completed", "failed", "cancelled"] as const

/** The number of values of each kind, in the order of the kinds. */
const tally = (values: ReadonlyArray<string>): string =>
  Array.from(new Set(values))
    .sort()
    .map((value) => `${value} ${values.filter((each) => each === value).length}`)
    .join(", ")

const format = (counts: {
  readonly runs: AgentCounts["runs"]
  readonly submitted: number
  readonly claimed: number
  readonly failures: string
  readonly ended: number
  readonly started: number
}): string => JSON.stringify(counts)

const ofRuns = (runs: ReadonlyArray<Run>): string => {
  const count = (is: (run: Run) => boolean) => runs.filter(is).length
  const inStatus = (status: Run["status"]) => count((run) => run.status === status)
  const [pending, running, waiting, completed, failed, cancelled] = statuses.map(inStatus)
  return format({
    runs: {
      pending: pending!,
      running: running!,
      waiting: waiting!,
      completed: completed!,
      failed: failed!,
      cancelled: cancelled!,
    },
    submitted: runs.length,
    claimed: runs.reduce((total, { leaseEpoch }) => total + leaseEpoch, 0),
    failures: tally(
      runs.flatMap(({ error, status }) => (status === "failed" ? [error?.code ?? "no code"] : [])),
    ),
    ended: count(({ status }) => isTerminal(status)),
    started: count(({ startedAt, status }) => isTerminal(status) && startedAt !== null),
  })
}

const counted = (counts: AgentCounts | undefined, activity: Activity | undefined): string => {
  const failures = activity?.failures ?? []
  const { cancelled = 0, completed = 0, failed = 0 } = activity?.ended ?? {}
  const claimed = activity?.claimed ?? 0
  const picked = Histogram.size(activity?.pickUp ?? [])
  return format({
    runs: counts?.runs ?? { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 },
    submitted: activity?.submitted ?? 0,
    // Each claim has one time.
    claimed: claimed === picked ? claimed : -1,
    failures: tally(
      failures.flatMap(({ code, count }) => Array.from({ length: count }, () => code ?? "no code")),
    ),
    ended: completed + failed + cancelled,
    started: Histogram.size(activity?.runTime ?? []),
  })
}

/** The runs of a history, of which there are fewer than a page has. */
const runsOf = (agentId: AgentId) =>
  Effect.flatMap(Runs, (runs) => Effect.map(runs.list({ agentId, limit: 100 }), ({ items }) => ofRuns(items)))

/** Time may change a run between two reads, so the runs are read again until they are the same before and after. */
const compare = (
  statistics: Statistics["Type"],
  agentId: AgentId,
): Effect.Effect<Comparison, ControlPlaneError | InvalidCursor, Runs> =>
  Effect.gen(function* () {
    const before = yield* runsOf(agentId)
    const [counts] = yield* statistics.counts({ agentId })
    const [activity] = yield* statistics.agents({ step: "hour", last: 1500, agentId })
    const after = yield* runsOf(agentId)
    return before === after
      ? { counted: counted(counts, activity), ofRuns: after }
      : yield* compare(statistics, agentId)
  })

export interface SystemUnderTest {
  /** Sends a request and returns the verdict in the format of the model. */
  readonly send: (request: Request) => Effect.Effect<string, never, ProjectPorts>
  /** The observable state of a run, as `Observation.format` writes it. */
  readonly observe: (run: number) => Effect.Effect<string, never, ProjectPorts>
  readonly readLog: (run: number) => Effect.Effect<ReadonlyArray<LogEntry>, string, ProjectPorts>
  /** What the store has counted, where it counts, and what its runs add up to; both at one moment. */
  readonly totals: Effect.Effect<Option.Option<Comparison>, string, ProjectPorts>
  /** Passes through the queue of the store, behind the requests that are in it. */
  readonly settle: Effect.Effect<void, never, ProjectPorts>
  /** Converts a log entry to the model's. */
  readonly toModelEntry: (entry: LogEntry) => ModelLog.Entry
}

interface Failure {
  readonly _tag: string
  readonly message: string
}

/** The verdict of an error. The model has no unavailable store, so that one keeps its message. */
const verdictOf = ({ _tag, message }: Failure): string =>
  _tag === "ControlPlaneUnavailable" ? `${_tag}: ${message}` : _tag

/** How long a claim waits that does. */
export const waitMillis = 1000

/** More than the longest log of a history. */
const maxEntries = 1000

/** `name` consists of letters and digits. The history begins at the current instant of the clock. */
export const make = (options: {
  readonly name: string
  readonly clock: JumpClock
  readonly workers: ReadonlyArray<WorkerId>
}): SystemUnderTest => {
  const { clock, name, workers } = options
  const origin = clock.unsafeCurrentTimeMillis()
  const agentId = AgentId.make(name)
  const runIdOf = (run: number) => RunId.make(`${name}-${runName(run)}`)
  const numberOf = (runId: RunId) => Number(runId.split("-").at(-1)) - 1
  const workerNumber = (id: string) => workers.findIndex((each) => each === id)
  const sinceOrigin = (at: DateTime.Utc | null) => (at === null ? 0 : DateTime.toEpochMillis(at) - origin)

  const { followUpOf, pauseOf, submissionOf, suspensionOf } = makeInputs({ name, agentId, origin })

  const fenceOf = (fence: Fence): CoreFence => ({
    workerId: workers[fence.worker]!,
    epoch: fence.epoch === null ? null : LeaseEpoch.make(fence.epoch),
  })
  const leaseOf = ({ fence, run }: { readonly fence: Fence; readonly run: number }) => ({
    runId: runIdOf(run),
    ...fenceOf(fence),
  })

  const send = Effect.fnUntraced(function* (
    request: Request,
  ): Effect.fn.Return<string, Failure, ProjectPorts> {
    const claims = yield* Claims
    const leases = yield* Leases
    const runLog = yield* RunLog
    const runs = yield* Runs
    switch (request._tag) {
      case "Submit": {
        const { debounced, duplicate, run, steered } = yield* runs.submit(submissionOf(request))
        if (!steered && !debounced) return duplicate ? "Duplicate" : "Submitted"
        return `${steered ? "Steered" : "Debounced"} ${duplicate ? "before " : ""}${runName(numberOf(run.runId))}`
      }
      case "Claim": {
        const { lease: leaseDuration, limit } = request
        const workerId = workers[request.worker]!
        const claimed = yield* claims.claim({
          workerId,
          limit,
          leaseDuration,
          agentIds: [agentId],
          ...(request.waits ? { wait: waitMillis } : {}),
        })
        const texts = claimed.map((run) =>
          Observation.formatClaim({
            run: numberOf(run.runId),
            attempt: run.attempt,
            epoch: run.leaseEpoch ?? -1,
            event: run.latestEventId,
            sequence: run.latestSequence,
            until: sinceOrigin(run.leaseExpiresAt),
          }),
        )
        return texts.length === 0 ? "nothing" : texts.join("; ")
      }
      case "Renew": {
        const renewals = yield* leases.renew({
          workerId: workers[request.worker]!,
          leases: request.leases.map(({ epoch, run }) => ({
            runId: runIdOf(run),
            epoch: epoch === null ? null : LeaseEpoch.make(epoch),
          })),
          leaseDuration: request.lease,
        })
        return renewals
          .map((renewal) =>
            renewal._tag === "Renewed"
              ? `Renewed until ${instant(sinceOrigin(renewal.expiresAt))}`
              : renewal._tag,
          )
          .join(", ")
      }
      case "Append": {
        const { expectedEventId, expectedSequence, fence } = request
        const appended = yield* runLog.append({
          runId: runIdOf(request.run),
          events: request.events,
          ...(expectedEventId === undefined ? {} : { expectedEventId: EventId.make(expectedEventId) }),
          ...(expectedSequence === undefined ? {} : { expectedSequence: Sequence.make(expectedSequence) }),
          ...(fence === null ? {} : { fence: fenceOf(fence) }),
        })
        return `Appended ${appended.appendedCount} up to event ${appended.latestEventId} sequence ${appended.latestSequence}`
      }
      case "Release": {
        const { counted: countAttempt, delay } = request
        yield* leases.release(leaseOf(request), { countAttempt, ...(delay === 0 ? {} : { delay }) })
        return "Released"
      }
      case "Suspend":
        yield* leases.suspend(leaseOf(request), suspensionOf(request))
        return "Suspended"
      case "Pause":
        yield* leases.suspend(leaseOf(request), pauseOf(request))
        return "Paused"
      case "Raise": {
        const payload = { tokens: request.tokens }
        const { duplicate } = yield* runs.resume(runIdOf(request.run), [
          { interruptId: request.call, status: "resolved", payload },
        ])
        return duplicate ? "Duplicate" : "Resumed"
      }
      case "Tell": {
        const { duplicate } = yield* runs.tell(runIdOf(request.run), {
          parts: [],
          ...(request.key === null ? {} : { idempotencyKey: String(request.key) }),
        })
        return duplicate ? "Sent before" : "Sent"
      }
      case "Spawn": {
        const stepId = String(request.child)
        const submission = { publicId: runIdOf(request.child), agentId, maxAttempts: 100 }
        const { index } = yield* leases.spawn(leaseOf(request), { stepId, name: stepId, submission })
        return `Spawned ${index}`
      }
      case "Resume": {
        const [first, ...others] = request.answers.map(({ call, result }) =>
          Interrupt.toolResult(call, result),
        )
        const { duplicate } = yield* runs.resume(runIdOf(request.run), [first!, ...others])
        return duplicate ? "Duplicate" : "Resumed"
      }
      case "FollowUp": {
        const result = yield* runs.followUp(runIdOf(request.run), followUpOf(request))
        return result._tag === "Continued"
          ? `${result.duplicate ? "Again" : "Continued"} after ${result.since}`
          : `${result._tag} ${result.run.status}`
      }
      case "Cancel": {
        const { cancelled } = yield* runs.cancel(runIdOf(request.run))
        return cancelled ? "Cancelled" : "Ended before"
      }
      case "Complete": {
        const { fence, run, status } = request
        const consumed = request.consumed ?? undefined
        const outcome: Outcome = {
          status,
          ...(status === "failed" ? { error: { code: "reported", message: "It failed" } } : {}),
        }
        // The model has one operation for the two ways in which a holder completes its run.
        const { completed } =
          fence !== null && status === "completed"
            ? yield* leases.complete(leaseOf({ fence, run }), outcome, undefined, consumed)
            : yield* runs.complete(
                runIdOf(run),
                outcome,
                fence === null ? undefined : fenceOf(fence),
                consumed,
              )
        return completed ? "Completed" : "Ended before"
      }
      case "Session":
        yield* runs.recordSession(leaseOf(request), { sessionKey: request.key })
        return "Recorded"
      case "Pass":
        yield* clock.jump(request.millis)
        return "Passed"
    }
  })

  const observeLease = (lease: LeaseRecord | null) =>
    lease === null ? null : { worker: workerNumber(lease.owner), until: sinceOrigin(lease.expiresAt) }

  const pendingCalls = (run: Run): ReadonlyArray<PendingCall> =>
    ResumeRules.openOf(run).map(({ expiresAt, id }) => ({
      call: id,
      until: expiresAt === undefined ? null : sinceOrigin(expiresAt),
    }))

  const observe = (run: Run): string =>
    Observation.format({
      status: run.status,
      attempt: run.attempt,
      epoch: run.leaseEpoch,
      lease: observeLease(run.lease),
      waiting: pendingCalls(run),
      wakesAt: run.waiting?.wakesAt === undefined ? null : sinceOrigin(run.waiting.wakesAt),
      awaiting: run.waiting?.children ?? null,
      listening: run.waiting?.inbox ?? null,
      awaitsBudget: run.waiting?.budget === true,
      ledger:
        run.budget === undefined
          ? null
          : { limit: run.budget.limits.tokens ?? 0, spent: run.budget.spent.tokens },
      session: run.session?.sessionKey ?? null,
      error: run.error?.code ?? null,
      event: run.latestEventId,
      sequence: run.latestSequence,
    })

  return {
    send: (request) =>
      send(request).pipe(
        Effect.catchAll((error) => Effect.succeed(verdictOf(error))),
        Effect.catchAllDefect((defect) => Effect.succeed(`a defect: ${String(defect)}`)),
      ),
    observe: (run) =>
      Effect.flatMap(Runs, (runs) =>
        Effect.match(runs.get(runIdOf(run)), { onFailure: verdictOf, onSuccess: observe }),
      ),
    readLog: (run) =>
      Effect.flatMap(RunLog, (log) =>
        Effect.mapError(log.read({ runId: runIdOf(run), limit: maxEntries }), verdictOf),
      ),
    totals: Effect.flatMap(
      Effect.serviceOption(Statistics),
      Option.match({
        onNone: () => Effect.succeedNone,
        onSome: (statistics) => Effect.asSome(Effect.mapError(compare(statistics, agentId), verdictOf)),
      }),
    ),
    settle: Effect.flatMap(Runs, (runs) =>
      Effect.zipRight(Effect.yieldNow(), Effect.ignore(runs.cancel(RunId.make(`${name}-none`)))),
    ),
    toModelEntry: (entry) => ModelLog.fromLogEntry(entry, workerNumber),
  }
}
