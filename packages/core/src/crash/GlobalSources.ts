/**
 * What may give another value each time it is read: the time, and what is random. In a crash test `Date` has the time of the test, so that the
 * next worker reads a later one, and each read is noted with its place.
 */
import { Effect, type Scope } from "effect"
import type { CallerOf } from "./SourcePlace.js"

/** `what`: such as `Date.now()`. `at` has its place in the source of the user. */
export interface OnRead {
  (what: string, at: () => string | undefined): void
}

/** Replaces the sources of the process until the Scope closes. `now` is the time of the test, in milliseconds since the epoch. */
export const replace = (
  now: () => number,
  callerOf: CallerOf,
  onRead: OnRead,
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { Date: RealDate } = globalThis
        const { random } = Math
        const { crypto } = globalThis
        const { randomUUID } = crypto
        /** What takes the place of a source, and notes its reads. */
        const noted = <Args extends ReadonlyArray<never>, A>(what: string, read: (...args: Args) => A) => {
          const replaced = (...args: Args): A => {
            onRead(what, () => callerOf(replaced))
            return read(...args)
          }
          return replaced
        }
        const dateNow = noted("Date.now()", now)
        const construct = (
          target: DateConstructor,
          args: ReadonlyArray<unknown>,
          newTarget: NewableFunction,
        ): object => {
          if (args.length > 0) return Reflect.construct(target, args, newTarget) as object
          onRead("new Date()", () => callerOf(construct))
          return Reflect.construct(target, [now()], newTarget) as object
        }
        globalThis.Date = new Proxy(RealDate, {
          apply: noted("Date()", () => new RealDate(now()).toString()),
          construct,
          get: (target, name, receiver) =>
            name === "now" ? dateNow : (Reflect.get(target, name, receiver) as unknown),
        })
        Math.random = noted("Math.random()", random)
        Object.defineProperty(crypto, "randomUUID", {
          configurable: true,
          value: noted("crypto.randomUUID()", () => randomUUID.call(crypto)),
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
