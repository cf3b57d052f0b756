/** Requests that a worker claims no more runs, or claims again. A worker that shuts down by itself takes no such request. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../api/client"
import { workersQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { Button } from "../../ui/Button"
import { isDrainRequested, nameOf, type WorkerState } from "../../ui/workers"

export const DrainButton = ({
  look = "quiet",
  state,
  summary,
}: {
  readonly summary: Json.WorkerSummary
  readonly state: WorkerState
  readonly look?: "quiet" | "plain"
}) => {
  const { slug } = useSession().project
  const client = useQueryClient()
  const { id } = summary.worker
  const isDraining = isDrainRequested(summary)
  const { error, isPending, mutate } = useMutation({
    mutationFn: (drain: boolean) => send("drain", { path: { worker: id }, body: { drain } }),
    onSuccess: (worker) => {
      client.setQueryData(workersQuery(slug).queryKey, (workers) =>
        workers?.map((one) =>
          one.worker.id === id ? { ...one, worker: { ...worker, in_flight: one.worker.in_flight } } : one,
        ),
      )
    },
  })
  if (state === "gone" || (state === "draining" && !isDraining)) return null
  return (
    <>
      {error === null ? null : (
        <span role="alert" className="mr-1 text-small text-failed">
          {error.message}.
        </span>
      )}
      <Button
        look={look}
        small
        disabled={isPending}
        aria-label={`${isDraining ? "Stop draining" : "Drain"} ${nameOf(summary)}`}
        title={isDraining ? "It claims runs again" : "It keeps its runs and claims no more"}
        onClick={() => mutate(!isDraining)}
      >
        {isDraining ? "Stop draining" : "Drain"}
      </Button>
    </>
  )
}
