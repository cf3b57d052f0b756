/** The line below the lanes: what is pointed at. */
import { Link } from "@tanstack/react-router"
import {
  CornerDownRight,
  HeartCrack,
  HeartPulse,
  History,
  Hourglass,
  Footprints,
  OctagonX,
} from "lucide-react"
import type { Detail } from "./describe"
import { wholeRun } from "../../../shell/links"

const icons = {
  lost: [HeartCrack, "text-failed"],
  live: [HeartPulse, "text-running"],
  wait: [Hourglass, "text-waiting"],
  past: [History, "text-ink-3"],
  child: [CornerDownRight, "text-child"],
  step: [Footprints, "text-ink-3"],
  failed: [OctagonX, "text-failed"],
} as const

const linkClass =
  "shrink-0 font-medium text-ink-2 underline decoration-line-2 underline-offset-3 hover:text-ink max-desk:hidden"

export const LaneDetail = ({ detail }: { readonly detail: Detail }) => {
  const [Icon, colour] = icons[detail.tone]
  return (
    <p className="mt-1.5 flex min-h-[37px] items-start gap-2.5 border-t border-line px-4 py-2 text-ink-2 max-desk:px-3 max-desk:py-2.5">
      <Icon aria-hidden size={14} strokeWidth={2.2} className={`mt-[3px] shrink-0 ${colour}`} />
      <span className="min-w-0 grow">
        <b className="font-medium text-ink">{detail.lead}</b> {detail.text}
        {detail.paid === null ? null : <b className="font-medium text-ink"> {detail.paid}</b>}
      </span>
      {detail.worker === null ? null : (
        <Link to="/workers" search={{ open: detail.worker.id }} className={linkClass}>
          See {detail.worker.name}
        </Link>
      )}
      {detail.run === null ? null : (
        <Link to="/runs/$runId" params={{ runId: detail.run }} search={wholeRun} className={linkClass}>
          Open the child
        </Link>
      )}
    </p>
  )
}
