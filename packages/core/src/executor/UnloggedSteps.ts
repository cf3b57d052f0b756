/** The steps of an execution that no worker runs. */
import { type Context, Effect } from "effect"
import { type ClaimedRun, EventId } from "../model/Run.js"
import * as AttemptInbox from "./AttemptInbox.js"
import * as AttemptSteps from "./AttemptSteps.js"
import type { AttemptSteps as Steps, StepLog } from "./StepLog.js"

/** The steps of an execution that has no log: nothing was recorded before, nothing waits for its records, and it sleeps in memory. */
export const make = ({
  runId,
  snapshot,
}: Pick<ClaimedRun, "runId" | "snapshot">): Effect.Effect<Context.Tag.Service<StepLog>> =>
  Effect.map(Effect.clock, (clock) => {
    const steps: Steps = {
      ...AttemptSteps.make({
        runId,
        lease: undefined,
        answers: snapshot.resume ?? [],
        recorded: Effect.succeed({ steps: new Map(), messages: [] }),
        inbox: AttemptInbox.make(0),
        messagesAfter: (after = EventId.make(0)) => Effect.succeed({ messages: [], latest: after }),
        parking: {
          enter: () => () => {},
          inFlight: (_step, effect) => effect,
          park: (_within, _wait, effect) => effect,
        },
        storeTime: () => clock.unsafeCurrentTimeMillis(),
      }),
      committed: () => Effect.void,
    }
    return { steps: () => steps }
  })
