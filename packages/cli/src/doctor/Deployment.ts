/**
 * A deployment as the API shows it, to the checks that look at it.
 */
import { type ControlPlaneError, type Ids, type Run, type Summaries, WorkerState } from "@runlease/core"
import type * as Api from "@runlease/http/Api"
import type { DateTime, Effect } from "effect"
import type * as ApiClient from "../input/ApiClient.js"

/** `now`: the time of the server. `workers`: those of the project, which are read once. */
export interface Deployment {
  readonly client: Api.Client
  readonly project: string
  readonly now: Effect.Effect<DateTime.Utc>
  readonly workers: Effect.Effect<ReadonlyArray<Summaries.WorkerSummary>, ApiClient.Failure>
  readonly run: (
    runId: Ids.RunId,
  ) => Effect.Effect<Run.Run, Run.RunNotFound | ControlPlaneError.ControlPlaneError>
}

/** What people call a worker. */
export const nameOf = ({ worker }: Summaries.WorkerSummary): string => WorkerState.nameOf(worker)
