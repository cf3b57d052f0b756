/**
 * A limit on the time of plain code that a caller's data drives, such as a pattern that backtracks without an end. Such code runs on the
 * thread of every other request, and no fiber can interrupt it.
 *
 * @since 0.1.0
 */
import { Option } from "effect"
import { createContext, Script } from "node:vm"

/** The most time of one call, in milliseconds. */
const timeout = 100

/** Runs code, and gives what it gives; none where it takes longer than 100 milliseconds, or throws. */
export type TimeLimit = <A>(run: () => A) => Option.Option<A>

/**
 * A call costs about 0.05 milliseconds of CPU, for the thread that watches the time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): TimeLimit => {
  const scope: { run: (() => unknown) | undefined } = { run: undefined }
  const context = createContext(scope)
  const call = new Script("run()")
  return <A>(run: () => A) =>
    Option.liftThrowable((): A => {
      scope.run = run
      try {
        return call.runInContext(context, { timeout })
      } finally {
        scope.run = undefined
      }
    })()
}
