/** What the floors write by hand, on whichever database. */

export const workerId = "01900000-0000-7000-8000-000000000001"

/** `runs.log_state` of a log that has begun, and of one that has ended: nothing is open in it. */
export const begun = JSON.stringify({ started: true, open: [] })
export const ended = JSON.stringify({ started: false, open: [] })

/** A run as it is claimed. */
export interface Held {
  readonly run_pk: number
  readonly run_id: string
  readonly conversation_id: string
  readonly snapshot: string
}

export const runStarted = (run: Held): string =>
  JSON.stringify({ type: "RUN_STARTED", threadId: run.conversation_id, runId: run.run_id })

export const runFinished = (run: Held): string =>
  JSON.stringify({
    type: "RUN_FINISHED",
    threadId: run.conversation_id,
    runId: run.run_id,
    outcome: { type: "success" },
  })

export const delta = (): string =>
  JSON.stringify({ type: "TEXT_MESSAGE_CONTENT", messageId: "message-1", delta: "word " })
