/**
 * What may give another value each time it is read: the time, and what is random. In a crash test `Date` has the time of the test, so that the
 * next worker reads a later one, and each read is noted with its place.
 */
import { Effect, type Scope } from "effect"
import { callSites } from "../executor/CallSites.js"

/** `what`: such as `Date.now()`. `at` has its place in the source of the user. */
export interface OnRead {
  (what: string, at: () => string | undefined): void
}

/** Replaces the sources of the process until the Scope closes. `now` is the time of the test, in milliseconds since the epoch. */
export const replace = (now: () => number, onRead: OnRead): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { Date: RealDate } = globalThis
        const { random } = Math
        const { crypto } = globalThis
        const { randomUUID } = crypto
        const note = (what: string) => onRead(what, () => callSites.read?.())
        globalThis.Date = new Proxy(RealDate, {
          apply: () => {
            note("Date()")
            return new RealDate(now()).toString()
          },
          construct: (target, args: ReadonlyArray<unknown>, newTarget) => {
            if (args.length > 0) return Reflect.construct(target, args, newTarget) as object
            note("new Date()")
            return Reflect.construct(target, [now()], newTarget) as object
          },
          get: (target, name, receiver) =>
            name === "now"
              ? () => {
                  note("Date.now()")
                  return now()
                }
              : (Reflect.get(target, name, receiver) as unknown),
        })
        Math.random = () => {
          note("Math.random()")
          return random()
        }
        Object.defineProperty(crypto, "randomUUID", {
          configurable: true,
          value: () => {
            note("crypto.randomUUID()")
            return randomUUID.call(crypto)
          },
        })
        return { RealDate, crypto, random }
      }),
      ({ RealDate, crypto, random }) =>
        Effect.sync(() => {
          globalThis.Date = RealDate
          Math.random = random
          Reflect.deleteProperty(crypto, "randomUUID")
        }),
    ),
  )
