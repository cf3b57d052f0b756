/** The frame of every page: the sidebar, or a bar at the bottom of a phone. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, Outlet, useNavigate } from "@tanstack/react-router"
import {
  BookOpen,
  CirclePause,
  Gauge,
  LogOut,
  MessagesSquare,
  Plus,
  Rows3,
  Server,
  SunMoon,
  Unplug,
} from "lucide-react"
import type { ReactNode } from "react"
import { send } from "../api/client"
import { attentionQuery, workersQuery } from "../api/project"
import { useSession } from "../api/session"
import { buttonClass } from "../ui/Button"
import { useNow } from "../ui/now"
import { isSilent } from "../ui/workers"
import { Brand } from "./Brand"
import { flipTheme } from "./theme"

const pages = [
  { to: "/", label: "Overview", Icon: Gauge },
  { to: "/runs", label: "Runs", Icon: Rows3 },
  { to: "/conversations", label: "Conversations", Icon: MessagesSquare },
  { to: "/workers", label: "Workers", Icon: Server },
] as const

/** What stands beside a page in the sidebar: only where somebody must act. */
const useCounts = (project: string): Partial<Record<(typeof pages)[number]["to"], ReactNode>> => {
  const waits = useQuery(attentionQuery(project)).data?.waits.length ?? 0
  const workers = useQuery(workersQuery(project)).data ?? []
  const now = useNow()
  const silent = workers.filter((worker) => isSilent(worker, now)).length
  return {
    ...(waits === 0
      ? {}
      : {
          "/runs": (
            <span
              className="flex items-center gap-1 text-small font-medium text-waiting"
              aria-label={`${waits} wait for an answer`}
            >
              <CirclePause aria-hidden size={12} />
              {waits}
            </span>
          ),
        }),
    ...(silent === 0
      ? {}
      : {
          "/workers": (
            <span
              className="flex items-center gap-1 text-small font-medium text-failed"
              aria-label={`${silent} silent`}
            >
              <Unplug aria-hidden size={12} />
              {silent}
            </span>
          ),
        }),
  }
}

const Sidebar = () => {
  const { key, project } = useSession()
  const counts = useCounts(project.slug)
  const client = useQueryClient()
  const navigate = useNavigate()
  const signOut = async () => {
    await send("signOut")
    client.clear()
    await navigate({ to: "/sign-in", search: { back: undefined } })
  }
  const label = "max-wide:sr-only"
  return (
    <aside
      aria-label="Sidebar"
      className="sticky top-0 flex h-screen w-[208px] shrink-0 flex-col border-r border-line p-3 max-wide:w-14 max-desk:hidden"
    >
      <Link to="/" search={{ span: undefined }} className="flex h-8 items-center px-2 max-wide:px-1">
        <Brand wordless />
      </Link>
      <p
        className="mt-3 mb-2 truncate px-2 font-medium text-ink-2 max-wide:sr-only"
        title="The project of your key"
      >
        {project.slug}
      </p>
      <Link to="/submit" search={{ agent: undefined }} className={`${buttonClass()} mb-4`}>
        <Plus aria-hidden size={16} className="text-ink-3" />
        <span className={label}>Submit a run</span>
      </Link>
      <nav aria-label="Main">
        <ul className="grid gap-px">
          {pages.map(({ Icon, label: word, to }) => (
            <li key={to}>
              <Link
                to={to}
                activeOptions={{ exact: to === "/", includeSearch: false }}
                className="flex h-8 items-center gap-2.5 rounded-2 px-2 font-medium text-ink-2 hover:bg-hover hover:text-ink"
                activeProps={{ className: "bg-surface !text-ink shadow-[inset_0_0_0_1px_var(--line)]" }}
              >
                <Icon aria-hidden size={16} className="shrink-0 text-ink-3" />
                <span className={label}>{word}</span>
                <span className="ml-auto max-wide:hidden">{counts[to]}</span>
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="mt-auto grid gap-2">
        <a href="docs" className="flex h-6 items-center gap-2.5 px-2 font-medium text-ink-2 hover:text-ink">
          <BookOpen aria-hidden size={16} className="text-ink-3" />
          <span className={label}>API</span>
        </a>
        <div className="flex items-center gap-1 border-t border-line pt-2 pl-2 text-small text-ink-3 max-wide:flex-col max-wide:pl-0">
          <span className="grow truncate max-wide:sr-only">
            Key <b className="font-medium text-ink-2">{key.name}</b>
          </span>
          <button
            type="button"
            aria-label="Switch between light and dark"
            className={buttonClass("quiet", true)}
            onClick={flipTheme}
          >
            <SunMoon aria-hidden size={16} />
          </button>
          <button
            type="button"
            aria-label="Sign out"
            className={buttonClass("quiet", true)}
            onClick={() => void signOut()}
          >
            <LogOut aria-hidden size={16} />
          </button>
        </div>
      </div>
    </aside>
  )
}

const BottomBar = () => {
  const { project } = useSession()
  const counts = useCounts(project.slug)
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-10 grid grid-cols-4 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] desk:hidden"
    >
      {pages.map(({ Icon, label, to }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === "/", includeSearch: false }}
          className="relative grid h-14 place-content-center justify-items-center gap-0.5 text-micro text-ink-3"
          activeProps={{ className: "!text-ink shadow-[inset_0_2px_0_var(--ink)]" }}
        >
          <Icon aria-hidden size={18} />
          {label}
          <span className="absolute top-1 left-[calc(50%+8px)]">{counts[to]}</span>
        </Link>
      ))}
    </nav>
  )
}

export const Shell = () => (
  <div className="flex min-h-screen">
    <Sidebar />
    <div className="min-w-0 grow max-desk:pb-16">
      <Outlet />
    </div>
    <BottomBar />
  </div>
)
