/** How much of everything is measured. */
import { Context } from "effect"

export interface Sizes {
  readonly rounds: number
  /** How long one sample of a rate takes, in milliseconds. */
  readonly slice: number
  readonly deltasPerRun: number
  readonly pickUps: number
  readonly backlog: number
  readonly claims: number
  readonly leases: number
  /** In seconds; a worker renews at a third of it. */
  readonly lease: number
  readonly inFlight: number
}

export class Scale extends Context.Tag("bench/Scale")<Scale, Sizes>() {}

export const full: Sizes = {
  rounds: 3,
  slice: 1000,
  deltasPerRun: 200,
  pickUps: 40,
  backlog: 1_000_000,
  claims: 100,
  leases: 10_000,
  lease: 60,
  inFlight: 1000,
}

export const quick: Sizes = {
  rounds: 3,
  slice: 150,
  deltasPerRun: 20,
  pickUps: 10,
  backlog: 50_000,
  claims: 30,
  leases: 2000,
  lease: 9,
  inFlight: 500,
}
