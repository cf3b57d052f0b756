/** What the workers of the project add up to. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { integer } from "../../format/numbers"
import { duration } from "../../format/times"
import { Figure, figureCell, FigureStrip } from "../../ui/FigureStrip"
import { isSilent, slotsOf } from "../../ui/workers"
import { countsOf } from "../overview/totals"
import { lossesOf, median, takenOverAfter } from "./fleet"
import { noRunsSearch } from "../../shell/links"

interface Figures {
  /** All that the server lists, and those of them that are here. */
  readonly all: ReadonlyArray<Json.WorkerSummary> | undefined
  readonly here: ReadonlyArray<Json.WorkerSummary>
  readonly statistics: Json.ProjectStatistics | undefined
  readonly attention: Json.Attention | undefined
  readonly lost: ReadonlyArray<Json.LostLease> | undefined
  readonly now: number
}

const unknown = "–"

/** Claims in the last minute that is over. */
const claims = ({ periods }: Json.ProjectStatistics): number => periods.at(-2)?.claimed ?? 0

export const WorkerFigures = ({ all, attention, here, lost, now, statistics }: Figures) => {
  const { slots, used } = slotsOf(here)
  const silent = here.filter((worker) => isSilent(worker, now)).length
  const oldest = attention?.oldest_pending
  const after = median((lost ?? []).flatMap((one) => takenOverAfter(one) ?? []))
  return (
    <FigureStrip label="Capacity">
      <div className={figureCell}>
        <Figure
          label="Workers"
          value={all === undefined ? unknown : integer(here.length)}
          note={silent === 0 ? "" : `${integer(here.length - silent)} heard from`}
        />
      </div>
      <div className={figureCell}>
        <Figure
          label="Slots in use"
          value={all === undefined ? unknown : integer(used)}
          note={slots === 0 ? "" : `of ${integer(slots)}`}
        />
      </div>
      <Link
        to="/runs"
        search={{ ...noRunsSearch, state: "pending" }}
        className={`${figureCell} transition-colors duration-[120ms] hover:bg-hover focus-visible:-outline-offset-2`}
      >
        <Figure
          label="Runs pending"
          value={statistics === undefined ? unknown : integer(countsOf(statistics).pending)}
          note={
            oldest == null ? "" : `oldest ${duration(Math.max(1000, now - Date.parse(oldest.available_at)))}`
          }
        />
      </Link>
      <div className={figureCell}>
        <Figure
          label="Claims"
          value={statistics === undefined ? unknown : integer(claims(statistics))}
          note="last minute"
        />
      </div>
      <div className={figureCell}>
        <Figure
          label="Leases lost"
          value={all === undefined ? unknown : integer(lossesOf(all).total)}
          note="24 hours"
        />
      </div>
      <div className={figureCell}>
        <Figure
          label="Taken over in"
          value={after === undefined ? unknown : duration(after)}
          note={after === undefined ? "" : "median"}
        />
      </div>
    </FigureStrip>
  )
}
