import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query"
import { send } from "../../api/client"

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
