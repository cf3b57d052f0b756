import { useCallback, useEffect, useMemo, useState } from "react"

/** What the page has instead of an API key: the name of the visitor's thread, and a token that reaches that thread alone. */
interface Session {
  readonly threadId: string
  readonly token: string
  /** How long the token lasts. */
  readonly seconds: number
}

/** Begins the visitor's session, or goes on with it, which a cookie names. */
const fetchSession = async (): Promise<Session> => {
  const response = await fetch("/session", { method: "POST" })
  if (!response.ok) throw new Error(`No session: ${response.status}`)
  return response.json() as Promise<Session>
}

/** Ends the visitor's session. The next one has a new thread. */
export const endSession = async (): Promise<void> => {
  await fetch("/session", { method: "DELETE" })
  location.reload()
}

/** The session, with a new token after two thirds of its time, and by `renew`. Undefined until the first one is there. */
export const useSession = () => {
  const [session, setSession] = useState<Session>()
  const renew = useCallback(() => {
    fetchSession().then(setSession, (error: unknown) => console.error(error))
  }, [])

  useEffect(renew, [renew])
  useEffect(() => {
    if (session === undefined) return
    const timer = setTimeout(renew, (session.seconds * 1000 * 2) / 3)
    return () => clearTimeout(timer)
  }, [session, renew])

  const headers = useMemo(
    () => (session === undefined ? {} : { Authorization: `Bearer ${session.token}` }),
    [session],
  )
  return session === undefined ? undefined : { headers, renew, threadId: session.threadId }
}
