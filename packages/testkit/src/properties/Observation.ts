/** What a caller can observe of a run, in the model or in a store, as text that is compared. */
import type { RunStatus } from "@runlease/core/Run"
import { instant, type PendingCall, runName, workerName } from "./Request.js"

/** The observable state of one run. */
export interface Observation {
  readonly status: RunStatus
  readonly attempt: number
  readonly epoch: number
  readonly lease: { readonly worker: number; readonly until: number } | null
  /** The calls that have no answer yet. */
  readonly waiting: ReadonlyArray<PendingCall>
  /** When a run that sleeps continues. */
  readonly wakesAt: number | null
  /** The groups of children that the run waits for. */
  readonly awaiting: ReadonlyArray<ReadonlyArray<number>> | null
  /** How many messages the run has consumed that waits for another. */
  readonly listening: number | null
  readonly awaitsBudget: boolean
  /** The budget of a root. */
  readonly ledger: { readonly limit: number; readonly spent: number } | null
  readonly session: string | null
  readonly error: string | null
  readonly event: number
  readonly sequence: number
}

const untilText = (until: number | null): string => (until === null ? "for ever" : `until ${instant(until)}`)

/** One line of text. */
export const format = (observation: Observation): string =>
  [
    `${observation.status} at event ${observation.event} sequence ${observation.sequence}`,
    `attempt ${observation.attempt}`,
    `epoch ${observation.epoch}`,
    ...(observation.lease === null
      ? []
      : [`leased by ${workerName(observation.lease.worker)} until ${instant(observation.lease.until)}`]),
    ...observation.waiting.map(({ call, until }) => `waiting for ${call} ${untilText(until)}`),
    ...(observation.wakesAt === null ? [] : [`sleeping ${untilText(observation.wakesAt)}`]),
    ...(observation.awaiting === null
      ? []
      : [`waiting for children ${JSON.stringify(observation.awaiting)}`]),
    ...(observation.listening === null ? [] : [`waiting for more messages than ${observation.listening}`]),
    ...(observation.awaitsBudget ? ["waiting for its budget"] : []),
    ...(observation.ledger === null
      ? []
      : [`${observation.ledger.spent} of ${observation.ledger.limit} tokens`]),
    ...(observation.session === null ? [] : [`session ${observation.session}`]),
    ...(observation.error === null ? [] : [`error ${observation.error}`]),
  ].join(", ")

/** One claimed run, as part of the verdict of a claim. */
export const formatClaim = (claimed: {
  readonly run: number
  readonly attempt: number
  readonly epoch: number
  readonly event: number
  readonly sequence: number
  readonly until: number
}): string =>
  `${runName(claimed.run)} attempt ${claimed.attempt} epoch ${claimed.epoch} ` +
  `at event ${claimed.event} sequence ${claimed.sequence} until ${instant(claimed.until)}`
