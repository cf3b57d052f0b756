/**
 * A value as the last element of a Stream.
 *
 * @since 0.1.0
 */
import { Data } from "effect"

/**
 * The value of a run, or of a step, as the last element of its Stream.
 *
 * @since 0.1.0
 * @category models
 */
export class Result<out A> extends Data.TaggedClass("Result")<{ readonly value: A }> {}

/**
 * @since 0.1.0
 * @category constructors
 */
export const result = <A>(value: A): Result<A> => new Result({ value })
