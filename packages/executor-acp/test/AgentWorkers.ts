import { RequestSnapshot, Worker } from "@runlease/core"
import { AcpExecutor } from "@runlease/executor-acp"
import { TestRuns } from "@runlease/testkit"
import { Effect } from "effect"
import type { Subject } from "./Agents.js"

/** Starts a worker for the agent, and submits a run. */
export const startRun = ({ options }: Pick<Subject, "options">) =>
  Effect.gen(function* () {
    yield* Effect.forkScoped(
      Effect.scoped(
        Effect.zipRight(
          Worker.make({ leaseDuration: "30 seconds", drainTimeout: 0, retryDelay: () => 0 }),
          Effect.never,
        ).pipe(Effect.provide(AcpExecutor.layer(options))),
      ),
    )
    return yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("do it") })
  })
