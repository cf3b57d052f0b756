/** Who is signed in, and the project of everything that the pages show. */
import { queryOptions, useQuery, useSuspenseQuery } from "@tanstack/react-query"
import { send } from "./client"

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => send("session", { signal }),
  staleTime: Infinity,
  retry: false,
})

export const useSession = () => useSuspenseQuery(sessionQuery).data

/** The slug of the project; undefined until it is read. */
export const useProject = (): string | undefined => useQuery(sessionQuery).data?.project.slug
