import { page, submittedAt } from "./Values.js"

const refusedRow = {
  id: "01a20000-0000-7000-8000-000000000009",
  project: "default",
  submission: { agent: "refund", input: { order: "7" }, prioritty: 3 },
  code: "InvalidSubmission",
  message: "submission: has no field prioritty; did you mean priority?",
  created_at: submittedAt,
  refused_at: submittedAt,
}

/** Examples of the endpoints of the outbox. */
export const examples = {
  "outbox.refused": { answer: page([refusedRow]) },
  "outbox.retryRows": { sent: { all: true }, answer: { rows: 3 } },
  "outbox.discardRows": { sent: { row_ids: [refusedRow.id] }, answer: { rows: 1 } },
}
