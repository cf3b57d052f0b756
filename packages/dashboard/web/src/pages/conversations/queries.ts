import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"

export interface ConversationFilter {
  /** In the name. */
  readonly text: string
  /** Of one of the newest runs; empty for all. */
  readonly agent: string
}

/** The one that was updated last first. */
export const conversationsQuery = (project: string, { agent, text }: ConversationFilter) =>
  infiniteQueryOptions({
    queryKey: ["conversations", project, agent, text],
    queryFn: ({
      pageParam,
      signal,
    }: {
      readonly pageParam: string | undefined
      readonly signal: AbortSignal
    }) => {
      const query = { limit: 50, cursor: pageParam, text: text || undefined, agent_id: agent || undefined }
      return send("conversations", { query, signal })
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.page_info.next ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: () => (isPaused() ? false : 5000),
  })

/** The newest run of a conversation; null where it has none. */
export const newestRunQuery = (project: string, conversation: string) =>
  queryOptions({
    queryKey: ["newest-run", project, conversation],
    queryFn: async ({ signal }): Promise<Json.RunSummary | null> => {
      const query = { conversation_id: conversation, limit: 1 }
      const { data } = await send("runSummaries", { path: { project }, query, signal })
      return data[0] ?? null
    },
  })

export const conversationQuery = (conversation: string) =>
  queryOptions({
    queryKey: ["conversation", conversation],
    queryFn: ({ signal }) => send("conversation", { path: { conversation }, signal }),
  })

/** The oldest first, a page after the other. */
export const messagesQuery = (conversation: string) =>
  infiniteQueryOptions({
    queryKey: ["messages", conversation],
    queryFn: ({
      pageParam,
      signal,
    }: {
      readonly pageParam: string | undefined
      readonly signal: AbortSignal
    }) => send("messages", { path: { conversation }, query: { limit: 100, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.page_info.next ?? undefined,
  })
