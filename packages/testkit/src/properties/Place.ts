/**
 * Where a history happens: a control plane, its workers, and names that no other history uses.
 *
 * @since 0.1.0
 */
import * as Answers from "@runlease/core/Answers"
import type { FollowUp } from "@runlease/core/FollowUp"
import { empty, fromText } from "@runlease/core/RequestSnapshot"
import { Claims } from "@runlease/core/Claims"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { AgentId, RunId, type WorkerId } from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases, type Suspension } from "@runlease/core/Leases"
import {
  EventId,
  type Fence as CoreFence,
  LeaseEpoch,
  type LeaseRecord,
  type Run,
  Sequence,
} from "@runlease/core/Run"
import { type LogEntry, RunLog } from "@runlease/core/RunLog"
import { type Outcome, Runs, type Submission } from "@runlease/core/Runs"
import { DateTime, Effect } from "effect"
import type { JumpClock } from "../JumpClock.js"
import * as ModelLog from "./ModelLog.js"
import { type Fence, inputName, instant, type Request, runName } from "./Request.js"
import * as Seen from "./Seen.js"

export interface Place {
  /** Makes a request and gives the verdict in the words of the model. */
  readonly ask: (request: Request) => Effect.Effect<string, never, ProjectPorts>
  /** What is to be seen of a run. */
  readonly look: (run: number) => Effect.Effect<string, never, ProjectPorts>
  readonly log: (run: number) => Effect.Effect<ReadonlyArray<LogEntry>, string, ProjectPorts>
  /** An entry of the log in the words of the model. */
  readonly read: (entry: LogEntry) => ModelLog.Entry
}

interface Failure {
  readonly _tag: string
  readonly message: string
}

/** An error in the words of the model, which knows nothing of stores that do not answer. */
const refusal = ({ _tag, message }: Failure): string =>
  _tag === "ControlPlaneUnavailable" ? `${_tag}: ${message}` : _tag

const longest = 1000

/**
 * `name` is of letters and digits; the clock's instant is where the history begins.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly name: string
  readonly clock: JumpClock
  readonly workers: ReadonlyArray<WorkerId>
}): Place => {
  const { clock, name, workers } = options
  const origin = clock.unsafeCurrentTimeMillis()
  const agentId = AgentId.make(name)
  const runIdOf = (run: number) => RunId.make(`${name}-${runName(run)}`)
  const numberOf = (runId: RunId) => Number(runId.split("-").at(-1)) - 1
  const workerNumber = (id: string) => workers.findIndex((each) => each === id)
  const sinceOrigin = (at: DateTime.Utc | null) => (at === null ? 0 : DateTime.toEpochMillis(at) - origin)

  const fenceOf = (fence: Fence): CoreFence => ({
    workerId: workers[fence.worker]!,
    epoch: fence.epoch === null ? null : LeaseEpoch.make(fence.epoch),
  })
  const leaseOf = ({ fence, run }: { readonly fence: Fence; readonly run: number }) => ({
    runId: runIdOf(run),
    ...fenceOf(fence),
  })

  const suspensionOf = ({ asked, expiresAfter }: Extract<Request, { _tag: "Suspend" }>): Suspension => {
    const [first, ...others] = asked.map(({ call, until }) => ({
      ...Interrupt.ofToolCall(call, "ask"),
      ...(until === null ? {} : { expiresAt: DateTime.unsafeMake(origin + until) }),
    }))
    return { interrupts: [first!, ...others], ...(expiresAfter === null ? {} : { expiresAfter }) }
  }

  const submissionOf = (request: Extract<Request, { _tag: "Submit" }>): Submission => ({
    publicId: runIdOf(request.run),
    agentId,
    concurrencyKey: request.lane === null ? null : `${name}-${request.lane}`,
    priority: request.priority,
    maxAttempts: request.maxAttempts,
    ...(request.availableAt === null
      ? {}
      : { availableAt: DateTime.unsafeMake(origin + request.availableAt) }),
    ...(request.driven ? { initialStatus: "running" } : {}),
    ...(request.ofClient ? { snapshot: { ...empty, protocol: "ag-ui" } } : {}),
  })

  const followUpOf = ({ answers, input }: Extract<Request, { _tag: "FollowUp" }>): FollowUp => ({
    publicId: RunId.make(`${name}-${inputName(input)}`),
    resume: [],
    results: answers.map(({ call, result }) => Interrupt.toolResult(call, result)),
    snapshot: { ...fromText(JSON.stringify(answers)), protocol: "ag-ui" },
  })

  const asked = Effect.fnUntraced(function* (
    request: Request,
  ): Effect.fn.Return<string, Failure, ProjectPorts> {
    const claims = yield* Claims
    const leases = yield* Leases
    const runLog = yield* RunLog
    const runs = yield* Runs
    switch (request._tag) {
      case "Submit": {
        const { duplicate } = yield* runs.submit(submissionOf(request))
        return duplicate ? "Duplicate" : "Submitted"
      }
      case "Claim": {
        const { lease: leaseDuration, limit } = request
        const workerId = workers[request.worker]!
        const claimed = yield* claims.claim({ workerId, limit, leaseDuration, agentIds: [agentId] })
        const texts = claimed.map((run) =>
          Seen.claimText({
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
            renewal._tag === "Held" ? `Held until ${instant(sinceOrigin(renewal.expiresAt))}` : renewal._tag,
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
        const outcome: Outcome = {
          status,
          ...(status === "failed" ? { error: { code: "told", message: "It failed" } } : {}),
        }
        // A holder has two ways to end its run, and both are one in the model.
        const { completed } =
          fence !== null && status === "completed"
            ? yield* leases.complete(leaseOf({ fence, run }), outcome)
            : yield* runs.complete(runIdOf(run), outcome, ...(fence === null ? [] : [fenceOf(fence)]))
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

  const seenLease = (lease: LeaseRecord | null) =>
    lease === null ? null : { worker: workerNumber(lease.owner), until: sinceOrigin(lease.expiresAt) }

  const seenWaiting = (waiting: Run["waiting"]): ReadonlyArray<Seen.Waiting> =>
    waiting === null
      ? []
      : Answers.open(waiting).map(({ expiresAt, id }) => ({
          call: id,
          until: expiresAt === undefined ? null : sinceOrigin(expiresAt),
        }))

  const seen = (run: Run): string =>
    Seen.text({
      status: run.status,
      attempt: run.attempt,
      epoch: run.leaseEpoch,
      lease: seenLease(run.lease),
      waiting: seenWaiting(run.waiting),
      session: run.session?.sessionKey ?? null,
      error: run.error?.code ?? null,
      event: run.latestEventId,
      sequence: run.latestSequence,
    })

  return {
    ask: (request) =>
      asked(request).pipe(
        Effect.catchAll((error) => Effect.succeed(refusal(error))),
        Effect.catchAllDefect((defect) => Effect.succeed(`a defect: ${String(defect)}`)),
      ),
    look: (run) =>
      Effect.flatMap(Runs, (runs) =>
        Effect.match(runs.get(runIdOf(run)), { onFailure: refusal, onSuccess: seen }),
      ),
    log: (run) =>
      Effect.flatMap(RunLog, (log) =>
        Effect.mapError(log.read({ runId: runIdOf(run), limit: longest }), refusal),
      ),
    read: (entry) => ModelLog.read(entry, workerNumber),
  }
}
