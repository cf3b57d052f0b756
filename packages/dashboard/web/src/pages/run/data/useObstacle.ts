/** What keeps a run from starting, while it is pending. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { workersQuery } from "../../../api/project"
import { useProject } from "../../../api/session"
import { type Obstacle, obstacleOf } from "../model/obstacle"
import { standingQuery } from "./queries"

export const useObstacle = (
  summary: Json.RunSummary,
  run: Json.CanonicalRun | undefined,
): { readonly obstacle: Obstacle; readonly ahead: Json.RunSummary | null } | undefined => {
  const project = useProject()
  const enabled = summary.status === "pending" && project !== undefined
  const standing = useQuery({ ...standingQuery(summary.run_id), enabled }).data
  const workers = useQuery({ ...workersQuery(project ?? ""), enabled }).data
  if (!enabled || run === undefined || workers === undefined || standing?.gate == null) return undefined
  return { obstacle: obstacleOf(summary, run.config, standing, workers), ahead: standing.ahead }
}
