/**
 * Running the statements of a commit.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { currentTransformer, type Statement } from "@effect/sql/Statement"
import { Context, Effect, Option } from "effect"
import type { ToRow } from "../rows/Columns.js"

/** Runs a statement on the connection of the open transaction, or as it is where a transformer of statements is set. */
const onConnection = <A extends object>(
  statement: Statement<A>,
  run: (
    connection: Connection,
    text: string,
    parameters: ReadonlyArray<unknown>,
  ) => Effect.Effect<ReadonlyArray<A>, SqlError>,
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  Effect.withFiberRuntime((fiber) => {
    const open = Context.getOption(fiber.currentContext, SqlClient.TransactionConnection)
    if (Option.isNone(open) || Option.isSome(fiber.getFiberRef(currentTransformer))) return statement
    const [text, parameters] = statement.compile(true)
    return run(open.value[0], text, parameters)
  })

/** Runs a statement of a commit without a span or a scope of its own: a commit runs about ten of them. */
export const execute = <A extends object>(
  statement: Statement<A>,
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  onConnection(statement, (connection, text, parameters) => connection.execute(text, parameters, undefined))

/** The same for a SELECT of exactly the columns of these rows: bare values cost the driver half as much as objects. */
export const select = <A extends object>(
  toRow: ToRow<A>,
  statement: Statement<A>,
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  onConnection(statement, (connection, text, parameters) =>
    Effect.map(connection.executeValues(text, parameters), (rows) => rows.map(toRow)),
  )
