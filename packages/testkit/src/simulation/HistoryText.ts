/** A plan and a history as lines for people. */
import type { Call, History, Incident } from "./History.js"
import { isRefused } from "./invariants/Calls.js"
import { instant } from "./invariants/Violation.js"
import type { Plan } from "./Plan.js"

/** The fields of a value as `name: value`, without its tag. */
const fieldsOf = (value: object): string =>
  Object.entries(value)
    .filter(([name, field]) => name !== "_tag" && field !== undefined)
    .map(([name, field]) => `${name} ${typeof field === "string" ? field : JSON.stringify(field)}`)
    .join(", ")

export const planLines = ({
  actions,
  faults,
  latency,
  lease,
  limits,
  runs,
  schedules,
  workers,
}: Plan): ReadonlyArray<string> => [
  `leases of ${lease} ms, messages take up to ${latency} ms`,
  ...workers.map((worker) => `worker: ${fieldsOf(worker)}`),
  ...runs.map((run) => `run: ${fieldsOf(run)}`),
  ...schedules.map((schedule) => `schedule: ${fieldsOf(schedule)}`),
  ...limits.map((change) => `limit: ${change._tag} ${fieldsOf(change)}`),
  ...actions.map((action) => `client: ${action._tag} ${fieldsOf(action)}`),
  ...faults.map((fault) => `fault: ${fault._tag} ${fieldsOf(fault)}`),
]

const answerText = (answer: unknown): string => {
  if (isRefused(answer)) return answer.refused
  return answer === null ? "done" : JSON.stringify(answer)
}

const callLine = (call: Call): string => {
  const executed = call.executions.map(({ answer, at }) => `at ${instant(at)} ${answerText(answer)}`)
  const received =
    call.received === undefined
      ? "no answer"
      : `answered at ${instant(call.received.at)}${isRefused(call.received.answer) ? ` ${call.received.answer.refused}` : ""}`
  return `${call.from} ${call.call} ${JSON.stringify(call.request)}; ${executed.length === 0 ? "never executed" : executed.join("; ")}; ${received}`
}

/** Whether a call says nothing of note: it found no run, or was answered as it was meant to be. */
const isDull = ({ call, executions, received }: Call): boolean => {
  if (received === undefined || executions.length !== 1) return false
  const { answer } = received
  if (isRefused(answer)) return false
  if (call === "Claim") return "grants" in answer! && answer.grants.length === 0
  return call === "Look"
}

const incidentLine = ({ _tag, at: _at, ...fields }: Incident): string => `${_tag} ${fieldsOf(fields)}`

export const historyLines = ({
  calls,
  endedAt,
  final,
  incidents,
  limits = [],
  schedules = [],
}: History): ReadonlyArray<string> => [
  ...[
    ...calls.filter((call) => !isDull(call)).map((call) => ({ at: call.sentAt, line: callLine(call) })),
    ...incidents.map((incident) => ({ at: incident.at, line: incidentLine(incident) })),
  ]
    .sort((a, b) => a.at - b.at)
    .map(({ at, line }) => `${instant(at)} ${line}`),
  ...final.map(
    ({ log, run, status }) =>
      `${instant(endedAt)} run ${run} is ${status}; its log: ${log.map(({ event }) => (event.type === "CUSTOM" ? String(event["name"]) : event.type)).join(", ")}`,
  ),
  ...limits.map((limit) => `${instant(endedAt)} limit: ${fieldsOf(limit)}`),
  ...schedules.map((schedule) => `${instant(endedAt)} schedule: ${fieldsOf(schedule)}`),
]
