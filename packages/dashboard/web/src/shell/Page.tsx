/** The head of a page, with the search and the state of its stream, and its content. */
import { Pause, Play } from "lucide-react"
import { useEffect, type ReactNode } from "react"
import { setPaused, useConnection, usePaused } from "../api/live"
import { buttonClass } from "../ui/Button"

const Live = () => {
  const connection = useConnection()
  const isPaused = usePaused()
  const isLive = connection.state === "live"
  return (
    <span className="flex h-[30px] items-center gap-2 pl-2.5 font-medium text-ink-2 max-desk:hidden">
      <i
        className={`size-[7px] rounded-full ${isPaused ? "bg-waiting" : isLive ? "bg-completed" : "bg-edge"}`}
      />
      <span role="status">
        {isPaused
          ? "Paused"
          : isLive
            ? "Live"
            : connection.state === "reconnecting"
              ? "Reconnecting"
              : "Not live"}
      </span>
      <button
        type="button"
        aria-label={isPaused ? "Go on with live updates" : "Pause live updates"}
        className={buttonClass("quiet", true)}
        onClick={() => setPaused(!isPaused)}
      >
        {isPaused ? <Play aria-hidden size={14} /> : <Pause aria-hidden size={14} />}
      </button>
    </span>
  )
}

export const Page = ({
  children,
  heading,
  title,
  tools,
}: {
  /** The title of the browser's tab. */
  readonly title: string
  /** What stands in the head; the title when absent. */
  readonly heading?: ReactNode
  readonly tools?: ReactNode
  readonly children: ReactNode
}) => {
  useEffect(() => {
    document.title = `${title} · Runlease`
  }, [title])
  return (
    <>
      <header className="sticky top-0 z-5 flex h-[52px] items-center gap-3 border-b border-line bg-bg px-6 max-desk:px-3">
        {heading ?? <h1 className="text-title font-semibold tracking-tight whitespace-nowrap">{title}</h1>}
        {tools}
        <span className="grow" />
        <Live />
      </header>
      <main className="min-w-0 max-w-[1680px] px-6 pt-4 pb-8 max-desk:px-3">{children}</main>
    </>
  )
}
