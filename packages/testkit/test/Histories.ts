import type * as HistoryChecker from "../src/HistoryChecker.js"

type Call = HistoryChecker.Call
type Final = HistoryChecker.Final

/** A history in which nothing happened, but for what is given. */
export const history = (given: Partial<HistoryChecker.History>): HistoryChecker.History => ({
  lease: 5_000,
  slots: { "worker-1": 1, "worker-2": 1 },
  calls: [],
  incidents: [],
  final: [],
  settled: true,
  endedAt: 60_000,
  crashes: [],
  ...given,
})

/** A call that was executed a moment after it was sent, and answered a moment later. */
export const call = <Name extends Call["call"]>(
  name: Name,
  at: number,
  request: Extract<Call, { readonly call: Name }>["request"],
  answer: unknown,
  from = "worker-1#1",
): Call =>
  ({
    call: name,
    from,
    sentAt: at - 1,
    request,
    executions: [{ at, answer }],
    received: { at: at + 1, answer },
  }) as unknown as Call

export const grant = (
  at: number,
  run: string,
  epoch: number,
  from = "worker-1#1",
  claimId = `${from} ${at}`,
) =>
  call(
    "Claim",
    at,
    { claimId, limit: 1 },
    { grants: [{ run, epoch, attempt: 1, expiresAt: at + 5_000 }] },
    from,
  )

export const began = (at: number, process: string, run: string, epoch: number): HistoryChecker.Incident => ({
  _tag: "ExecutorBegan",
  at,
  process,
  run,
  epoch,
  attempt: 1,
})

export const ended = (at: number, process: string, run: string, epoch: number): HistoryChecker.Incident => ({
  _tag: "ExecutorEnded",
  at,
  process,
  run,
  epoch,
})

export const body = (at: number, process: string, epoch: number, name: string): HistoryChecker.Incident => ({
  _tag: "BodyBegan",
  at,
  process,
  run: "run",
  epoch,
  name,
})

export const returned = (
  at: number,
  process: string,
  epoch: number,
  name: string,
  value: unknown,
): HistoryChecker.Incident => ({
  _tag: "Returned",
  at,
  process,
  run: "run",
  epoch,
  name,
  value: JSON.stringify(value),
})

export const custom = (name: string, value: unknown): HistoryChecker.Event => ({
  type: "CUSTOM",
  name,
  value,
})

export const token = (token: string, epoch: number) =>
  custom("simulation.token", { token, epoch, run: "run" })

const started = { type: "RUN_STARTED", threadId: "thread", runId: "run" }

const endOf = (status: string, error: string | undefined): HistoryChecker.Event =>
  status === "failed"
    ? { type: "RUN_ERROR", message: "it failed", code: error }
    : {
        type: "RUN_FINISHED",
        threadId: "thread",
        runId: "run",
        outcome: { type: status === "completed" ? "success" : status },
      }

const ofControlPlane = new Set(["runlease.attempt", "runlease.waiting", "runlease.message", "runlease.child"])

/** Events of executors have a sequence, and those of the control plane have none. */
const entriesOf = (events: ReadonlyArray<HistoryChecker.Event>): ReadonlyArray<HistoryChecker.Entry> => {
  let sequence = 0
  return events.map((event, index) => {
    const isOwn = event.type.startsWith("RUN_") || ofControlPlane.has(String(event["name"]))
    if (!isOwn) sequence += 1
    return { eventId: index + 1, sequence: isOwn ? null : sequence, at: 1_000 + index, event }
  })
}

/** A run as it was at the end, whose log has these events between its start and its end. */
export const final = (
  events: ReadonlyArray<HistoryChecker.Event> = [],
  given: Partial<Final> = {},
): Final => {
  const { error, status = "completed" } = given
  return {
    run: "run",
    status,
    error,
    result: undefined,
    holder: undefined,
    epoch: 1,
    parent: undefined,
    root: given.run ?? "run",
    spent: undefined,
    finishedAt: 50_000,
    log: entriesOf([started, ...events, endOf(status, error)]),
    ...given,
  }
}
