/** A bulk operation of the server: begun, watched until it ends, and stopped. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useEffect, useRef } from "react"
import { send } from "../../../api/client"
import { useSession } from "../../../api/session"

export const useBulkOperation = (onEnd?: () => void) => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const begin = useMutation({
    mutationFn: async (body: Json.NewBulk) => (await send("beginBulk", { path: { project }, body })).bulk,
  })
  const { data: begun } = begin
  const queryKey = ["bulk", project, begun?.id]
  const watched = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await send("bulk", { path: { project, bulk: begun!.id }, signal })).bulk,
    enabled: begun?.status === "running",
    refetchInterval: ({ state }) =>
      state.data === undefined || state.data.status === "running" ? 500 : false,
  })
  const abort = useMutation({
    mutationFn: async () => (await send("abortBulk", { path: { project, bulk: begun!.id } })).bulk,
    onSuccess: (bulk) => client.setQueryData(queryKey, bulk),
  })
  const operation = watched.data ?? begun
  const ended = operation !== undefined && operation.status !== "running"
  const notify = useRef(onEnd)
  useEffect(() => {
    notify.current = onEnd
  })
  useEffect(() => {
    if (ended) notify.current?.()
  }, [ended])
  return {
    begin,
    abort,
    operation,
    ended,
    error: begin.error ?? abort.error ?? (watched.failureCount > 2 ? watched.error : null),
  }
}
