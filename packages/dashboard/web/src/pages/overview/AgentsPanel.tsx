/** What the runs of each agent came to in the span. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { useState } from "react"
import { dollars, integer, percent } from "../../format/numbers"
import { duration } from "../../format/times"
import { Button } from "../../ui/Button"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { type SpanName, spans } from "./spans"
import { headCell, rightHeadCell } from "../../ui/tableHead"
import { cell, cellLink, NoRows } from "./TableCells"
import { busiestFirst, endedOf, failedShare, failsOften } from "./totals"
import { noRunsSearch } from "../../shell/links"

const firstRows = 5

export const AgentsPanel = ({
  span,
  statistics,
}: {
  readonly statistics: Json.ProjectStatistics | undefined
  readonly span: SpanName
}) => {
  const [isWhole, setWhole] = useState(false)
  const agents = statistics === undefined ? [] : busiestFirst(statistics.agents)
  const number = `${cell} text-right text-ink-2`
  return (
    <Panel
      title="Agents"
      aside={
        agents.length <= firstRows ? undefined : (
          <Button look="quiet" small aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
            {isWhole ? `First ${firstRows}` : `All ${integer(agents.length)}`}
          </Button>
        )
      }
    >
      <div className="overflow-x-auto">
        <table className="w-full border-collapse">
          <thead>
            <tr>
              <th className={headCell}>Agent</th>
              <th className={rightHeadCell}>Runs</th>
              <th className={rightHeadCell}>Failed</th>
              <th
                className={`${rightHeadCell} max-desk:hidden`}
                title="Half of the runs took no longer, from the first claim to the end"
              >
                p50
              </th>
              <th className={rightHeadCell}>Cost</th>
            </tr>
          </thead>
          <tbody>
            {statistics !== undefined && agents.length === 0 ? (
              <NoRows columns={5}>No agent had runs in the {spans[span].words}.</NoRows>
            ) : null}
            {agents.slice(0, isWhole ? undefined : firstRows).map((agent) => (
              <tr key={agent.agent_id} className="transition-colors duration-[120ms] hover:bg-hover">
                <td className={`${cell} max-w-[200px] truncate font-medium`}>
                  <Link to="/runs" search={{ ...noRunsSearch, agent: agent.agent_id }} className={cellLink}>
                    {agent.agent_id}
                  </Link>
                </td>
                <td className={number}>{integer(endedOf(agent))}</td>
                <td
                  className={`${cell} text-right ${failsOften(agent) ? "font-medium text-failed" : "text-ink-2"}`}
                >
                  {endedOf(agent) === 0 ? "–" : percent(failedShare(agent))}
                </td>
                <td className={`${number} max-desk:hidden`}>
                  {agent.run_time.p50_ms === null ? "–" : duration(agent.run_time.p50_ms)}
                </td>
                <td className={number}>{dollars(agent.cost)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {statistics === undefined ? <Skeleton rows={5} /> : null}
    </Panel>
  )
}
