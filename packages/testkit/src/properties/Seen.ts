/**
 * What is seen of a run, of the model or of a store, in words to be compared.
 *
 * @since 0.1.0
 */
import type { RunStatus } from "@runlease/core/Run"
import { instant, runName, workerName } from "./Request.js"

/** A tool call that a run is suspended for, and when the run fails without its answer; null is never. */
export interface Waiting {
  readonly call: string
  readonly until: number | null
}

/** What is seen of a run, as one line. */
export interface Seen {
  readonly status: RunStatus
  readonly attempt: number
  readonly epoch: number
  readonly lease: { readonly worker: number; readonly until: number } | null
  /** What is open. */
  readonly waiting: ReadonlyArray<Waiting>
  readonly session: string | null
  readonly error: string | null
  readonly event: number
  readonly sequence: number
}

const untilText = (until: number | null): string => (until === null ? "for ever" : `until ${instant(until)}`)

export const text = (seen: Seen): string =>
  [
    `${seen.status} at event ${seen.event} sequence ${seen.sequence}`,
    `attempt ${seen.attempt}`,
    `epoch ${seen.epoch}`,
    ...(seen.lease === null
      ? []
      : [`held by ${workerName(seen.lease.worker)} until ${instant(seen.lease.until)}`]),
    ...seen.waiting.map(({ call, until }) => `waiting for ${call} ${untilText(until)}`),
    ...(seen.session === null ? [] : [`session ${seen.session}`]),
    ...(seen.error === null ? [] : [`error ${seen.error}`]),
  ].join(", ")

/** One claimed run, in a verdict. */
export const claimText = (claimed: {
  readonly run: number
  readonly attempt: number
  readonly epoch: number
  readonly event: number
  readonly sequence: number
  readonly until: number
}): string =>
  `${runName(claimed.run)} attempt ${claimed.attempt} epoch ${claimed.epoch} ` +
  `at event ${claimed.event} sequence ${claimed.sequence} until ${instant(claimed.until)}`
