import { Link } from "@tanstack/react-router"
import { buttonClass } from "../ui/Button"

export const NotFound = () => (
  <main className="grid justify-items-start gap-4 p-10">
    <h1 className="text-title font-semibold">There is no such page</h1>
    <Link to="/" search={{ span: undefined }} className={buttonClass()}>
      See the overview
    </Link>
  </main>
)
