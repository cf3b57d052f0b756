/**
 * Whether a worker is in contact, and which runs it claims: as plain values, for programs that have no Effect, such as the pages of the
 * dashboard. Instants and spans are in milliseconds.
 */

/**
 * - `working`: it is in contact and holds runs.
 * - `idle`: it is in contact and holds none.
 * - `draining`: it is in contact and claims no more: it shuts down, or its operator requests it.
 * - `silent`: its next heartbeat is late by half of the pause between two (`silentAfter`). It is cut off, stopped, or dead.
 * - `gone`: it has ended, or its last contact is older than `goneAfter`, so that no lease of it is left.
 */
export type WorkerState = "working" | "idle" | "draining" | "silent" | "gone"

/**
 * How long a worker that does not say how often it sends heartbeats is in contact after its last one: two of 30 seconds, and a quarter of
 * a minute for what delays them.
 */
export const silentAfterUnnamed = 75_000

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** How long a worker is in contact after its last heartbeat, by its metadata: as long as one and a half of its heartbeats. */
export const silentAfter = (metadata: unknown): number => {
  const runlease = isRecord(metadata) ? metadata["runlease"] : undefined
  const heartbeat = isRecord(runlease) ? runlease["heartbeat_ms"] : undefined
  return typeof heartbeat === "number" && heartbeat > 0 ? 1.5 * heartbeat : silentAfterUnnamed
}

/** The longest lease. */
export const goneAfter = 300_000

/**
 * What a control plane knows of a worker. `drain`: its operator requests that it claims no more. `inFlight`: the runs that it holds, null where
 * they are not counted. `lastContact`: when it last registered or sent a heartbeat. `metadata`: what it says of itself.
 */
export interface Contact {
  readonly status: string
  readonly drain: boolean
  readonly inFlight: number | null
  readonly lastContact: number
  readonly metadata: unknown
}

/** The state of a worker at `now`. Where the control plane does not count the runs of workers, one that works is `idle`. */
export const stateOf = (
  { drain, inFlight, lastContact, metadata, status }: Contact,
  now: number,
): WorkerState => {
  const silence = now - lastContact
  if (status === "ended" || silence > goneAfter) return "gone"
  if (silence > silentAfter(metadata)) return "silent"
  if (status === "draining" || drain) return "draining"
  return inFlight !== null && inFlight > 0 ? "working" : "idle"
}

/** What a worker claims by: its kind, its key, its version where it has one, and the agents in its metadata. */
export interface Claimer {
  readonly implementationKind: string
  readonly workerKey: string
  readonly version?: string | null | undefined
  readonly metadata: unknown
}

/** The runs of an agent that a kind or a key of worker must claim. Null: any. `version`: empty for workers without one; absent or null for any. */
export interface Route {
  readonly agentId: string
  readonly implementationKind: string | null
  readonly workerKey: string | null
  readonly version?: string | null | undefined
}

/** Whether the worker claims such runs, as long as it claims. One that claims only some agents says so in `metadata.agent_ids`. */
export const canClaim = (
  { implementationKind, metadata, version, workerKey }: Claimer,
  route: Route,
): boolean => {
  const agents = isRecord(metadata) ? metadata["agent_ids"] : undefined
  return (
    (route.implementationKind === null || route.implementationKind === implementationKind) &&
    (route.workerKey === null || route.workerKey === workerKey) &&
    (route.version == null || route.version === (version ?? "")) &&
    (!Array.isArray(agents) || agents.includes(route.agentId))
  )
}
