/** The sizes of the measurements. */
import { Context } from "effect"

export interface AgentSizes {
  /** Agents at once. */
  readonly runs: number
  /** Deltas of each answer, and of each in the round that warms up. */
  readonly deltas: number
  readonly warmUp: number
  /** Agents at once whose worker is killed. */
  readonly killed: number
  /** The most agents at once that the search goes up to; without a search 0. */
  readonly most: number
}

export interface Sizes {
  /** Whether only the contenders that the targets need are measured. */
  readonly targetsOnly: boolean
  readonly rounds: number
  /** No-op runs in one sample. */
  readonly runs: number
  /** Small events of each concurrently streaming run. */
  readonly events: number
  readonly pickUps: number
  /** Steps of a run that is alone, and of each of many runs. */
  readonly steps: { readonly alone: number; readonly ofMany: number }
  /** Duration of the streaming measurement, in seconds. */
  readonly streaming: number
  readonly agents: AgentSizes
  /** Rows of a large backlog, or of a long history. */
  readonly backlog: number
  readonly claims: number
  /** Runs that wait behind limits. */
  readonly keyed: number
  readonly leases: number
  /** Lease duration in seconds; a worker renews after a third of it. */
  readonly lease: number
  readonly inFlight: number
  /** Viewers, and then claims, that wait. */
  readonly idle: number
  /** Seconds for which a job blocks the event loop of its worker. */
  readonly blocked: number
  /** Seconds for which idle processes are watched. */
  readonly idling: number
}

export class Scale extends Context.Tag("bench/Scale")<Scale, Sizes>() {}

export const full: Sizes = {
  targetsOnly: false,
  rounds: 3,
  runs: 10_000,
  events: 500,
  pickUps: 200,
  steps: { alone: 500, ofMany: 100 },
  streaming: 15,
  agents: { runs: 20, deltas: 200, warmUp: 50, killed: 10, most: 320 },
  backlog: 1_000_000,
  claims: 200,
  keyed: 100_000,
  leases: 10_000,
  lease: 60,
  inFlight: 1000,
  idle: 1000,
  blocked: 20,
  idling: 10,
}

export const quick: Sizes = {
  targetsOnly: true,
  rounds: 1,
  runs: 2000,
  events: 50,
  pickUps: 20,
  steps: { alone: 100, ofMany: 20 },
  streaming: 2,
  agents: { runs: 5, deltas: 25, warmUp: 10, killed: 4, most: 0 },
  backlog: 50_000,
  claims: 30,
  keyed: 10_000,
  leases: 2000,
  lease: 9,
  inFlight: 500,
  idle: 200,
  blocked: 12,
  idling: 1,
}
