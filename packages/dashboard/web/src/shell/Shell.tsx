/** The frame of every page: the sidebar, or a bar at the bottom of a phone. */
import { Link, Outlet, useMatchRoute, useNavigate } from "@tanstack/react-router"
import { Ellipsis, Unplug } from "lucide-react"
import { lazy, Suspense } from "react"
import { isPaused, reconnect, setPaused, useConnection } from "../api/live"
import { secondsLeft } from "../format/leases"
import { clock } from "../format/times"
import { Button } from "../ui/Button"
import { everywhere, useKeys } from "../ui/keys"
import { useNow } from "../ui/now"
import { Sidebar } from "./Sidebar"
import { CountMark, useCounts } from "./counts"
import { openShellDialog, toggleShellDialog, useShellDialog } from "./dialogs"
import { pages } from "./pages"
import { useSessionEnd } from "./signOut"

const item =
  "relative grid h-[60px] place-content-center justify-items-center gap-[3px] text-micro font-medium"

const current =
  "!text-ink before:absolute before:inset-x-1/4 before:-top-px before:h-0.5 before:bg-ink before:content-['']"

/** The pages at the bottom of a phone; the rarer ones behind "More". */
const BottomBar = () => {
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

/** A stream that comes back within so long was not missed. */
const missedAfter = 2500

/** Says that what is on the page is no longer new, and when it is tried again. Over the page, so that nothing moves. */
const LostStream = () => {
  const connection = useConnection()
  const now = useNow()
  if (connection.state !== "reconnecting" || now - connection.since < missedAfter) return null
  const since = clock(connection.since).slice(0, 5)
  const left = connection.retryAt - now
  return (
    <div className="pointer-events-none fixed inset-x-0 bottom-5 z-10 grid justify-items-center px-3 max-desk:bottom-[76px]">
      <div className="pointer-events-auto flex items-center gap-3 rounded-[10px] border border-line-2 bg-raised py-2 pr-2 pl-4 shadow-float">
        <Unplug aria-hidden size={16} className="shrink-0 text-failed" />
        <p>
          <span role="alert">
            <b className="font-semibold">Not updated since {since}.</b>
          </span>{" "}
          <span className="text-ink-2">
            {left > 0 ? `Trying again in ${secondsLeft(left)}.` : "Trying again."}
          </span>
        </p>
        <Button small onClick={reconnect}>
          Now
        </Button>
      </div>
    </div>
  )
}

/** The keys that work on every page. */
const useShellKeys = (): void => {
  const navigate = useNavigate()
  useKeys(
    {
      "Mod k": { label: "Search or jump to", run: () => toggleShellDialog("palette") },
      "/": { label: "Search", run: () => openShellDialog("palette") },
      ...Object.fromEntries(
        pages.map(({ key, label, to }) => [
          key,
          { label: `Go to ${label}`, run: () => void navigate({ to }) },
        ]),
      ),
      ".": { label: "Pause live updates, or go on", run: () => setPaused(!isPaused()) },
      "?": { label: "Show all keys", run: () => openShellDialog("keys") },
    },
    everywhere,
  )
}

const dialogs = {
  palette: lazy(() => import("./Palette")),
  keys: lazy(() => import("./KeysDialog")),
  more: lazy(() => import("./MoreDialog")),
}

const Dialogs = () => {
  const open = useShellDialog()
  if (open === undefined) return null
  const Shown = dialogs[open]
  return (
    <Suspense fallback={null}>
      <Shown onClose={() => openShellDialog(undefined)} />
    </Suspense>
  )
}

export const Shell = () => {
  useShellKeys()
  useSessionEnd()
  return (
    <div className="flex min-h-screen">
      <Sidebar />
      <div className="min-w-0 grow max-desk:pb-16">
        <Outlet />
      </div>
      <BottomBar />
      <LostStream />
      <Dialogs />
    </div>
  )
}
