/** The budget of a run's tree, before each request to the model. */
import { Budget, type ControlPlane, type Executor } from "@runlease/core"
import { StepLog } from "@runlease/core/executor"
import { Effect, Option } from "effect"
import * as Failure from "./Failure.js"

/** Waits while the budget is spent. An execution without steps has none. */
export const make: Effect.Effect<Effect.Effect<void, Executor.ExecutorError, ControlPlane.ProjectPorts>> =
  Effect.map(
    Effect.serviceOption(StepLog.StepLog),
    Option.match({
      onNone: () => Effect.void,
      onSome: (log) =>
        Budget.check.pipe(Effect.provideService(StepLog.StepLog, log), Effect.mapError(Failure.ofBudget)),
    }),
  )
