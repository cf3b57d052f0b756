/** The pages at the bottom of a phone; the rarer ones behind "More". */
import { Link, useMatchRoute } from "@tanstack/react-router"
import { Ellipsis } from "lucide-react"
import { CountMark, useCounts } from "./counts"
import { openShellDialog } from "./dialogs"
import { pages } from "./pages"

const item =
  "relative grid h-[60px] place-content-center justify-items-center gap-[3px] text-micro font-medium"
const current =
  "!text-ink before:absolute before:inset-x-1/4 before:-top-px before:h-0.5 before:bg-ink before:content-['']"

export const BottomBar = () => {
  const counts = useCounts()
  const matches = useMatchRoute()
  const isMore =
    pages.some(({ isRare, to }) => isRare && matches({ to, fuzzy: true }) !== false) ||
    matches({ to: "/submit" }) !== false
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-10 grid grid-cols-4 border-t border-line-2 bg-surface pb-[env(safe-area-inset-bottom)] desk:hidden"
    >
      {pages
        .filter(({ isRare }) => !isRare)
        .map(({ Icon, label, to }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ exact: to === "/", includeSearch: false }}
            className={`${item} text-ink-3`}
            activeProps={{ className: current }}
          >
            <Icon aria-hidden size={20} strokeWidth={1.8} />
            {label}
            {counts[to] === undefined ? null : (
              <span className="absolute top-2 left-[calc(50%+10px)] inline-flex">
                <CountMark count={counts[to]} iconOnly="sr-only" />
              </span>
            )}
          </Link>
        ))}
      <button
        type="button"
        className={`${item} text-ink-3 ${isMore ? current : ""}`}
        onClick={() => openShellDialog("more")}
      >
        <Ellipsis aria-hidden size={20} strokeWidth={1.8} />
        More
      </button>
    </nav>
  )
}
