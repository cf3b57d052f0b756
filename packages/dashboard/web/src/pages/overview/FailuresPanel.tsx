/** The failed runs of the span by the code of their error. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { integer, plural } from "../../format/numbers"
import { buttonClass } from "../../ui/Button"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { type SpanName, spans } from "./spans"
import { headCell } from "../../ui/tableHead"
import { cell, NoRows } from "./TableCells"
import { failuresOf, totalsOf } from "./totals"
import { noRunsSearch } from "../../shell/links"

const mostCodes = 8

export const FailuresPanel = ({
  span,
  statistics,
}: {
  readonly statistics: Json.ProjectStatistics | undefined
  readonly span: SpanName
}) => {
  const failures = statistics === undefined ? [] : failuresOf(statistics.agents)
  const failed = statistics === undefined ? 0 : totalsOf(statistics).failed
  const most = failures[0]?.count ?? 1
  return (
    <Panel
      title="Failures by code"
      aside={
        failed === 0 ? undefined : (
          <Link
            to="/runs"
            search={{ ...noRunsSearch, state: "failed" }}
            className={buttonClass("quiet", true)}
          >
            {plural(failed, "run")}
          </Link>
        )
      }
    >
      <table className="w-full table-fixed border-collapse">
        <colgroup>
          <col />
          <col className="w-[120px]" />
          <col className="w-[72px]" />
        </colgroup>
        <thead>
          <tr>
            <th className={headCell}>Code</th>
            <th className={headCell}>
              <span className="sr-only">Share</span>
            </th>
            <th className={`${headCell} text-right!`}>Runs</th>
          </tr>
        </thead>
        <tbody>
          {statistics !== undefined && failures.length === 0 ? (
            <NoRows columns={3}>No run failed in the {spans[span].words}.</NoRows>
          ) : null}
          {failures.slice(0, mostCodes).map(({ code, count }) => (
            <tr key={code ?? ""}>
              <td
                className={`${cell} truncate ${code === null ? "text-ink-3" : "font-mono text-small"}`}
                title={code ?? ""}
              >
                {code === null ? (
                  "no code"
                ) : (
                  <Link
                    to="/runs"
                    search={{ ...noRunsSearch, state: "failed", code, children: "yes" }}
                    className="hover:underline"
                  >
                    {code}
                  </Link>
                )}
              </td>
              <td className={cell}>
                <i
                  className="inline-block h-1.5 rounded-[2px] bg-failed align-[1px]"
                  style={{ width: Math.max(2, Math.round((count / most) * 104)) }}
                />
              </td>
              <td className={`${cell} text-right`}>{integer(count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {statistics === undefined ? <Skeleton rows={5} /> : null}
    </Panel>
  )
}
