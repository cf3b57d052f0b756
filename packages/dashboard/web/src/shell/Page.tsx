/** The head of a page, with the search and the state of its stream, and its content. */
import { Pause, Play, Search, SunMoon } from "lucide-react"
import { useEffect, type ReactNode } from "react"
import { type Connection, setPaused, useConnection, usePaused, useWaitingEvents } from "../api/live"
import { integer } from "../format/numbers"
import { buttonClass } from "../ui/Button"
import { Kbd } from "../ui/Kbd"
import { isMac } from "../ui/platform"
import { openShellDialog } from "./dialogs"
import { flipTheme } from "./theme"

const words: Record<Connection["state"], string> = {
  none: "",
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
}

/** On pages with a stream. While they are paused, how much has come since. */
const Live = () => {
  const { state } = useConnection()
  const isPaused = usePaused()
  const waiting = useWaitingEvents()
  if (state === "none") return null
  const isLive = state === "live"
  const dot = isPaused
    ? "bg-waiting"
    : isLive
      ? "bg-completed motion-safe:animate-[breathe_2.4s_ease-in-out_infinite]"
      : "bg-edge"
  return (
    <span className="flex h-[30px] shrink-0 items-center gap-2 rounded-2 pl-2.5 font-medium text-ink-2 max-desk:hidden">
      <i className={`size-[7px] rounded-full ${dot}`} />
      <span role="status">{isPaused ? "Paused" : words[state]}</span>
      {isPaused && waiting > 0 ? (
        <span className="font-normal text-ink-3">{integer(waiting)} to come</span>
      ) : null}
      <button
        type="button"
        aria-label={isPaused ? "Go on with live updates" : "Pause live updates"}
        title={isPaused ? "Go on (.)" : "Pause (.)"}
        className={`${buttonClass("quiet", true)} w-[26px] px-0!`}
        onClick={() => setPaused(!isPaused)}
      >
        {isPaused ? <Play aria-hidden size={14} /> : <Pause aria-hidden size={14} />}
      </button>
    </span>
  )
}

const loadPalette = () => void import("./Palette")

const SearchButton = () => (
  <button
    type="button"
    aria-haspopup="dialog"
    className="flex h-[30px] min-w-0 grow items-center overflow-hidden whitespace-nowrap gap-1.5 rounded-2 border border-line-2 bg-surface px-2.5 text-ink-3 transition-colors duration-[120ms] hover:border-edge hover:bg-hover max-desk:size-11 max-desk:justify-center max-desk:border-0 max-desk:bg-transparent max-desk:px-0"
    onClick={() => openShellDialog("palette")}
    onPointerEnter={loadPalette}
    onFocus={loadPalette}
  >
    <Search aria-hidden size={16} strokeWidth={1.9} />
    <span className="max-desk:sr-only">Search or jump to</span>
    <span className="ml-auto flex max-desk:hidden" aria-hidden>
      <Kbd>{isMac ? "⌘ K" : "Ctrl K"}</Kbd>
    </span>
  </button>
)

export const Page = ({
  children,
  heading,
  title,
  tools,
}: {
  /** The title of the browser's tab. */
  readonly title: string
  /** The content of the head; the title when absent. */
  readonly heading?: ReactNode
  readonly tools?: ReactNode
  readonly children: ReactNode
}) => {
  useEffect(() => {
    document.title = `${title} · Runlease`
  }, [title])
  return (
    <>
      <header className="sticky top-0 z-5 flex h-[52px] items-center gap-3 border-b border-line bg-bg px-6 max-desk:gap-0 max-desk:pr-2 max-desk:pl-4">
        {heading ?? (
          <h1 className="text-title font-semibold tracking-[-0.01em] whitespace-nowrap">{title}</h1>
        )}
        {tools}
        <span className="grow" />
        {/* As wide with any word, so that the button stays where it is. */}
        <div className="flex w-[318px] shrink-0 gap-3 max-desk:w-auto">
          <SearchButton />
          <Live />
        </div>
        <button
          type="button"
          aria-label="Switch between light and dark"
          className="grid size-11 shrink-0 place-items-center text-ink-3 desk:hidden"
          onClick={flipTheme}
        >
          <SunMoon aria-hidden size={18} strokeWidth={1.9} />
        </button>
      </header>
      <main className="min-w-0 max-w-[1680px] px-6 pt-4 pb-8 max-desk:px-3 max-desk:pt-3 max-desk:pb-6">
        {children}
      </main>
    </>
  )
}
