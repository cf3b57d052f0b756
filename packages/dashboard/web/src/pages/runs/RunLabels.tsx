/** The labels of a run in a row, as links that filter by them; those without room are counted. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { Label, labelChip } from "../../ui/Label"
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

export const RunLabels = ({ run }: { readonly run: Json.RunSummary }) => {
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
