/** Failures of statements as failures of the control plane. */
import type { MigrationError } from "@effect/sql/Migrator"
import type { SqlError } from "@effect/sql/SqlError"
import { ControlPlaneUnavailable } from "@runlease/core"
import { SqliteFileLost } from "./SqliteFileCheck.js"

/** The database's code of a failure, empty when there is none. */
export const codeOf = ({ cause }: SqlError | MigrationError): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : ""

/** Troubles of the database by its codes; `passes` when trying again may help. `detail` is for callers too. */
const troubles: ReadonlyArray<{
  readonly code: RegExp
  readonly is: string
  readonly passes: boolean
  readonly detail?: string
}> = [
  { code: /^SQLITE_BUSY/, is: "The database is locked by another process", passes: true },
  { code: /^SQLITE_FULL/, is: "There is no room left for the database", passes: true },
  { code: /^SQLITE_IOERR/, is: "The disk of the database fails", passes: true },
  {
    code: /^(SQLITE_(CORRUPT|NOTADB)|XX00[12])/,
    is: "The database is damaged; restore a back-up",
    passes: false,
  },
  { code: /^57P03/, is: "The database does not take connections yet", passes: true },
  {
    code: /^08007/,
    is: "No synchronous standby confirms the commit, so its outcome is unknown",
    passes: true,
    detail: "No synchronous standby of the database confirms commits; try again later",
  },
  { code: /^53100/, is: "There is no room left for the database", passes: true },
  { code: /^53300/, is: "The database has no connection to spare", passes: true },
  { code: /^55P03/, is: "The database is locked by somebody else", passes: true },
  { code: /^57014/, is: "The database took too long", passes: true },
  { code: /^(28|3D)/, is: "The database does not let us in", passes: true },
]

/** The error that a caller gets for a failed statement. */
export const unavailable = (
  operation: string,
  error: SqlError | MigrationError,
): ControlPlaneUnavailable.ControlPlaneUnavailable => {
  const { cause } = error
  if (cause instanceof SqliteFileLost) {
    const { detail, message } = cause
    return new ControlPlaneUnavailable.ControlPlaneUnavailable({ operation, message, detail, cause: error })
  }
  const code = codeOf(error)
  const trouble = troubles.find((trouble) => trouble.code.test(code))
  return new ControlPlaneUnavailable.ControlPlaneUnavailable({
    operation,
    message: `${trouble?.is ?? "The database did not answer"}: ${cause instanceof Error ? cause.message : error.message}`,
    retryable: trouble?.passes ?? true,
    ...(trouble?.detail === undefined ? {} : { detail: trouble.detail }),
    cause: error,
  })
}
