/** The conversation of a child, in that of its parent. */
import { useQuery } from "@tanstack/react-query"
import { useProject } from "../../../api/session"
import { Skeleton } from "../../../ui/Loading"
import { ForkFrom } from "../actions/ForkFrom"
import { belowQuery, requestQuery, summaryQuery } from "../data/queries"
import { useChildLog } from "../data/useRun"
import { answersById } from "../model/questions"
import { Conversation } from "./Conversation"
import type { OpenedChildProps } from "./openedChild"

export const OpenChild = ({ depth, now, runId }: OpenedChildProps) => {
  const { error, log } = useChildLog(runId)
  const project = useProject() ?? ""
  const summary = useQuery(summaryQuery(runId)).data
  const request = useQuery(requestQuery(runId)).data
  const below = useQuery({ ...belowQuery(project, runId), enabled: log.children.size > 0 }).data ?? []
  if (summary === undefined) return <Skeleton rows={3} />
  return (
    <>
      {error === null ? null : (
        <p role="alert" className="text-small text-failed">
          {error.message}. It is read again in 4 s.
        </p>
      )}
      <ForkFrom value={undefined}>
        <Conversation
          log={log}
          summary={summary}
          request={request}
          answers={answersById(request, summary.waiting)}
          childRuns={below}
          depth={depth}
          now={now}
        />
      </ForkFrom>
    </>
  )
}
