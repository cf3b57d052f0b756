import { useRouter, type ErrorComponentProps } from "@tanstack/react-router"
import { Button } from "../ui/Button"

export const PageError = ({ error }: ErrorComponentProps) => {
  const router = useRouter()
  return (
    <main className="grid justify-items-start gap-4 p-10">
      <h1 className="text-title font-semibold">This page cannot be shown</h1>
      <p role="alert" className="text-ink-2">
        {error instanceof Error ? error.message : String(error)}
      </p>
      <Button onClick={() => void router.invalidate()}>Try again</Button>
    </main>
  )
}
