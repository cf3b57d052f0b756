/** The JSON document that a program reads from its stdin. */
import { Ids, RequestSnapshot, Run } from "@runlease/core"
import { type ReportedSteps } from "@runlease/core/executor"
import { Effect, Schema } from "effect"
import { join } from "node:path"

const Step = Schema.Struct({
  name: Schema.String,
  key: Schema.optional(Schema.Unknown),
  result: Schema.Unknown,
})

const Request = Schema.parseJson(
  Schema.Struct({
    run_id: Ids.RunId,
    agent_id: Ids.AgentId,
    conversation_id: Ids.ConversationId,
    attempt: Schema.NonNegativeInt,
    lease_epoch: Schema.NullOr(Run.LeaseEpoch),
    snapshot: RequestSnapshot.RequestSnapshot,
    work_dir: Schema.String,
    steps: Schema.optional(Schema.Array(Step)),
    steps_file: Schema.optional(Schema.String),
  }),
)

/** The most bytes of steps in the document. */
const maxStepBytes = 8 * 1024 * 1024

/** A file of the working folder with the steps, a line for each. */
export interface StepsFile {
  readonly path: string
  readonly content: string
}

export interface Encoded {
  readonly document: string
  /** Absent where the document has the steps. */
  readonly stepsFile: StepsFile | undefined
}

/** The document. Steps over 8 MiB are in the file that it names, not in the document. */
export const encode = (
  run: Run.ClaimedRun,
  workDir: string,
  steps: ReadonlyArray<ReportedSteps.ReportedStep>,
): Effect.Effect<Encoded> => {
  const content = steps.map((step) => `${JSON.stringify(step)}\n`).join("")
  const stepsFile =
    Buffer.byteLength(content) > maxStepBytes ? { path: join(workDir, "steps.jsonl"), content } : undefined
  return Schema.encode(Request)({
    run_id: run.runId,
    agent_id: run.agentId,
    conversation_id: run.conversationId,
    attempt: run.attempt,
    lease_epoch: run.leaseEpoch,
    snapshot: run.snapshot,
    work_dir: workDir,
    ...(stepsFile === undefined ? { steps } : { steps_file: stepsFile.path }),
  }).pipe(
    // A claimed run was decoded from JSON, so encoding cannot fail.
    Effect.orDie,
    Effect.map((document) => ({ document, stepsFile })),
  )
}
