/**
 * The finding of a check of indexes.
 */
import { HealthCheck } from "@runlease/core"
import type { Expected, Index } from "./Expected.js"

/** What is missing or wrong. `others`: each with the statement that repairs it. */
export interface Troubles {
  readonly tables: ReadonlyArray<string>
  readonly indexes: ReadonlyArray<Index>
  readonly others: ReadonlyArray<{ readonly what: string; readonly repair: string }>
}

export const of = (
  expected: Expected,
  { indexes, others, tables }: Troubles,
  create: (index: Index) => string = ({ statement }) => statement,
): HealthCheck.Finding => {
  if (tables.length > 0) {
    return HealthCheck.fail(
      `Tables are missing: ${tables.join(", ")}.`,
      "Stop the servers and restore a backup.",
    )
  }
  // The index of a table that is missing is missing with it.
  const troubles = [
    ...indexes.map((index) => ({ what: `${index.name} is missing`, repair: create(index) })),
    ...others,
  ]
  return troubles.length === 0
    ? HealthCheck.ok(`All ${expected.tables.length} tables and ${expected.indexes.length} indexes are there.`)
    : HealthCheck.fail(
        `Of the indexes: ${troubles.map(({ what }) => what).join("; ")}.`,
        `Run: ${troubles.map(({ repair }) => repair.replaceAll(/\s+/g, " ")).join("; ")}`,
      )
}
