/** What a history says of limits. */

/**
 * The limits of a run, each with how many runs the submission lets work there at once; null where it does not set that. Runs of one `line` go
 * in the order of their submissions.
 */
export interface Under {
  readonly limits: Readonly<Record<string, number | null>>
  readonly line: string
}

/** What a limit counts when all was over. */
export interface FinalLimit {
  readonly limit: string
  readonly running: number
  readonly open: number
  readonly waiting: number
}
