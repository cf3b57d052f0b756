/** What is left of a lease, as a bar and in seconds: red when less than 25 of 60 seconds are left. */
import { isLow, secondsLeft } from "../format/leases"
import { exact } from "../format/times"

export const LeaseLeft = ({
  expiresAt,
  length,
  narrow = false,
  now,
}: {
  readonly expiresAt: number
  readonly length: number
  readonly now: number
  readonly narrow?: boolean
}) => {
  const left = Math.max(0, expiresAt - now)
  const share = Math.min(1, left / length)
  const isShort = isLow(share)
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap" title={exact(expiresAt)}>
      <span className={`h-1.5 overflow-hidden rounded-[2px] bg-line ${narrow ? "w-20" : "w-24"}`}>
        <i
          className={`block h-full w-full origin-left rounded-[2px] transition-transform duration-1000 ease-linear ${isShort ? "bg-failed" : "bg-running"}`}
          style={{ transform: `scaleX(${share})` }}
        />
      </span>
      <span className={`min-w-8 font-medium ${isShort ? "text-failed" : ""}`}>
        {left === 0 ? "run out" : secondsLeft(left)}
      </span>
    </span>
  )
}
