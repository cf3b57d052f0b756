/**
 * The codec of verdicts: an error of the ports has a status, a code and a detail on the wire. The only place where such
 * an error gets an HTTP status.
 *
 * Source: docs/decisions/0042-one-codec-of-verdicts.md
 */
import { ControlPlaneError } from "@runlease/core"
import { Effect } from "effect"
import * as ControlPlaneErrors from "./ControlPlaneErrors.js"
import * as Refusal from "./Refusal.js"
import type { About, ErrorOf, Tag, VerdictError } from "./Verdict.js"
import { verdicts } from "./VerdictTable.js"

/** Every error that a port can fail with. */
export type PortError = VerdictError | ControlPlaneError.ControlPlaneError

const encodeVerdict = <T extends Tag>(tag: T, error: ErrorOf<T>): Refusal.Refusal => {
  const verdict = verdicts[tag]
  const { encode, status } = verdict
  const headers = verdict.headersOf?.(error) ?? verdict.headers
  return new Refusal.Refusal({
    httpStatus: status,
    body: encode(error),
    ...(headers === undefined ? {} : { headers }),
  })
}

/**
 * The refusal that encodes an error; a refusal stays as it is. `session` and `tell` are the endpoints that record a session
 * and take a message: `RunEnded` is 409 there, since nothing is appended.
 */
export const encode = (
  error: PortError | Refusal.Refusal,
  endpoint?: "session" | "tell",
): Refusal.Refusal => {
  if (error._tag === "Refusal") return error
  if (ControlPlaneError.isControlPlaneError(error)) return ControlPlaneErrors.encode(error)
  if (error._tag === "RunEnded" && endpoint !== undefined) {
    return Refusal.make(409, "run_ended", error.message, { status: error.status })
  }
  return encodeVerdict(error._tag, error)
}

const tagOf = <T extends Tag>(
  expected: ReadonlyArray<T>,
  { body, httpStatus }: Refusal.Refusal,
): T | undefined =>
  expected.find((tag) => verdicts[tag].codes.includes(body.error)) ??
  expected.find((tag) => verdicts[tag].matches?.(body.detail)) ??
  // 400 has too many meanings to decide which of them it is.
  (httpStatus === 400 ? undefined : expected.find((tag) => verdicts[tag].status === httpStatus))

/**
 * Fails with the error that a refusal encodes. The code decides; else a detail that other servers send, who have no
 * codes; else the status, by the first of the expected errors that has it.
 *
 * Fails: one of the `expected` errors; a `ControlPlaneError` where the refusal encodes none of them; and what `readRun`
 * fails with.
 */
export const decode =
  <T extends Tag, E = never>(operation: string, expected: ReadonlyArray<T>, about: About<E>) =>
  (refusal: Refusal.Refusal): Effect.Effect<never, ErrorOf<T> | E | ControlPlaneError.ControlPlaneError> => {
    const tag = tagOf(expected, refusal)
    const error = tag === undefined ? undefined : verdicts[tag].decode?.(refusal.body, about)
    return error === undefined
      ? Effect.fail(ControlPlaneErrors.decode(operation)(refusal))
      : Effect.flatMap(error, Effect.fail)
  }
