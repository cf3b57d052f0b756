import { Context, Data, Effect, Layer } from "effect"

/** The bank that knows the rate is closed just now. */
export class BankClosed extends Data.TaggedError("BankClosed")<{ readonly message: string }> {}

/** A service of the application: what a currency is worth in euros. */
export class Rates extends Context.Tag("example/Rates")<
  Rates,
  { readonly of: (currency: string) => Effect.Effect<number, BankClosed> }
>() {}

const known: Readonly<Record<string, number>> = { USD: 0.92, GBP: 1.17, CHF: 1.05 }

/** Knows three currencies, and is closed at the first question. */
export const layer = Layer.sync(Rates, () => {
  let asked = 0
  return {
    of: (currency) =>
      Effect.suspend(() => {
        asked += 1
        return asked === 1
          ? Effect.fail(new BankClosed({ message: "come back in a second" }))
          : Effect.succeed(known[currency] ?? Number.NaN)
      }),
  }
})
