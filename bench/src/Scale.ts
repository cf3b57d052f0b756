/** The sizes of the measurements. */
import { Context } from "effect"

export interface Sizes {
  readonly rounds: number
  /** No-op runs in one sample. */
  readonly runs: number
  /** Small deltas of each concurrently streaming run. */
  readonly deltas: number
  readonly pickUps: number
  /** Duration of the streaming measurement, in seconds. */
  readonly streaming: number
  /** Rows of a large backlog, or of a long history. */
  readonly backlog: number
  readonly claims: number
  readonly leases: number
  /** Lease duration in seconds; a worker renews after a third of it. */
  readonly lease: number
  readonly inFlight: number
}

export class Scale extends Context.Tag("bench/Scale")<Scale, Sizes>() {}

export const full: Sizes = {
  rounds: 3,
  runs: 10_000,
  deltas: 500,
  pickUps: 100,
  streaming: 15,
  backlog: 1_000_000,
  claims: 200,
  leases: 10_000,
  lease: 60,
  inFlight: 1000,
}

export const quick: Sizes = {
  rounds: 3,
  runs: 500,
  deltas: 20,
  pickUps: 10,
  streaming: 3,
  backlog: 50_000,
  claims: 30,
  leases: 2000,
  lease: 9,
  inFlight: 500,
}
