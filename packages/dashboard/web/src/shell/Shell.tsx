/** The frame of every page: the sidebar, or a bar at the bottom of a phone. */
import { useQuery } from "@tanstack/react-query"
import { Link, Outlet, useMatchRoute, useNavigate } from "@tanstack/react-router"
import { BookOpen, CirclePause, Ellipsis, LogOut, type LucideIcon, Plus, SunMoon, Unplug } from "lucide-react"
import { lazy, Suspense } from "react"
import { isPaused, reconnect, setPaused, useConnection } from "../api/live"
import { attentionQuery, workersQuery } from "../api/project"
import { useSession } from "../api/session"
import { secondsLeft } from "../format/leases"
import { clock } from "../format/times"
import { Button, buttonClass } from "../ui/Button"
import { everywhere, useKeys } from "../ui/keys"
import { useNow } from "../ui/now"
import { isSilent } from "../ui/workers"
import { Brand } from "./Brand"
import { openShellDialog, toggleShellDialog, useShellDialog } from "./dialogs"
import { type PagePath, pages } from "./pages"
import { useSessionEnd, useSignOut } from "./signOut"
import { flipTheme } from "./theme"

interface Count {
  readonly Icon: LucideIcon
  readonly colour: string
  readonly count: number
  readonly words: string
}

const useCounts = (): Partial<Record<PagePath, Count>> => {
  const { slug } = useSession().project
  const waits = useQuery(attentionQuery(slug)).data?.waits.length ?? 0
  const workers = useQuery(workersQuery(slug)).data ?? []
  const now = useNow()
  const silent = workers.filter((worker) => isSilent(worker, now)).length
  return {
    ...(waits === 0
      ? {}
      : {
          "/runs": {
            Icon: CirclePause,
            colour: "text-waiting",
            count: waits,
            words: waits === 1 ? "waits for an answer" : "wait for an answer",
          },
        }),
    ...(silent === 0
      ? {}
      : {
          "/workers": {
            Icon: Unplug,
            colour: "text-failed",
            count: silent,
            words: silent === 1 ? "is silent" : "are silent",
          },
        }),
  }
}

const CountMark = ({
  count: { colour, count, Icon, words },
  iconOnly = "",
}: {
  readonly count: Count
  /** The class that hides the number where there is no room for it. */
  readonly iconOnly?: string
}) => (
  <span className={`inline-flex items-center gap-1 text-small font-medium ${colour}`}>
    <Icon aria-hidden size={12} strokeWidth={2.2} />
    <span className={iconOnly}>{count}</span>
    <span className="sr-only"> {words}</span>
  </span>
)

const label = "max-wide:sr-only"

const iconButton = `${buttonClass("quiet", true)} w-[30px] px-0! h-[30px]!`

const Pages = () => {
  const counts = useCounts()
  return (
    <nav aria-label="Main">
      <ul>
        {pages.map(({ Icon, label: word, to }) => (
          <li key={to}>
            <Link
              to={to}
              title={word}
              activeOptions={{ exact: to === "/", includeSearch: false }}
              className="group relative flex h-8 items-center gap-2.5 rounded-2 px-2 font-medium text-ink-2 transition-colors duration-[120ms] hover:bg-hover hover:text-ink max-wide:gap-0"
              activeProps={{ className: "bg-surface !text-ink shadow-[inset_0_0_0_1px_var(--line)]" }}
            >
              <Icon
                aria-hidden
                size={16}
                strokeWidth={1.9}
                className="shrink-0 text-ink-3 group-aria-[current=page]:text-ink"
              />
              <span className={label}>{word}</span>
              {counts[to] === undefined ? null : (
                <span className="ml-auto inline-flex max-wide:absolute max-wide:-top-px max-wide:-right-0.5">
                  <CountMark count={counts[to]} iconOnly="max-wide:sr-only" />
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}

const Foot = () => {
  const { key } = useSession()
  const signOut = useSignOut()
  return (
    <div className="mt-auto grid gap-2">
      <a
        href="docs"
        title="The documentation of this server, with its API"
        className="flex h-6 items-center gap-2.5 px-2 font-medium text-ink-2 hover:text-ink max-wide:gap-0"
      >
        <BookOpen aria-hidden size={16} strokeWidth={1.9} className="shrink-0 text-ink-3" />
        <span className={label}>Docs</span>
      </a>
      <div className="flex items-center border-t border-line pt-2 pl-2 text-small leading-4 text-ink-3 max-wide:flex-col max-wide:pl-0">
        <span className="min-w-0 grow max-wide:sr-only" title={`Key ${key.name}`}>
          Key
          <b className="line-clamp-2 font-medium break-words text-ink-2">{key.name}</b>
        </span>
        <button
          type="button"
          aria-label="Switch between light and dark"
          title="Switch between light and dark"
          className={iconButton}
          onClick={flipTheme}
        >
          <SunMoon aria-hidden size={16} strokeWidth={1.9} className="text-ink-3" />
        </button>
        <button
          type="button"
          aria-label="Sign out"
          title="Sign out"
          className={iconButton}
          onClick={() => void signOut()}
        >
          <LogOut aria-hidden size={16} strokeWidth={1.9} className="text-ink-3" />
        </button>
      </div>
    </div>
  )
}

/** The pages and the session, at the left of every page; icons alone below 1320 px. */
const Sidebar = () => {
  const { project } = useSession()
  return (
    <aside
      aria-label="Sidebar"
      className="sticky top-0 flex h-screen w-[208px] shrink-0 flex-col border-r border-line p-3 max-wide:w-[57px] max-desk:hidden"
    >
      <Link to="/" search={{ span: undefined }} className="flex h-8 items-center px-2 max-wide:px-[5px]">
        <Brand wordless />
      </Link>
      <p
        className="mt-3 mb-2 truncate px-2 leading-8 font-medium text-ink-2 max-wide:sr-only"
        title={`The project of your key: ${project.slug}`}
      >
        {project.slug}
      </p>
      <Link
        to="/submit"
        search={{ agent: undefined }}
        title="Submit a run"
        className={`${buttonClass()} mb-4 max-wide:mt-3 max-wide:px-0!`}
      >
        <Plus aria-hidden size={16} strokeWidth={1.9} className="text-ink-3" />
        <span className={label}>Submit a run</span>
      </Link>
      <Pages />
      <Foot />
    </aside>
  )
}

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
