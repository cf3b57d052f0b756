/** The names of the rows. */
import { Link } from "@tanstack/react-router"
import { CornerDownRight } from "lucide-react"
import type { Row } from "./drawing"
import { wholeRun } from "../../../shell/links"

const aside = "ml-auto truncate text-ink-3 max-desk:hidden"

const Content = ({ row }: { readonly row: Row }) => {
  switch (row.kind) {
    case "idle":
      return <>Not held</>
    case "claim":
      return (
        <>
          <span className="text-ink-3">{row.number}</span>
          <b className="truncate font-medium text-ink">{row.worker}</b>
          <span className={`${aside} shrink-0`}>attempt {row.attempt}</span>
        </>
      )
    case "worker":
      return (
        <>
          <b className="truncate font-medium text-ink">{row.worker}</b>
          <span className={`${aside} shrink-0`}>{row.claims} claims</span>
        </>
      )
    case "steps":
      return (
        <>
          Steps<span className={aside}>{row.count}</span>
        </>
      )
    case "room":
      return <span className="text-ink-3">child</span>
    case "child":
      return (
        <>
          <CornerDownRight aria-hidden size={12} strokeWidth={2.2} className="shrink-0 text-child" />
          <Link
            to="/runs/$runId"
            params={{ runId: row.child.run_id }}
            search={wholeRun}
            className="truncate hover:text-ink hover:underline"
          >
            {row.child.agent_id}
          </Link>
          <span className={`${aside} shrink-0`}>child</span>
        </>
      )
  }
}

export const LaneLabels = ({ rows }: { readonly rows: ReadonlyArray<Row> }) => (
  <ul className="pt-[22px]" aria-label="Rows">
    {rows.map((row, index) => (
      <li
        key={index}
        className="flex h-6 items-center gap-2 pr-3 pl-4 text-small whitespace-nowrap text-ink-2 max-desk:pr-2 max-desk:pl-3"
      >
        <Content row={row} />
      </li>
    ))}
  </ul>
)
