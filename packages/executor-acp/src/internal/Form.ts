/**
 * Checks values against the schema of a form.
 *
 * The agent validates the values again, so patterns and formats are left to it.
 *
 * Source: https://agentclientprotocol.com/protocol/v1/elicitation
 */
import { type ElicitationSchema, ElicitationPropertySchema, MultiSelectItems } from "@agentclientprotocol/sdk"
import { Either, Option, ParseResult, Predicate, Schema } from "effect"

interface Range {
  readonly minimum?: number | null
  readonly maximum?: number | null
}

const stringOf = (choices: ReadonlyArray<string> | undefined): Schema.Schema<string> =>
  choices === undefined ? Schema.String : Schema.Literal(...choices)

const inRange = (schema: Schema.Schema<number>, { maximum, minimum }: Range): Schema.Schema<number> =>
  schema.pipe(Schema.between(minimum ?? -Infinity, maximum ?? Infinity))

const itemsOf = (items: MultiSelectItems): Schema.Schema<string> => {
  if (MultiSelectItems.isString(items)) return stringOf(items.enum)
  return MultiSelectItems.isTitled(items) ? stringOf(items.anyOf.map((item) => item.const)) : Schema.String
}

/** The schema of a field. A field of an unknown kind accepts any value, since the agent validates it. */
const fieldOf = (property: ElicitationPropertySchema): Schema.Schema.AnyNoContext => {
  if (ElicitationPropertySchema.isString(property)) {
    const { enum: values, maxLength, minLength, oneOf } = property
    return stringOf(values ?? oneOf?.map((option) => option.const)).pipe(
      Schema.minLength(minLength ?? 0),
      Schema.maxLength(maxLength ?? Infinity),
    )
  }
  if (ElicitationPropertySchema.isNumber(property)) return inRange(Schema.Finite, property)
  if (ElicitationPropertySchema.isInteger(property)) return inRange(Schema.Int, property)
  if (ElicitationPropertySchema.isBoolean(property)) return Schema.Boolean
  if (ElicitationPropertySchema.isArray(property)) {
    const { items, maxItems, minItems } = property
    const [least, most] = [minItems ?? 0, maxItems ?? Infinity]
    return Schema.Array(itemsOf(items)).pipe(
      Schema.filter(({ length }) =>
        length < least ? `takes at least ${least}` : length > most ? `takes at most ${most}` : undefined,
      ),
    )
  }
  return Schema.Unknown
}

type Field = Schema.Schema.AnyNoContext | Schema.optional<Schema.Schema.AnyNoContext>

/** The reason why values do not fit a form, as a sentence. */
export const misfit = (
  { properties, required }: ElicitationSchema,
  values: unknown,
): Option.Option<string> => {
  if (!Predicate.isRecord(values)) return Option.some("An answer is a JSON object of the form's fields")
  const form = properties ?? {}
  const other = Object.keys(values).find((name) => !Object.hasOwn(form, name))
  if (other !== undefined) return Option.some(`The form has no field ${other}`)
  const fields = Object.entries(form).map(([name, property]): readonly [string, Field] => {
    const field = fieldOf(property)
    return [name, required?.includes(name) === true ? field : Schema.optional(field)]
  })
  const decode = Schema.decodeUnknownEither(Schema.Struct(Object.fromEntries(fields)))
  return Option.map(Either.getLeft(decode(values)), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const path = (issue?.path ?? []).map(String).join(".")
    return `${path}: ${(issue?.message ?? "It does not fit").split("\n")[0] ?? ""}`
  })
}
