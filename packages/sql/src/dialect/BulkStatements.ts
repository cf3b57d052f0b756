/**
 * Bulk INSERT and UPDATE of one row or more. Columns that are equal in every row become scalar parameters; the rest come
 * from a table `v`.
 */
import type { Statement } from "@effect/sql/Statement"
import type { Columns, RowOf } from "../rows/Columns.js"
import type { Database } from "./Dialect.js"

const types = { integer: "BIGINT", text: "TEXT" } as const

const split = (columns: Columns, names: ReadonlyArray<string>, rows: ReadonlyArray<unknown>) => {
  const plain = rows as ReadonlyArray<RowOf<Columns>>
  const [first] = plain
  const differing = names.filter((name) => plain.some((row) => row[name] !== first![name]))
  return {
    plain,
    equal: names.flatMap((name) => (differing.includes(name) ? [] : [[name, first![name]!] as const])),
    differing,
    columns: Object.fromEntries(differing.map((name) => [name, columns[name]!])),
  }
}

/** Inserts the rows in their order, which is the order of their keys. `returning` is the statement's RETURNING clause. */
export const insert = <C extends Columns, A extends object>(
  { dialect, sql }: Database,
  table: string,
  columns: C,
  rows: ReadonlyArray<RowOf<C>>,
  returning = "",
): Statement<A> => {
  const { equal, differing, columns: differingColumns, plain } = split(columns, Object.keys(columns), rows)
  const names = [...equal.map(([name]) => name), ...differing].join(", ")
  const values = [
    ...equal.map(([name, value]) => sql`CAST(${value} AS ${sql.literal(types[columns[name]!])})`),
    ...differing.map((name) => sql.literal(`v.${name}`)),
  ]
  const ordered = returning !== "" || differing.length === 0
  const source = ordered
    ? dialect.rows(
        { ...differingColumns, position: "integer" },
        plain.map((row, position) => ({ ...row, position })),
      )
    : dialect.rows(differingColumns, plain)
  return sql<A>`INSERT INTO ${sql.literal(`${table} (${names})`)} SELECT ${sql.csv(values)} FROM ${source} v
    ${sql.literal(ordered ? `ORDER BY v.position ${returning}` : "")}`
}

/** What rows must be like to be written: `columns` are further columns of `v`, and `rows` further values, one for each row. */
export interface Condition {
  readonly columns: Columns
  readonly rows: ReadonlyArray<object>
  readonly text: string
}

/** Sets the columns `names` of these rows, and returns the keys of those that it has found. */
export const update = <C extends Columns, Name extends keyof C & string>(
  { dialect, sql }: Database,
  table: string,
  columns: C,
  names: ReadonlyArray<Name>,
  rows: ReadonlyArray<RowOf<Pick<C, Name> & { readonly run_pk: "integer" }>>,
  condition?: Condition,
): Statement<object> => {
  const { equal, differing, columns: differingColumns, plain } = split(columns, names, rows)
  const assignments = [
    ...equal.map(([name, value]) => sql`${sql.literal(name)} = ${value}`),
    ...differing.map((name) => sql.literal(`${name} = v.${name}`)),
  ]
  const source = dialect.rows(
    { run_pk: "integer", ...differingColumns, ...condition?.columns },
    condition === undefined ? plain : plain.map((row, index) => ({ ...row, ...condition.rows[index] })),
  )
  return sql<object>`UPDATE ${sql.literal(table)} SET ${sql.csv(assignments)} FROM ${source} v
    WHERE ${sql.literal(`${table}.run_pk = v.run_pk ${condition === undefined ? "" : `AND ${condition.text}`}
    RETURNING ${table}.run_pk`)}`
}
