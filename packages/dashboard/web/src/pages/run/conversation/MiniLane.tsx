/** The claims of a run in 56 pixels. */
import type * as Json from "@runlease/http/Json"
import { plural } from "../../../format/numbers"
import { lastOf, spanOf } from "../lanes/spans"

const size = 56

export const MiniLane = ({ now, run }: { readonly run: Json.RunSummary; readonly now: number }) => {
  const from = Date.parse(run.created_at)
  const span = Math.max(1, lastOf(run, now) - from)
  const x = (at: number) => Math.max(0, Math.min(size, ((at - from) / span) * size))
  const spans = run.claims.map((claim) => spanOf(claim, now))
  const isHeld = spans.some(({ isLive }) => isLive)
  return (
    <svg
      width={size}
      height={14}
      role="img"
      aria-label={`${plural(spans.length, "claim")}${isHeld ? ", held now" : ""}`}
      className="shrink-0 max-desk:hidden"
    >
      <rect x={0} y={6} width={size} height={2} fill="var(--line-2)" />
      {spans.map(({ claim, from: start, heldTo, isLive, lossTo }) => (
        <g key={claim.lease_epoch}>
          <rect
            x={x(start)}
            y={4}
            width={Math.max(2, x(heldTo) - x(start))}
            height={6}
            rx={1}
            fill={isLive ? "var(--running)" : "var(--held)"}
          />
          {lossTo === null ? null : (
            <rect
              x={x(heldTo)}
              y={4}
              width={Math.max(2, x(lossTo) - x(heldTo))}
              height={6}
              fill="var(--failed)"
            />
          )}
        </g>
      ))}
    </svg>
  )
}
