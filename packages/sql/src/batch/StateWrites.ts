/** The statements that write the states of runs: a run that enters another state leaves one table and enters another. */
import type { Statement } from "@effect/sql/Statement"
import type { RunRows, RunState } from "@runlease/core/store"
import { Array } from "effect"
import { type Columns, type Row, rowOf } from "../rows/Columns.js"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database, ExactWrite } from "../dialect/Dialect.js"
import * as RunRow from "../rows/RunRow.js"
import {
  changedIn,
  namesOf,
  stateColumns,
  stateRow,
  states,
  type StateTable,
  tableOf,
} from "../rows/RunFields.js"

type Statements = ReadonlyArray<Statement<object>>

const byTable = <A extends { readonly table: StateTable }>(
  all: ReadonlyArray<A>,
): ReadonlyArray<readonly [StateTable, ReadonlyArray<A>]> => {
  const groups = Array.groupBy(all, ({ table }) => table)
  return states.flatMap((table) => {
    const group = groups[table]
    return group === undefined ? [] : [[table, group] as const]
  })
}

/** Rows that enter their tables. */
export const insert = (
  database: Database,
  states: ReadonlyArray<Pick<RunRows.Change, "key" | "after" | "details">>,
): Statements =>
  byTable(
    states.map(({ after, details, key }) => ({ table: tableOf(after), row: stateRow(key, after, details) })),
  ).map(([table, entering]) =>
    BulkStatements.insert<Columns, object>(
      database,
      table,
      stateColumns[table],
      entering.map(({ row }) => row),
    ),
  )

const remove = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements =>
  byTable(changes.map(({ before, key }) => ({ table: tableOf(before), key }))).map(([table, leaving]) => {
    const { dialect, sql } = database
    const keys = leaving.map(({ key }) => key)
    return sql<object>`DELETE FROM ${sql.literal(table)} WHERE ${dialect.isOneOf("run_pk", keys)}`
  })

/** Rows in which the same columns have changed, and the states that they had. */
interface Group {
  readonly table: StateTable
  readonly names: ReadonlyArray<string>
  readonly rows: globalThis.Array<Row & { readonly run_pk: number }>
  readonly before: globalThis.Array<RunState.RunState>
}

const groupsOf = (changes: ReadonlyArray<RunRows.Change>): ReadonlyArray<Group> => {
  const groups = new Map<string, Group>()
  for (const { after, before, key } of changes) {
    const table = tableOf(after)
    const written = changedIn[table](before, after)
    const name = `${table} ${written.columns}`
    const group = groups.get(name) ?? { table, names: namesOf(table, written), rows: [], before: [] }
    groups.set(name, group)
    group.rows.push({ ...rowOf(group.names, written.values), run_pk: key })
    group.before.push(before)
  }
  return Array.fromIterable(groups.values())
}

const asSeen = RunRow.seenCondition((column) => `v.${column}`)

/** Rows `v` of the keys of leases, and their expected values. */
const seenRows = ({ dialect }: Database, expected: ReadonlyArray<Pick<RunRows.Change, "key" | "before">>) =>
  dialect.rows(
    { run_pk: "integer", ...RunRow.seenColumns },
    expected.map(({ before, key }) => ({ run_pk: key, ...RunRow.seenRow(before) })),
  )

/** One statement for all rows in which the same columns have changed, so that no other column and no other index is touched. */
const update = (database: Database, { before, names, rows, table }: Group): Statement<object> =>
  BulkStatements.update<Columns, string>(
    database,
    table,
    stateColumns[table],
    names,
    rows,
    table === "leases"
      ? { columns: RunRow.seenColumns, rows: before.map(RunRow.seenRow), text: asSeen }
      : undefined,
  )

/** Finds the leases that do not change, and so must be as expected. */
const check = (database: Database, { before, rows }: Group): Statement<object> => {
  const { sql } = database
  const expected = seenRows(
    database,
    rows.map(({ run_pk }, index) => ({ key: run_pk, before: before[index]! })),
  )
  return sql<object>`SELECT leases.run_pk FROM ${expected} v JOIN leases ON leases.run_pk = v.run_pk
    AND ${sql.literal(asSeen)}`
}

/** Removes leases that are as expected. */
const removeLeases = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statement<object> => {
  const { sql } = database
  // A lease that another transaction is writing is compared again once it is locked, as `v` is not a part of it.
  return sql<object>`DELETE FROM leases USING ${seenRows(database, changes)} v
    WHERE leases.run_pk = v.run_pk AND ${sql.literal(asSeen)} RETURNING leases.run_pk`
}

/** Writes of states: those of leases are exact, since a lease may have changed since it was read. */
export interface StateWrites {
  readonly statements: Statements
  readonly exact: ReadonlyArray<ExactWrite>
}

/** The statements of these changes, no two of which write the same row. Each writes its rows in the order of their keys. */
export const write = (database: Database, unordered: ReadonlyArray<RunRows.Change>): StateWrites => {
  const changes = unordered.toSorted((a, b) => a.key - b.key)
  const [staying, going] = Array.partition(changes, ({ after, before }) => tableOf(after) !== tableOf(before))
  const [others, leases] = Array.partition(going, ({ before }) => tableOf(before) === "leases")
  const [elsewhere, leased] = Array.partition(groupsOf(staying), ({ table }) => table === "leases")
  const changed = elsewhere.filter(({ names }) => names.length > 0)
  return {
    statements: [
      ...changed.map((group) => update(database, group)),
      ...remove(database, others),
      ...insert(database, going),
    ],
    exact: [
      ...leased.map((group) => ({
        keys: group.rows.map(({ run_pk }) => run_pk),
        statement: group.names.length === 0 ? check(database, group) : update(database, group),
      })),
      ...(leases.length === 0
        ? []
        : [{ keys: leases.map(({ key }) => key), statement: removeLeases(database, leases) }]),
    ],
  }
}
