/**
 * The JSON Schema of something that describes itself: whole in its place, since its own references would lead nowhere
 * in the description of the API.
 */
import { JSONSchema, Predicate, type Schema } from "effect"

// A JSON Schema that is made when it is first read: few processes read any.

/** The result of `make`, as an object that reads like it. */
export const lazy = (make: () => object): object => {
  let made: object | undefined
  const schema = () => (made ??= make())
  return new Proxy(
    {},
    {
      get: (_, name) => Reflect.get(schema(), name),
      getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(schema(), name),
      has: (_, name) => Reflect.has(schema(), name),
      ownKeys: () => Reflect.ownKeys(schema()),
    },
  )
}

const prefix = "#/$defs/"

const make = <A, I>(schema: Schema.Schema<A, I>): object => {
  const { $defs = {}, $schema: _, ...whole } = JSONSchema.make(schema)
  const inlined = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(inlined)
    if (!Predicate.isRecord(node)) return node
    const reference = node["$ref"]
    if (typeof reference === "string" && reference.startsWith(prefix)) {
      const { $ref: __, ...siblings } = node
      return { ...(inlined($defs[reference.slice(prefix.length)]) as object), ...siblings }
    }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, inlined(value)]))
  }
  return inlined(whole) as object
}

/**
 * The schema with every definition in the place of the references to it, and `limits`; no definition may refer to itself. It is made when
 * it is first read.
 */
export const of = <A, I>(
  schema: Schema.Schema<A, I>,
  limits: Readonly<Record<string, number>> = {},
): object => lazy(() => ({ ...make(schema), ...limits }))
