/** Systems that begin jobs by schedules of each minute, each in a process of its own. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, type Scope } from "effect"
import * as Child from "../Child.js"

/** `database`: the URL of an empty database. */
export interface Options {
  readonly database: string
  readonly schedules: number
}

export type Calls = {
  /** Milliseconds from the minute to the start of each job since the process was ready. */
  readonly late: { readonly input: null; readonly output: ReadonlyArray<number> }
}

/** The lateness of a job that starts now, of a system that does not tell its minute. */
export const sinceMinute = (): number => Date.now() % 60_000

/** In the child: has made its schedules once `make` is done, and adds the lateness of each job to the list. */
export const main = (
  make: (options: Options, late: Array<number>) => Effect.Effect<unknown, unknown, Scope.Scope>,
): void => {
  const late: Array<number> = []
  Effect.suspend(() => make(Child.options<Options>(), late)).pipe(
    Effect.zipRight(Child.serve<Calls>(null, { late: () => Effect.succeed(late) })),
    Effect.scoped,
    NodeRuntime.runMain,
  )
}
