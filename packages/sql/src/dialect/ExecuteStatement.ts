/** Running the statements of a commit. */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { currentTransformer, type Statement } from "@effect/sql/Statement"
import { Context, Effect, Option } from "effect"
import type { ToRow } from "../rows/Columns.js"

/**
 * Runs a statement on the connection of the open transaction. Outside of one, or where a transformer of statements is set, runs
 * `otherwise`: the same statement by its client.
 */
const onConnection = <A>(
  statement: Statement<object>,
  run: (
    connection: Connection,
    text: string,
    parameters: ReadonlyArray<unknown>,
  ) => Effect.Effect<A, SqlError>,
  otherwise: Effect.Effect<A, SqlError>,
): Effect.Effect<A, SqlError> =>
  Effect.withFiberRuntime((fiber) => {
    const open = Context.getOption(fiber.currentContext, SqlClient.TransactionConnection)
    if (Option.isNone(open) || Option.isSome(fiber.getFiberRef(currentTransformer))) return otherwise
    const [text, parameters] = statement.compile(true)
    return run(open.value[0], text, parameters)
  })

/** Runs a statement of a commit without its own span or scope: a commit runs about ten of them. */
export const execute = <A extends object>(
  statement: Statement<A>,
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  onConnection(
    statement,
    (connection, text, parameters) => connection.execute(text, parameters, undefined),
    statement,
  )

/** The same for rows that are read by the position of their columns: bare values cost the driver half as much as objects. */
export const select = <A>(
  toRow: ToRow<A>,
  statement: Statement<object>,
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  Effect.map(
    onConnection(
      statement,
      (connection, text, parameters) => connection.executeValues(text, parameters),
      statement.values,
    ),
    (rows) => rows.map(toRow),
  )
