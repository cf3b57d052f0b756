/** The JSON Schema of a value that people type: whole in its place, as forms read it. */
import { JSONSchema, Predicate, Schema } from "effect"

const prefix = "#/$defs/"

/** The title of Effect's own filters, such as `int` and `between(1, 3)`: it is no name for a field of a form. */
const isOfFilter = ({ description, title }: Readonly<Record<string, unknown>>): boolean =>
  Predicate.isString(description) && Predicate.isString(title) && /^[a-z]\w*(\(.*\))?$/.test(title)

type Definitions = Readonly<Record<string, unknown>>

/** The definition that a node refers to, by its name. */
const referenceOf = ({ $ref }: Readonly<Record<string, unknown>>): string | undefined =>
  Predicate.isString($ref) && $ref.startsWith(prefix) ? $ref.slice(prefix.length) : undefined

/** Whether a definition that the node has, or one of its definitions, contains itself. */
const isRecursive = (
  node: unknown,
  definitions: Definitions,
  within: ReadonlyArray<string> = [],
): boolean => {
  if (Array.isArray(node)) return node.some((item) => isRecursive(item, definitions, within))
  if (!Predicate.isRecord(node)) return false
  const name = referenceOf(node)
  if (name !== undefined) {
    return within.includes(name) || isRecursive(definitions[name], definitions, [...within, name])
  }
  return Object.values(node).some((value) => isRecursive(value, definitions, within))
}

/** The node with every definition in the place of the references to it. */
const inlined = (node: unknown, definitions: Definitions): unknown => {
  if (Array.isArray(node)) return node.map((item) => inlined(item, definitions))
  if (!Predicate.isRecord(node)) return node
  const name = referenceOf(node)
  if (name !== undefined) {
    const { $ref: _, ...siblings } = node
    return inlined({ ...(definitions[name] as object), ...siblings }, definitions)
  }
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== "title" || !isOfFilter(node))
      .map(([key, value]) => [key, inlined(value, definitions)]),
  )
}

/** Effect's schema of a value without fields admits arrays as well. What people and clients give is an object without fields. */
const withoutFields = { type: "object", properties: {} }

const isWithoutFields = ({ anyOf }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(anyOf) &&
  anyOf.length === 2 &&
  JSON.stringify(anyOf) === JSON.stringify([{ type: "object" }, { type: "array" }])

/**
 * The JSON Schema of what a schema encodes to. It has references only where it contains itself. Undefined where JSON Schema has no words for
 * it.
 */
export const of = <A, I>(schema: Schema.Schema<A, I>): Readonly<Record<string, unknown>> | undefined => {
  try {
    const whole = JSONSchema.make(Schema.encodedBoundSchema(schema))
    const { $defs = {}, $schema: _, ...rest } = whole
    if (isWithoutFields(rest)) return withoutFields
    return (isRecursive(rest, $defs) ? { ...whole } : inlined(rest, $defs)) as Readonly<
      Record<string, unknown>
    >
  } catch {
    return undefined
  }
}
