/** What the pages of webhooks read, and what can be done to an endpoint and to a message. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"
import { useSession } from "../../api/session"
import type { Status } from "./webhookState"

const all = "webhooks"

/** Messages come without an event of their own. */
const refetchInterval = () => (isPaused() ? false : 3000)

/** A project has 100 endpoints at most. */
export const endpointsQuery = (project: string) =>
  queryOptions({
    queryKey: [all, project],
    queryFn: async ({ signal }) =>
      (await send("webhooks", { path: { project }, query: { limit: 100 }, signal })).data,
    refetchInterval,
  })

export const endpointQuery = (project: string, endpoint: string) =>
  queryOptions({
    queryKey: [all, project, endpoint],
    queryFn: async ({ signal }) => (await send("webhook", { path: { project, endpoint }, signal })).endpoint,
    refetchInterval,
  })

/** The newest messages, of one endpoint or of all. */
export const messagesQuery = (project: string, endpoint: string | undefined, status: Status | undefined) =>
  queryOptions({
    queryKey: [all, project, "messages", endpoint, status],
    queryFn: async ({ signal }) => {
      const query = { limit: 100, endpoint_id: endpoint, status }
      const { data, page_info } = await send("deliveries", { path: { project }, query, signal })
      return { messages: data, isWhole: page_info.next === null }
    },
    refetchInterval,
  })

/** A project has 100 sources at most. */
export const sourcesQuery = (project: string) =>
  queryOptions({
    queryKey: [all, project, "sources"],
    queryFn: async ({ signal }) =>
      (await send("webhookSources", { path: { project }, query: { limit: 100 }, signal })).data,
    refetchInterval,
  })

/** Reads again what an action has changed. */
const useReadAgain = () => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  return { client, project, readAgain: () => client.invalidateQueries({ queryKey: [all, project] }) }
}

export const useCreate = () => {
  const { project, readAgain } = useReadAgain()
  return useMutation({
    mutationFn: (body: object) => send("createWebhook", { path: { project }, body }),
    onSuccess: readAgain,
  })
}

export const useEndpointActions = ({ id }: Pick<Json.WebhookEndpoint, "id">) => {
  const { client, project, readAgain } = useReadAgain()
  const path = { project, endpoint: id }
  const after = { onSettled: readAgain }
  return {
    enable: useMutation({
      mutationFn: (enabled: boolean) => send("updateWebhook", { path, body: { enabled } }),
      ...after,
    }),
    test: useMutation({ mutationFn: () => send("testWebhook", { path }), ...after }),
    retryDead: useMutation({
      mutationFn: async () => (await send("retryWebhook", { path, body: {} })).retried,
      ...after,
    }),
    rotate: useMutation({
      mutationFn: async () => (await send("rotateWebhook", { path, body: {} })).secret,
      ...after,
    }),
    // Its page reads nothing again before it has gone.
    remove: useMutation({
      mutationFn: () => send("removeWebhook", { path }),
      onSuccess: () => {
        client.setQueryData(endpointsQuery(project).queryKey, (before) =>
          before?.filter((one) => one.id !== id),
        )
      },
    }),
  }
}

export const useRemoveSource = () => {
  const { project, readAgain } = useReadAgain()
  return useMutation({
    mutationFn: (source: string) => send("removeSource", { path: { project, source } }),
    onSettled: readAgain,
  })
}

export const useRetry = ({ id }: Pick<Json.WebhookDelivery, "id">) => {
  const { project, readAgain } = useReadAgain()
  return useMutation({
    mutationFn: () => send("retryDelivery", { path: { project, delivery: id } }),
    onSettled: readAgain,
  })
}
