import { Context, Data, Effect, Layer } from "effect"

/** The bank is closed at the moment. */
export class BankClosed extends Data.TaggedError("BankClosed")<{ readonly message: string }> {}

/** A service of the application: the value of a currency in euros. */
export class Rates extends Context.Tag("example/Rates")<
  Rates,
  { readonly of: (currency: string) => Effect.Effect<number, BankClosed> }
>() {}

const rates: Readonly<Record<string, number>> = { USD: 0.92, GBP: 1.17, CHF: 1.05 }

/** Has the rates of three currencies. The first request fails, since the bank is closed. */
export const layer = Layer.sync(Rates, () => {
  let requests = 0
  return {
    of: (currency) =>
      Effect.suspend(() => {
        requests += 1
        return requests === 1
          ? Effect.fail(new BankClosed({ message: "come back in a second" }))
          : Effect.succeed(rates[currency] ?? Number.NaN)
      }),
  }
})
