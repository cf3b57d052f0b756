/** A value as the last element of a Stream. */
import { Data } from "effect"

/** The value of a run, or of a step, as the last element of its Stream. */
export class Result<out A> extends Data.TaggedClass("Result")<{ readonly value: A }> {}

export const result = <A>(value: A): Result<A> => new Result({ value })
