/**
 * The table of steps in a user's database, and the statements over it. A row is written first, without a result, so a second transaction of
 * the step waits there, and on SQLite the transaction is a writing one before it reads.
 *
 * Source: docs/decisions/0139-steps-in-a-transaction.md
 */
import type { StepDatabase } from "@runlease/core"
import { StepError } from "@runlease/core/Step"
import { Predicate } from "effect"

export type Dialect = "postgres" | "sqlite"

export const name = "runlease_steps"

const createdAt: Readonly<Record<Dialect, string>> = {
  postgres: "timestamptz NOT NULL DEFAULT now()",
  sqlite: "text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
}

/** The statement that makes the table where it is missing. */
export const definition = (dialect: Dialect): string =>
  `CREATE TABLE IF NOT EXISTS ${name} (
  run_id text NOT NULL,
  step text NOT NULL,
  result text,
  created_at ${createdAt[dialect]},
  PRIMARY KEY (run_id, step)
)`

/** A row when there is such a table. A role that may not make tables may read this. */
export const lookup: Readonly<Record<Dialect, string>> = {
  postgres: `SELECT 1 AS found WHERE to_regclass('${name}') IS NOT NULL`,
  sqlite: `SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = '${name}'`,
}

interface Statements {
  /** By run and step. A row when the step had none. */
  readonly insert: string
  /** By run and step. */
  readonly read: string
  /** By result, run and step. A row when the step has one. */
  readonly write: string
}

const numbered = (text: string): string => {
  let number = 0
  return text.replaceAll("?", () => `$${++number}`)
}

const ofSqlite: Statements = {
  insert: `INSERT INTO ${name} (run_id, step) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING step`,
  read: `SELECT result FROM ${name} WHERE run_id = ? AND step = ?`,
  write: `UPDATE ${name} SET result = ? WHERE run_id = ? AND step = ? RETURNING step`,
}

export const statements: Readonly<Record<Dialect, Statements>> = {
  sqlite: ofSqlite,
  postgres: {
    insert: numbered(ofSqlite.insert),
    read: numbered(ofSqlite.read),
    write: numbered(ofSqlite.write),
  },
}

/** The text of the row that a statement has read, or why there is none. */
export const textOf = (
  { name: step }: StepDatabase.StepKey,
  [row]: ReadonlyArray<unknown>,
): string | StepError => {
  const text = Predicate.isRecord(row) ? row["result"] : undefined
  return Predicate.isString(text)
    ? text
    : new StepError({
        step,
        reason: "unreadable",
        message: `The row of step ${step} has no result: something has ended its transaction in its middle`,
      })
}

/** That the row of the step is gone within its transaction. */
export const lost = ({ name: step }: StepDatabase.StepKey): StepError =>
  new StepError({
    step,
    reason: "unavailable",
    message: `The body of step ${step} has ended its transaction, or its row was removed`,
  })

// Failures that pass: the connection is lost, another transaction has won or has the lock, or the database starts or has no connection left.
const codes =
  /^(08|40001|40P01|53300|55P03|57P0[1-5]|25P0[34]|SQLITE_(BUSY|LOCKED)|E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|AI_AGAIN))/
const messages =
  /connection (terminated|timeout|error|is closed|ended)|not queryable|timeout exceeded when trying to connect|client was closed/i
/** SQLITE_BUSY and SQLITE_LOCKED of `node:sqlite`. */
const numbers: ReadonlySet<unknown> = new Set([5, 6])

/** Whether the same transaction may succeed when it runs again. */
export const passes = (error: unknown): boolean => {
  if (!Predicate.isRecord(error)) return false
  const { cause, code, errcode, message } = error
  if (Predicate.isString(code) && codes.test(code)) return true
  if (numbers.has(Predicate.isNumber(errcode) ? errcode & 0xff : undefined)) return true
  return (Predicate.isString(message) && messages.test(message)) || passes(cause)
}

/** The message of the innermost error. */
export const messageOf = (error: unknown): string => {
  if (!Predicate.isRecord(error)) return String(error)
  return error["cause"] === undefined ? String(error["message"]) : messageOf(error["cause"])
}

/** The failure of a transaction of the step, which its body has not caused. */
export const failureOf = ({ name: step }: StepDatabase.StepKey, error: unknown): StepError =>
  passes(error)
    ? new StepError({
        step,
        reason: "unavailable",
        message: `The database of step ${step} is unavailable: ${messageOf(error)}`,
      })
    : new StepError({
        step,
        reason: "refused",
        message: `The database of step ${step} refuses its row: ${messageOf(error)}`,
      })
