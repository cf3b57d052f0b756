/** A value as the last element of a Stream. */
import { Data } from "effect"

/**
 * The value of a run, or of a step, as the last element of its Stream.
 *
 * @category models
 */
export class Result<out A> extends Data.TaggedClass("Result")<{ readonly value: A }> {}

/** @category constructors */
export const result = <A>(value: A): Result<A> => new Result({ value })
