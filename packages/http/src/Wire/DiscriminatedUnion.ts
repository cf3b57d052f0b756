/**
 * Structs that a literal in one of their fields tells apart.
 *
 * @since 0.1.0
 */
import { ParseResult, Predicate, Schema } from "effect"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

/**
 * A union, or one optional struct, whose members differ by the literal in `field`.
 *
 * A union of Schema chooses its member by `String(value[field])`, which throws for an object whose `toString` is no
 * function. JSON can hold such an object, so this refuses a `field` that is an object before the union reads it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const choice = <A, I>(field: string, members: Schema.Schema<A, I>): Schema.Schema<A, unknown> => {
  const sent = Schema.Unknown.annotations({ jsonSchema: WholeJsonSchema.of(members) })
  return Schema.transformOrFail(sent, members, {
    strict: false,
    decode: (value, _, ast) =>
      Predicate.isRecord(value) && Predicate.isObject(value[field])
        ? ParseResult.fail(
            new ParseResult.Pointer(field, value, new ParseResult.Type(ast, value[field], "must be text")),
          )
        : ParseResult.succeed(value),
    encode: ParseResult.succeed,
  })
}
