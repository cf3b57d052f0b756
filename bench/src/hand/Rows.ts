/** The rows that the baselines write, on either database. */

export const workerId = "01900000-0000-7000-8000-000000000001"

/** `log_state` of a started log in which nothing is open. */
export const begun = JSON.stringify({ started: true, open: [] })

/** The row that a claim returns. */
export interface ClaimedRow {
  readonly run_pk: number
  readonly run_id: string
  readonly conversation_id: string
  readonly snapshot: string
}

export const runStarted = (run: ClaimedRow): string =>
  JSON.stringify({ type: "RUN_STARTED", threadId: run.conversation_id, runId: run.run_id })

export const runFinished = (run: ClaimedRow): string =>
  JSON.stringify({
    type: "RUN_FINISHED",
    threadId: run.conversation_id,
    runId: run.run_id,
    outcome: { type: "success" },
  })

export const delta = (): string =>
  JSON.stringify({ type: "TEXT_MESSAGE_CONTENT", messageId: "message-1", delta: "word " })

/** The row of counters that a commit adds: its minute, and its counters as JSON. */
const counted = (now: number, counters: Readonly<Record<string, number>>) => ({
  minute: now - (now % 60_000),
  counters: JSON.stringify(counters),
})

/** What a commit counts that claims so many runs. */
export const claimsCounted = (now: number, runs: number) =>
  counted(now, { claimed: runs, "pickUp.0": runs, "status.pending": -runs, "status.running": runs })

/** What a commit counts that completes so many runs. */
export const endsCounted = (now: number, runs: number) =>
  counted(now, {
    "ended.completed": runs,
    "runTime.0": runs,
    "status.completed": runs,
    "status.running": -runs,
  })
