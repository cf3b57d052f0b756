/** The filter of the page as a bulk operation takes it. */
import type * as Json from "@runlease/http/Json"
import { hasEnded } from "../bulk"
import { isNarrowed, queryOf, type RunFilter } from "../filter"

type BulkFilter = NonNullable<Json.Bulk["filter"]>

/** `from` and `to` are instants by now: runs that come later are not among those that match. */
export const bulkFilterOf = (filter: RunFilter, now: number): BulkFilter => {
  const { label: _label, ...same } = queryOf(filter, now)
  return {
    ...(same as BulkFilter),
    ...(filter.labels.length === 0
      ? {}
      : {
          labels: Object.fromEntries(
            filter.labels.map((label) => {
              const colon = label.indexOf(":")
              return [label.slice(0, colon), label.slice(colon + 1)]
            }),
          ),
        }),
  }
}

/** Whether all runs that match may be cancelled at once: of some filter, and not of runs that have ended. */
export const isOffered = (filter: RunFilter): boolean =>
  filter.status === undefined ? isNarrowed(filter) : !hasEnded({ status: filter.status })

/** `2,906 cancelled, 12 had ended already, 1 refused: …` */
export const resultWords = ({ done, failed, failures, skipped, status }: Json.Bulk): string =>
  [
    `${done.toLocaleString("en")} cancelled`,
    ...(skipped === 0 ? [] : [`${skipped.toLocaleString("en")} had ended already`]),
    ...(failed === 0
      ? []
      : [
          `${failed.toLocaleString("en")} refused: ${[...new Set(failures.map(({ message }) => message))].join("; ")}`,
        ]),
    ...(status === "aborted" ? ["stopped before its end"] : []),
  ].join(", ")
