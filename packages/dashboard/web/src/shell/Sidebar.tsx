/** The pages and the session, at the left of every page; icons alone below 1320 px. */
import { Link } from "@tanstack/react-router"
import { BookOpen, LogOut, Plus, SunMoon } from "lucide-react"
import { useSession } from "../api/session"
import { buttonClass } from "../ui/Button"
import { Brand } from "./Brand"
import { CountMark, useCounts } from "./counts"
import { pages } from "./pages"
import { useSignOut } from "./signOut"
import { flipTheme } from "./theme"

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
        title="The API's own description"
        className="flex h-6 items-center gap-2.5 px-2 font-medium text-ink-2 hover:text-ink max-wide:gap-0"
      >
        <BookOpen aria-hidden size={16} strokeWidth={1.9} className="shrink-0 text-ink-3" />
        <span className={label}>API</span>
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

export const Sidebar = () => {
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
