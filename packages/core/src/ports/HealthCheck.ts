/**
 * Checks of a deployment: each looks at one thing, changes nothing, and says what to do where something is wrong.
 *
 * Source: docs/decisions/0077-lease-doctor.md
 */
import { Duration, Effect } from "effect"

/** `ok`: nothing to do. `warn`: it works, and somebody should look at it. `fail`: something does not work until somebody acts. */
export type Verdict = "ok" | "warn" | "fail"

/** What a check has found: one sentence about what is, and one about what to do; null for nothing. */
export interface Finding {
  readonly verdict: Verdict
  readonly message: string
  readonly advice: string | null
}

/** A check, by its name. It changes nothing. */
export interface HealthCheck<R = never> {
  readonly name: string
  readonly examine: Effect.Effect<Finding, { readonly message: string }, R>
}

/** A finding, with the name of its check. */
export interface Report extends Finding {
  readonly check: string
}

export const ok = (message: string): Finding => ({ verdict: "ok", message, advice: null })

export const warn = (message: string, advice: string): Finding => ({ verdict: "warn", message, advice })

export const fail = (message: string, advice: string): Finding => ({ verdict: "fail", message, advice })

/** The longest time that a check takes. */
const within = Duration.seconds(10)

const unfinished = "Look at the checks before this one; if they are fine, run it again."

/** Runs a check. One that fails, or takes longer than ten seconds, is a finding too. */
const report = <R>({ examine, name }: HealthCheck<R>): Effect.Effect<Report, never, R> =>
  examine.pipe(
    Effect.disconnect,
    Effect.timeoutTo({
      duration: within,
      onSuccess: (finding) => finding,
      onTimeout: () => fail(`It gave no answer within ${Duration.format(within)}`, unfinished),
    }),
    Effect.catchAll(({ message }) => Effect.succeed(fail(`It could not be checked: ${message}`, unfinished))),
    Effect.map((finding) => ({ check: name, ...finding })),
  )

/** Runs the first check and, unless it fails, the others one after the other: without the first they would all find the same. */
export const reports = <R>(
  first: HealthCheck<R>,
  others: ReadonlyArray<HealthCheck<R>>,
): Effect.Effect<ReadonlyArray<Report>, never, R> =>
  Effect.flatMap(report(first), (found) =>
    found.verdict === "fail"
      ? Effect.succeed([found])
      : Effect.map(Effect.forEach(others, report), (rest) => [found, ...rest]),
  )
