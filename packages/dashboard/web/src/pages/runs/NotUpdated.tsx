/** Says that what is shown is not current, and what happens by itself. It floats, so that no row moves. */
import { useConnection } from "../../api/live"
import { Button } from "../../ui/Button"
import { useNow } from "../../ui/now"
import { minuteWords } from "./range"
import type { Refresh } from "./useRefresh"

export const NotUpdated = ({
  isAbove,
  refresh: { failure, now },
}: {
  readonly refresh: Refresh
  /** Whether the bar of the selection is there, which is below it. */
  readonly isAbove: boolean
}) => {
  const current = useNow()
  const { state } = useConnection()
  // A lost stream has another notice, and one of the two is enough.
  if (failure === undefined || state === "reconnecting") return null
  const seconds = Math.max(0, Math.ceil((failure.nextAt - current) / 1000))
  return (
    <div
      role="alert"
      className={`fixed left-[calc(50%+104px)] z-6 flex w-max max-w-[calc(100vw-24px)] -translate-x-1/2 flex-wrap items-center gap-x-3 gap-y-1 rounded-3 border border-failed bg-failed-bg py-2 pr-2 pl-4 shadow-float max-wide:left-[calc(50%+28px)] max-desk:bottom-[72px] max-desk:left-1/2 ${
        isAbove ? "bottom-[76px]" : "bottom-5"
      }`}
    >
      <b className="font-semibold">Not updated since {minuteWords(failure.since)}.</b>
      <span className="text-ink-2">{failure.message}.</span>
      {/* The seconds are not for screen readers, which would read each of them. */}
      <span aria-hidden className="text-ink-2">
        {seconds === 0 ? "Trying again" : `Trying again in ${seconds} s`}.
      </span>
      <Button small className="ml-auto" onClick={now}>
        Now
      </Button>
    </div>
  )
}
