/** Takes one sample after another of everybody who takes part. */
import { Effect } from "effect"
import type { Contender } from "./contenders/Contender.js"
import type { Figure } from "./Figures.js"
import * as Rounds from "./Rounds.js"
import { Scale } from "./Scale.js"
import { type Summary, summarize } from "./Statistics.js"

export interface Entry<R> {
  readonly name: string
  /** Starts it; null when the machine lacks what it takes. */
  readonly contender: Effect.Effect<Contender | null, unknown, R>
  /** The figure that it is put beside. */
  readonly beside?: string
}

export interface Measure<A> {
  readonly unit: string
  readonly sample: (contender: Contender) => Effect.Effect<A, unknown>
  /** The figures of all samples, by what is added to the contender's name. */
  readonly summarize: (samples: ReadonlyArray<A>) => Readonly<Record<string, Summary>>
}

/** A rate a second. */
export const rate = (
  unit: string,
  sample: (contender: Contender) => Effect.Effect<number, unknown>,
): Measure<number> => ({ unit, sample, summarize: (samples) => ({ "": summarize(samples) }) })

/** The figures of all entries, in their order. */
export const measure = <A, R>(entries: ReadonlyArray<Entry<R>>, { sample, summarize, unit }: Measure<A>) =>
  Effect.gen(function* () {
    const { rounds } = yield* Scale
    const started = yield* Effect.forEach(entries, (entry) =>
      Effect.map(entry.contender, (contender) => ({ ...entry, contender })),
    )
    const results = yield* Rounds.interleave(
      started.flatMap(({ contender, name }) =>
        contender === null ? [] : [{ name, sample: sample(contender) }],
      ),
      rounds,
    )
    const samplesOf = new Map(results.map(({ name, samples }) => [name, samples]))
    return started.flatMap(({ beside, name }): ReadonlyArray<Figure> => {
      const samples = samplesOf.get(name)
      return samples === undefined
        ? [{ name, unit, value: null }]
        : Object.entries(summarize(samples)).map(([what, value]) => ({
            name: name + what,
            unit,
            value,
            beside: beside === undefined ? undefined : beside + what,
          }))
    })
  })
