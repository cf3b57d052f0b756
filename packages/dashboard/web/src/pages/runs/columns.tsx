/** The columns of the table, and which of them are shown. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import {
  columnVisibilityFeature,
  createColumnHelper,
  rowSelectionFeature,
  tableFeatures,
} from "@tanstack/react-table"
import { shortId } from "../../format/ids"
import { Label, labelChip } from "../../ui/Label"
import { MiniLane } from "../../ui/MiniLane"
import { State } from "../../ui/State"
import { RunTitle } from "./RunTitle"
import { Attempt, Cost, Started, Tokens, Took, WorkerName } from "./figures"
import { addLabel } from "./filter"
import { labelTexts } from "./labels"

/** The most characters that fit into a line of the column. */
const room = 22

/** As many of the first labels as fit, and one at least. */
const fitting = (labels: ReadonlyArray<string>): ReadonlyArray<string> => {
  let used = 0
  return labels.filter((label, index) => {
    used += label.length
    return index === 0 || used <= room
  })
}

/** The labels of a run in a row, as links that filter by them; those without room are counted. */
const RunLabels = ({ run }: { readonly run: Json.RunSummary }) => {
  const labels = labelTexts(run)
  const shown = fitting(labels)
  const rest = labels.slice(shown.length)
  return (
    <span className="flex min-w-0 items-center gap-1">
      {shown.map((label) => (
        <Link
          key={label}
          from="/runs"
          to="/runs"
          search={(before) => addLabel(before, label)}
          preload={false}
          resetScroll={false}
          aria-label={label}
          title={`Show runs with ${label}`}
          className={`${labelChip} min-w-0 shrink hover:border-edge hover:text-ink`}
        >
          <Label text={label} />
        </Link>
      ))}
      {rest.length === 0 ? null : (
        <span title={rest.join("\n")} className="shrink-0 text-small text-ink-3">
          +{rest.length}
        </span>
      )}
    </span>
  )
}

export const features = tableFeatures({ columnVisibilityFeature, rowSelectionFeature })

const helper = createColumnHelper<typeof features, Json.RunSummary>()

const Code = ({ run }: { readonly run: Json.RunSummary }) =>
  run.error?.code == null ? (
    "–"
  ) : (
    <code title={run.error.message} className="font-mono text-small">
      {run.error.code}
    </code>
  )

export const columns = helper.columns([
  helper.display({ id: "state", header: "State", cell: ({ row }) => <State status={row.original.status} /> }),
  helper.display({ id: "run", header: "Run", cell: ({ row }) => <RunTitle run={row.original} /> }),
  helper.display({
    id: "agent",
    header: "Agent",
    cell: ({ row }) => <span title={row.original.agent_id}>{row.original.agent_id}</span>,
  }),
  helper.display({ id: "labels", header: "Labels", cell: ({ row }) => <RunLabels run={row.original} /> }),
  helper.display({ id: "leases", header: "Leases", cell: ({ row }) => <MiniLane run={row.original} /> }),
  helper.display({ id: "attempt", header: "Attempt", cell: ({ row }) => <Attempt run={row.original} /> }),
  helper.display({ id: "worker", header: "Worker", cell: ({ row }) => <WorkerName run={row.original} /> }),
  helper.display({ id: "started", header: "Started", cell: ({ row }) => <Started run={row.original} /> }),
  helper.display({ id: "took", header: "Took", cell: ({ row }) => <Took run={row.original} /> }),
  helper.display({ id: "tokens", header: "Tokens", cell: ({ row }) => <Tokens run={row.original} /> }),
  helper.display({ id: "cost", header: "Cost", cell: ({ row }) => <Cost run={row.original} /> }),
  helper.display({ id: "priority", header: "Priority", cell: ({ row }) => row.original.priority }),
  helper.display({ id: "code", header: "Code", cell: ({ row }) => <Code run={row.original} /> }),
  helper.display({
    id: "id",
    header: "Id",
    cell: ({ row }) => (
      <code title={row.original.run_id} className="font-mono text-small">
        {shortId(row.original.run_id)}
      </code>
    ),
  }),
])

/** How a column is drawn. The one without a width takes what is left. */
interface ColumnLook {
  readonly width?: number
  readonly className: string
}

const right = "text-right text-ink-2"

const cut = "truncate text-ink-2"

export const looks: Readonly<Record<string, ColumnLook>> = {
  state: { width: 108, className: "[&>span]:align-middle" },
  run: { className: "" },
  agent: { width: 114, className: cut },
  labels: { width: 172, className: "" },
  leases: { width: 92, className: "" },
  attempt: { width: 64, className: right },
  worker: { width: 80, className: cut },
  started: { width: 82, className: "text-ink-2" },
  took: { width: 82, className: right },
  tokens: { width: 70, className: right },
  cost: { width: 70, className: right },
  priority: { width: 70, className: right },
  code: { width: 124, className: cut },
  id: { width: 84, className: "text-ink-2" },
}

/** The columns that can be left out, with their words. */
export const choosable: ReadonlyArray<readonly [id: string, word: string]> = [
  ["agent", "Agent"],
  ["labels", "Labels"],
  ["leases", "Leases"],
  ["attempt", "Attempt"],
  ["worker", "Worker"],
  ["took", "Took"],
  ["tokens", "Tokens"],
  ["cost", "Cost"],
  ["priority", "Priority"],
  ["code", "Code"],
  ["id", "Id"],
]

const onlyChosen = ["priority", "code", "id"]

const onlyWhereWide = ["attempt", "worker", "tokens"]

/** The columns that are shown until a reader chooses: labels where a run has some. */
export const defaultVisibility = (isWide: boolean, hasLabels: boolean): Readonly<Record<string, boolean>> =>
  Object.fromEntries([
    ["labels", isWide && hasLabels] as const,
    ...onlyChosen.map((id) => [id, false] as const),
    ...onlyWhereWide.map((id) => [id, isWide] as const),
  ])
