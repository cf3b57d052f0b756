/** The pages of an address that is none, and of a part that could not be loaded. */
import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router"
import { Button, buttonClass } from "../ui/Button"

export const NotFound = () => (
  <main className="grid justify-items-start gap-4 p-10">
    <h1 className="text-title font-semibold">There is no such page</h1>
    <Link to="/" search={{ span: undefined }} className={buttonClass()}>
      See the overview
    </Link>
  </main>
)

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
