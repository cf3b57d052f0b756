/** Says that what is on the page is no longer new, and when it is tried again. Over the page, so that nothing moves. */
import { Unplug } from "lucide-react"
import { reconnect, useConnection } from "../api/live"
import { secondsLeft } from "../format/leases"
import { clock } from "../format/times"
import { Button } from "../ui/Button"
import { useNow } from "../ui/now"

/** A stream that comes back within so long was not missed. */
const missedAfter = 2500

export const LostStream = () => {
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
