/**
 * Running the statements of a commit.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { currentTransformer, type Statement } from "@effect/sql/Statement"
import { Context, Effect, Option } from "effect"

/**
 * Runs a statement at once on the connection of the open transaction, with no span and no scope of its own: a commit
 * makes about ten of them. Where somebody transforms statements, this one is transformed too.
 */
export const execute = <A extends object>(
  statement: Statement<A>,
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  Effect.withFiberRuntime((fiber) => {
    const open = Context.getOption(fiber.currentContext, SqlClient.TransactionConnection)
    if (Option.isNone(open) || Option.isSome(fiber.getFiberRef(currentTransformer))) return statement
    const [connection] = open.value
    const [text, parameters] = statement.compile(true)
    return connection.execute(text, parameters, undefined)
  })
