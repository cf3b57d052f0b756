/**
 * The statements that write what has changed of the runs of a commit. A run that enters another state leaves one table and enters another.
 */
import type { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import { Labels, StepRecord } from "@runlease/core"
import type { CounterRows, RunRows, RunState } from "@runlease/store"
import { Array, Effect } from "effect"
import * as BulkStatements from "../dialect/BulkStatements.js"
import type { Database, ExactWrite } from "../dialect/Dialect.js"
import { execute } from "../dialect/ExecuteStatement.js"
import { type Columns, type Row, rowOf, type Value } from "../rows/Columns.js"
import * as EventRows from "../rows/EventRows.js"
import { encodersFor } from "../rows/Fields.js"
import {
  changedIn,
  claimFields,
  claimHolderFields,
  namesOf,
  stateColumns,
  stateRow,
  states,
  type StateTable,
  tableOf,
} from "../rows/RunFields.js"
import * as RunRow from "../rows/RunRow.js"
import { sessionColumns, sessionRow } from "../rows/SessionRow.js"
import * as CounterQueries from "./CounterQueries.js"
import * as InputRows from "./InputRows.js"
import * as ConversationRows from "./ConversationRows.js"
import * as LabelRows from "./LabelRows.js"
import * as MessageRows from "./MessageRows.js"

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
const insertStates = (
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
    const written = changedIn[table]({ before, after })
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
interface StateWrites {
  readonly statements: Statements
  readonly exact: ReadonlyArray<ExactWrite>
}

/** The statements of these changes, no two of which write the same row. Each writes its rows in the order of their keys. */
const writeStates = (database: Database, unordered: ReadonlyArray<RunRows.Change>): StateWrites => {
  const changes = unordered.toSorted((a, b) => a.key - b.key)
  const [staying, going] = Array.partition(changes, ({ after, before }) => tableOf(after) !== tableOf(before))
  const [others, leases] = Array.partition(going, ({ before }) => tableOf(before) === "leases")
  const [elsewhere, leased] = Array.partition(groupsOf(staying), ({ table }) => table === "leases")
  const changed = elsewhere.filter(({ names }) => names.length > 0)
  return {
    statements: [
      ...changed.map((group) => update(database, group)),
      ...remove(database, others),
      ...insertStates(database, going),
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

/** Inserts the runs in their order, in their states, with the requests and the conversations that are made for them; returns their keys. */
export const insert = (
  database: Database,
  runs: ReadonlyArray<RunRows.NewRun>,
  now: number,
): Effect.Effect<ReadonlyArray<number>, SqlError> =>
  Effect.gen(function* () {
    const inserted = yield* execute(
      BulkStatements.insert<Columns, RunRow.NameRow & { readonly run_pk: number }>(
        database,
        "runs",
        RunRow.runColumns,
        runs.map(RunRow.newRow),
        "RETURNING run_pk, project_id, run_id",
      ),
    )
    const byName = new Map(
      inserted.map(({ project_id, run_id, run_pk }) => [`${project_id}/${run_id}`, run_pk]),
    )
    const keys = runs.map(({ state: { spec } }) => byName.get(`${spec.projectId}/${spec.runId}`)!)
    const inputs = runs.map((run, index) => RunRow.firstInputRow(keys[index]!, run))
    const states = runs.map(({ state }, index) => ({ key: keys[index]!, after: state, details: {} }))
    const labels = runs.flatMap(({ details, state: { spec } }, index) =>
      LabelRows.rowsOf(spec.projectId, keys[index]!, details.labels),
    )
    const conversations = runs.flatMap(({ conversation, state: { spec } }) =>
      conversation === "new" ? [RunRow.newConversationRow(spec, now)] : [],
    )
    const named = runs.flatMap(({ conversation, state: { spec } }) =>
      conversation === "named" ? [{ project_id: spec.projectId, id: spec.conversationId }] : [],
    )
    yield* database.dialect.write([
      ...insertStates(database, states),
      BulkStatements.insert(database, "inputs", RunRow.inputColumns, inputs),
      ...LabelRows.insert(database, labels),
      ...(conversations.length === 0
        ? []
        : [BulkStatements.insert(database, "conversations", RunRow.conversationColumns, conversations)]),
      ...(named.length === 0 ? [] : [ConversationRows.touch(database, named, now)]),
    ])
    return keys
  })

const columns = { run_pk: "integer", labels: "text", title: "text" } as const

type Column = Exclude<keyof typeof columns, "run_pk">

interface Update {
  readonly names: ReadonlyArray<Column>
  readonly row: { readonly run_pk: number; readonly labels: string | null; readonly title: string | null }
}

const updatesOf = (changes: ReadonlyArray<RunRows.Change>): ReadonlyArray<Update> =>
  changes.flatMap(({ details: { labels, request }, key }) => {
    const names = [
      ...(labels === undefined ? [] : (["labels"] as const)),
      ...(request === undefined ? [] : (["title"] as const)),
    ]
    if (names.length === 0) return []
    const text = labels === undefined || Labels.isEmpty(labels.after) ? null : JSON.stringify(labels.after)
    return [{ names, row: { run_pk: key, labels: text, title: request?.title ?? null } }]
  })

/** A row is in one statement: PostgreSQL runs those of a write side by side. */
const updateRuns = (database: Database, changes: ReadonlyArray<RunRows.Change>) =>
  Object.values(Array.groupBy(updatesOf(changes), ({ names }) => names.join())).map((group) =>
    BulkStatements.update(
      database,
      "runs",
      columns,
      group[0].names,
      group.map(({ row }) => row),
    ),
  )

const ofSubmission: BulkStatements.Condition = { columns: {}, rows: [], text: "inputs.input = 0" }

/** Requests in the place of those that the runs were submitted with. */
const updateRequests = (database: Database, changes: ReadonlyArray<RunRows.Change>) => {
  const rows = changes.flatMap(({ details: { request }, key }) =>
    request === undefined ? [] : [{ run_pk: key, snapshot: JSON.stringify(request.snapshot) }],
  )
  return rows.length === 0
    ? []
    : [
        BulkStatements.update(
          database,
          "inputs",
          { run_pk: "integer", snapshot: "text" },
          ["snapshot"],
          rows,
          ofSubmission,
        ),
      ]
}

/** The statements of these changes. */
const writeUpdates = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
): ReadonlyArray<Statement<object>> => [
  ...updateRuns(database, changes),
  ...updateRequests(database, changes),
]

const insertEvents = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): Statements => {
  const rows = changes.flatMap(({ entries, key }) =>
    entries.map(({ eventId, sequence, text }) => ({
      run_pk: key,
      event_id: eventId,
      sequence,
      payload: text,
      created_at: now,
    })),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "events", EventRows.columns, rows)]
}

const recordColumns = { run_pk: "integer", event_id: "integer" } as const satisfies Columns

/** The index of the records of steps. */
const insertRecords = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ entries, key }) =>
    entries.flatMap(({ event, eventId }) =>
      StepRecord.isReserved(event) ? [{ run_pk: key, event_id: eventId }] : [],
    ),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "records", recordColumns, rows)]
}

const sessionRowColumns = { run_pk: "integer", ...sessionColumns } as const

/** Adds the sessions, or writes them over those that their runs have. */
const putSessions = ({ dialect, sql }: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ details: { session }, key }) =>
    session === undefined ? [] : [{ run_pk: key, ...sessionRow(session) }],
  )
  if (rows.length === 0) return []
  const names = Object.keys(sessionRowColumns)
  const assigned = Object.keys(sessionColumns).map((name) => `${name} = excluded.${name}`)
  // SQLite needs the WHERE to distinguish the upsert's ON from a join's.
  return [
    sql<object>`INSERT INTO sessions (${sql.csv(names)})
      SELECT ${sql.csv(names)} FROM ${dialect.rows(sessionRowColumns, rows)} v WHERE TRUE
      ON CONFLICT (run_pk) DO UPDATE SET ${sql.csv(assigned)}`,
  ]
}

/** `project_id` is for an index. */
const claimRowColumns: Columns = { run_pk: "integer", ...RunRow.claimColumns, project_id: "text" }

const ofClaim = encodersFor("claims", claimFields)

const ofHolder = encodersFor("claims", claimHolderFields)

const insertClaims = (database: Database, changes: ReadonlyArray<RunRows.Change>): Statements => {
  const rows = changes.flatMap(({ after: { spec }, details: { claims = [] }, key }) =>
    claims.map((claim) => {
      const row: Record<string, Value> = { run_pk: key, project_id: spec.projectId }
      for (const { column, encode, name } of ofClaim) row[column] = encode(claim[name])
      for (const { column, encode, name } of ofHolder) row[column] = encode(claim.holder[name])
      return row
    }),
  )
  return rows.length === 0 ? [] : [BulkStatements.insert(database, "claims", claimRowColumns, rows)]
}

/** The statements of what changes besides states and logs. */
export const writeDetails = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  now: number,
): Statements => {
  const detailed = changes.filter((change) => !RunRow.isPlain(change))
  return detailed.length === 0
    ? []
    : [
        ...insertRecords(database, detailed),
        ...insertClaims(database, detailed),
        ...InputRows.insert(database, detailed),
        ...MessageRows.insert(database, detailed, now),
        ...putSessions(database, detailed),
        ...writeUpdates(database, detailed),
        ...LabelRows.write(database, detailed),
      ]
}

/** The statements of these changes, no two of which write the same row. `now` is the instant of the transaction. */
export const write = (
  database: Database,
  changes: ReadonlyArray<RunRows.Change>,
  counted: ReadonlyArray<CounterRows.CounterDelta>,
  now: number,
): StateWrites => {
  const { exact, statements } = writeStates(database, changes)
  return {
    exact,
    statements: [
      ...statements,
      ...insertEvents(database, changes, now),
      ...writeDetails(database, changes, now),
      ...CounterQueries.insert(database, counted),
    ],
  }
}
