/** The end of a session: somebody's sign-out, or the API's word that it knows it no more. */
import { useQueryClient } from "@tanstack/react-query"
import { useRouter } from "@tanstack/react-router"
import { useEffect } from "react"
import { onSessionEnded, send } from "../api/client"

export const useSignOut = (): (() => Promise<void>) => {
  const client = useQueryClient()
  const router = useRouter()
  return async () => {
    await send("signOut")
    await router.navigate({ to: "/sign-in", search: { back: undefined } })
    client.clear()
  }
}

/** Opens the sign-in as soon as the session is over, which returns to this page. */
export const useSessionEnd = (): void => {
  const client = useQueryClient()
  const router = useRouter()
  useEffect(
    () =>
      onSessionEnded(() => {
        const { href, pathname } = router.state.location
        if (pathname.endsWith("/sign-in")) return
        void router.navigate({ to: "/sign-in", search: { back: href } }).then(() => client.clear())
      }),
    [client, router],
  )
}
