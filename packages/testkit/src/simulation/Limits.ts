/** The limits of a simulated world. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { ControlPlaneError } from "@runlease/core/ControlPlaneError"
import { type InvalidLimit, type LimitSubject, Limits, ofAgent, ofKey, ofName } from "@runlease/core/Limits"
import type { InvalidCursor } from "@runlease/core/Page"
import type { SubmissionInput } from "@runlease/core/Runs"
import { Context, Effect, Record } from "effect"
import type { FinalLimit, Under } from "./History.js"
import type { LimitChange, PlannedUnder } from "./Plan.js"
import type { ObserveCall } from "./RemotePorts.js"

/** The name of a limit in a history. That of a limit with a name begins that of each of its keys. */
export const nameOf = ({ key, kind, name }: LimitSubject): string =>
  name === null ? `${kind} ${key}` : `${kind} ${name} ${key}`

/** What a submission requests of limits. */
export const inputOf = ({
  agent,
  fairnessKey,
  key,
  maxRunning,
  named,
  priority,
}: PlannedUnder): Partial<SubmissionInput> => ({
  agentId: agent,
  priority,
  fairnessKey,
  limits: named,
  ...(key === undefined ? {} : { concurrencyKey: key, concurrencyLimit: maxRunning }),
})

/** What a submission says of its limits, as a fact. */
export const underOf = (submission: SubmissionInput): Under => {
  const {
    agentId,
    concurrencyKey,
    concurrencyLimit,
    conversationId,
    fairnessKey,
    limits = {},
    priority,
  } = submission
  const key =
    concurrencyKey == null || concurrencyLimit === undefined
      ? {}
      : { [nameOf(ofKey(concurrencyKey))]: concurrencyLimit }
  const named = Record.mapEntries(limits, (key, name): [string, null] => [
    nameOf({ kind: "named", name, key }),
    null,
  ])
  const line = [
    agentId,
    ...Object.keys(key),
    ...Object.keys(named),
    conversationId,
    priority,
    fairnessKey,
  ].join("/")
  return { limits: { ...key, ...named, [nameOf(ofAgent(agentId))]: null }, line }
}

/** Changes a limit once. The end of a pause is another change. */
export const change = (
  planned: LimitChange,
  end: "begin" | "end",
): Effect.Effect<unknown, InvalidLimit | ControlPlaneError, Limits> =>
  Effect.flatMap(Limits, (limits): Effect.Effect<unknown, InvalidLimit | ControlPlaneError> => {
    const { subject } = planned
    if (planned._tag === "Pause") return end === "begin" ? limits.pause(subject) : limits.resume(subject)
    const { maxRunning } = planned
    return limits.define(subject.name === null ? ofAgent(subject.key) : ofName(subject.name), { maxRunning })
  })

/** The port behind a link. */
export const remote = (store: Limits["Type"], observeCall: ObserveCall): Limits["Type"] => {
  const nothing = (): null => null
  const set = <A, E>(
    limit: string,
    changed: { readonly maxRunning?: number; readonly paused?: boolean },
    serve: Effect.Effect<A, E>,
  ) => observeCall("Limit", { limit, ...changed }, serve, nothing)
  return {
    ...store,
    define: (of, bounds) =>
      set(
        of.kind === "named" ? `named ${of.name}` : nameOf(of),
        { maxRunning: bounds.maxRunning ?? Number.POSITIVE_INFINITY },
        store.define(of, bounds),
      ),
    pause: (subject) => set(nameOf(subject), { paused: true }, store.pause(subject)),
    resume: (subject) => set(nameOf(subject), { paused: false }, store.resume(subject)),
  }
}

/** The limits of the project, of which a simulation has few. */
export const finals = (
  ports: Context.Context<ProjectPorts>,
): Effect.Effect<ReadonlyArray<FinalLimit>, InvalidCursor | ControlPlaneError> =>
  Effect.map(Context.get(ports, Limits).list({ limit: 100 }), ({ items }) =>
    items.map((limit) => ({
      limit: nameOf(limit),
      running: limit.running,
      open: limit.open,
      waiting: limit.waiting,
    })),
  )
