/** Sign-in with an API key, which goes to the server once and is not stored here. */
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useRouter, useSearch } from "@tanstack/react-router"
import { useEffect, useRef, type FormEvent } from "react"
import { send } from "../../api/client"
import { sessionQuery } from "../../api/session"
import { Brand } from "../../shell/Brand"
import { Button } from "../../ui/Button"

const SignInPage = () => {
  const { back } = useSearch({ from: "/sign-in" })
  const router = useRouter()
  const client = useQueryClient()
  const input = useRef<HTMLInputElement>(null)
  const signIn = useMutation({
    mutationFn: (api_key: string) => send("signIn", { body: { api_key } }),
    onSuccess: (session) => {
      client.setQueryData(sessionQuery.queryKey, session)
      router.history.push(back?.startsWith("/") ? back : "/")
    },
    onSettled: () => {
      if (input.current !== null) input.current.value = ""
    },
  })
  useEffect(() => {
    document.title = "Sign in · Runlease"
  }, [])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    const key = input.current?.value.trim() ?? ""
    if (key !== "") signIn.mutate(key)
  }
  return (
    <main className="grid min-h-screen place-items-center p-6">
      <form onSubmit={onSubmit} className="grid w-full max-w-[360px] gap-4">
        <h1 className="sr-only">Sign in to Runlease</h1>
        <Brand />
        <label className="grid gap-1 text-small font-medium text-ink-2">
          API key
          <input
            ref={input}
            type="password"
            autoComplete="current-password"
            autoFocus
            required
            className="h-8 rounded-2 border border-edge bg-surface px-2.5 text-body text-ink max-desk:h-11"
          />
        </label>
        {signIn.error === null ? null : (
          <p role="alert" className="text-failed">
            {signIn.error.message}
          </p>
        )}
        <Button type="submit" look="solid" disabled={signIn.isPending}>
          Sign in
        </Button>
        <p className="text-small text-ink-3">
          A key is made with <code className="font-mono">runlease keys create</code>. It is sent to this
          server alone, which keeps your browser signed in with a cookie.
        </p>
      </form>
    </main>
  )
}

export default SignInPage
