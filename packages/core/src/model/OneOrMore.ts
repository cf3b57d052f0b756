/** A condition on one thing of a run: one value, or several of which the run has one. */
import { Array as Arr, Schema } from "effect"

export type OneOrMore<A> = A | ReadonlyArray<A>

/** The most values of one condition: a list reads one range of an index for each. */
export const maxValues = 20

/** The values, each once. */
export const valuesOf = <A>(values: OneOrMore<A>): ReadonlyArray<A> => Array.from(new Set(Arr.ensure(values)))

/** Whether a value is one of these. All are where there is no condition. */
export const isOneOf = <A>(values: OneOrMore<A> | undefined, value: A | null | undefined): boolean =>
  values === undefined || Arr.ensure(values).some((each) => each === value)

/** One value, or a list of 1 to 20. */
export const schema = <A, I>(item: Schema.Schema<A, I>): Schema.Schema<OneOrMore<A>, OneOrMore<I>> =>
  Schema.Union(item, Schema.Array(item).pipe(Schema.minItems(1), Schema.maxItems(maxValues)))
