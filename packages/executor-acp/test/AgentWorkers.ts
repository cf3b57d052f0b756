import { RequestSnapshot, type Runs, Worker } from "@runlease/core"
import { AcpExecutor } from "@runlease/executor-acp"
import { TestRuns } from "@runlease/testkit"
import { Effect } from "effect"
import type { Subject } from "./Agents.js"

/** Starts a worker for the agent. */
export const startWorker = ({ options }: Pick<Subject, "options">) =>
  Effect.forkScoped(
    Effect.scoped(
      Effect.zipRight(
        Worker.make({ leaseDuration: "30 seconds", drainTimeout: 0, retryDelay: () => 0 }),
        Effect.never,
      ).pipe(Effect.provide(AcpExecutor.layerWith(options))),
    ),
  )

/** Starts a worker for the agent, and submits a run. */
export const startRun = (
  subject: Pick<Subject, "options">,
  input: Partial<Runs.SubmissionInput> = { snapshot: RequestSnapshot.fromText("do it") },
) => Effect.zipRight(startWorker(subject), TestRuns.submit(input))
