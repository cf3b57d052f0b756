/**
 * Statements that write many rows, of which there is one at least: a value that is alike in all of them is a parameter of its own, and the rest
 * are columns of a table `v`.
 *
 * @since 0.1.0
 */
import type { Statement } from "@effect/sql/Statement"
import type { Columns, RowOf } from "../rows/Columns.js"
import type { SqlStore } from "../batch/SqlStore.js"

const types = { integer: "BIGINT", text: "TEXT" } as const

const split = (columns: Columns, names: ReadonlyArray<string>, rows: ReadonlyArray<unknown>) => {
  const plain = rows as ReadonlyArray<RowOf<Columns>>
  const [first] = plain
  const apart = names.filter((name) => plain.some((row) => row[name] !== first![name]))
  return {
    plain,
    alike: names.flatMap((name) => (apart.includes(name) ? [] : [[name, first![name]!] as const])),
    apart,
    columns: Object.fromEntries(apart.map((name) => [name, columns[name]!])),
  }
}

/** Inserts the rows and gives the columns that `returning` names; its keys are in the order of the rows. */
export const insert = <C extends Columns, A extends object>(
  { dialect, sql }: SqlStore,
  table: string,
  columns: C,
  rows: ReadonlyArray<RowOf<C>>,
  returning = "",
): Statement<A> => {
  const { alike, apart, columns: columnsApart, plain } = split(columns, Object.keys(columns), rows)
  const names = [...alike.map(([name]) => name), ...apart].join(", ")
  const values = [
    ...alike.map(([name, value]) => sql`CAST(${value} AS ${sql.literal(types[columns[name]!])})`),
    ...apart.map((name) => sql.literal(`v.${name}`)),
  ]
  const ordered = returning !== "" || apart.length === 0
  const source = ordered
    ? dialect.rows(
        { ...columnsApart, position: "integer" },
        plain.map((row, position) => ({ ...row, position })),
      )
    : dialect.rows(columnsApart, plain)
  return sql<A>`INSERT INTO ${sql.literal(`${table} (${names})`)} SELECT ${sql.csv(values)} FROM ${source} v
    ${sql.literal(ordered ? `ORDER BY v.position ${returning}` : "")}`
}

/** Sets the columns that `names` names in the rows given. */
export const update = <C extends Columns, Name extends keyof C & string>(
  { dialect, sql }: SqlStore,
  table: string,
  columns: C,
  names: ReadonlyArray<Name>,
  rows: ReadonlyArray<RowOf<Pick<C, Name> & { readonly run_pk: "integer" }>>,
): Statement<object> => {
  const { alike, apart, columns: columnsApart, plain } = split(columns, names, rows)
  const assignments = [
    ...alike.map(([name, value]) => sql`${sql.literal(name)} = ${value}`),
    ...apart.map((name) => sql.literal(`${name} = v.${name}`)),
  ]
  return sql<object>`UPDATE ${sql.literal(table)} SET ${sql.csv(assignments)}
    FROM ${dialect.rows({ run_pk: "integer", ...columnsApart }, plain)} v
    WHERE ${sql.literal(table)}.run_pk = v.run_pk`
}
