/** Finds the principal of a token on SQL. */
import { type Access, BrowserToken, type Ids } from "@runlease/core"
import { RunToken, Token } from "@runlease/core/store"
import { Effect, Option } from "effect"
import type { SqlStore } from "../batch/SqlStore.js"
import * as SqlBrowserTokens from "./SqlBrowserTokens.js"

interface Row {
  readonly id: Ids.KeyId
  readonly project_id: Ids.ProjectId
  readonly worker_id: Ids.WorkerId | null
  readonly issued_by: Ids.KeyId | null
  readonly admin: number
  readonly digest: string
}

/** A session is the key that issued it. */
const toPrincipal = (row: Row): Access.Principal =>
  row.worker_id === null
    ? { _tag: "ApiKey", keyId: row.issued_by ?? row.id, projectId: row.project_id, admin: row.admin === 1 }
    : { _tag: "Worker", workerId: row.worker_id, projectId: row.project_id }

/** @category constructors */
export const make = (store: SqlStore): Access.Access["Type"]["authenticate"] => {
  const { dialect, read, sql } = store
  const browser = SqlBrowserTokens.authentication(store)

  const valid = (column: "lookup" | "worker_id", value: string) =>
    read(
      "Access.authenticate",
      Effect.flatMap(
        dialect.instant,
        (now) => sql<Row>`SELECT * FROM credentials WHERE ${sql(column)} = ${value} AND revoked_at IS NULL
          AND (expires_at IS NULL OR expires_at > ${now})`,
      ),
    )

  /** The run that a token names, where a valid token of its worker has signed it. */
  const run = ({ isSignedWith, lease }: RunToken.Signed) =>
    Effect.map(valid("worker_id", lease.workerId), (rows) =>
      Option.map(
        Option.fromNullable(rows.find(({ digest }) => isSignedWith(digest))),
        (row): Access.Principal => ({ _tag: "Run", lease, projectId: row.project_id }),
      ),
    )

  // The index has only a part of the digest; the rest is compared in constant time.
  const other = (digest: string) =>
    Effect.map(valid("lookup", Token.lookup(digest)), (rows) =>
      Option.map(Option.fromNullable(rows.find((row) => Token.equal(row.digest, digest))), toPrincipal),
    )

  return (token) =>
    Option.match(RunToken.read(token), {
      onNone: () =>
        Option.match(BrowserToken.read(token), {
          onNone: () => Effect.flatMap(Token.digest(token), other),
          onSome: browser,
        }),
      onSome: run,
    })
}
