/** JSON Schemas as rows of a table: one for each field, and those of nested objects below it. */

/** The deepest field that has a row; a field below it is in the JSON of the description. */
const deepest = 4

/** Sentences that a schema derives from its own bounds, which the type has already. */
const derived =
  /^(a string matching the pattern|a string at (most|least)|an? (non )?\w+ (array|string) ?|an array of|a (positive|non-negative) number|an integer|a number)/

const nameOf = (reference) => reference.slice(reference.lastIndexOf("/") + 1)

const isNull = ({ type }) => type === "null"

/** The alternatives of a schema, without null. */
const alternativesOf = (schema) => (schema.anyOf ?? schema.oneOf ?? []).filter((one) => !isNull(one))

const bounds = ({ maximum, maxItems, maxLength, minimum, minItems, minLength }) => {
  const [least, most] = [minimum ?? minItems ?? minLength, maximum ?? maxItems ?? maxLength]
  if (least === undefined && most === undefined) return ""
  const unit = minLength ?? maxLength
  const range =
    least === undefined ? `up to ${most}` : most === undefined ? `at least ${least}` : `${least} to ${most}`
  return ` (${range}${unit === undefined ? "" : " characters"})`
}

const plainType = (schema) => {
  if (schema.$ref !== undefined) return nameOf(schema.$ref)
  if (schema.allOf?.length === 1) return plainType({ ...schema.allOf[0] })
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ")
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.type === "array") return `array of ${typeOf(schema.items ?? {})}${bounds(schema)}`
  if (schema.type === "string") return `${schema.format ?? "string"}${bounds(schema)}`
  if (schema.type !== undefined) return `${schema.type}${bounds(schema)}`
  return "any JSON"
}

/** The type of a value, in words. */
export const typeOf = (schema) => {
  const all = schema.anyOf ?? schema.oneOf
  if (all === undefined) return plainType(schema)
  const types = [...new Set(alternativesOf(schema).map(typeOf))]
  return [...types, ...(all.some(isNull) ? ["null"] : [])].join(" or ")
}

const resolve = (schema, schemas) =>
  schema.$ref !== undefined
    ? resolve(schemas[nameOf(schema.$ref)] ?? {}, schemas)
    : schema.allOf?.length === 1
      ? resolve(schema.allOf[0], schemas)
      : schema

/** The properties of several objects: one that differs between them has the schemas of all. */
const merge = (objects) => {
  const schemas = new Map()
  for (const [name, schema] of objects.flatMap((properties) => Object.entries(properties))) {
    const found = schemas.get(name) ?? []
    const isNew = found.every((one) => JSON.stringify(one) !== JSON.stringify(schema))
    schemas.set(name, isNew ? [...found, schema] : found)
  }
  return Object.fromEntries(
    [...schemas].map(([name, all]) => [
      name,
      all.length === 1
        ? all[0]
        : { anyOf: all, description: all.find((one) => one.description)?.description },
    ]),
  )
}

/** What is below a field: the properties of an object, of the items of an array, or of the one alternative that is an object. */
const objectIn = (schema, schemas, path) => {
  const found = resolve(schema, schemas)
  if (found.properties !== undefined) return { properties: found.properties, required: found.required, path }
  if (found.type === "array") return objectIn(found.items ?? {}, schemas, `${path}[]`)
  const objects = alternativesOf(found).flatMap((one) => objectIn(one, schemas, path) ?? [])
  if (objects.length < 2) return objects[0]
  // A field of one of several alternatives is not required of all.
  const required = (objects[0].required ?? []).filter((name) =>
    objects.every((one) => one.required?.includes(name)),
  )
  return { path: objects[0].path, required, properties: merge(objects.map((one) => one.properties)) }
}

/** What a description adds to the type. */
export const noteOf = (schema) => {
  const { description = "" } = schema
  return derived.test(description) ? "" : description
}

/** One row for each field of a schema. A schema with a name that is nested in itself has no rows a second time. */
export const fieldsOf = (schema, schemas, prefix = "", depth = 1, within = []) => {
  const object = objectIn(schema, schemas, prefix)
  if (object === undefined) return []
  const { path, properties, required = [] } = object
  return Object.entries(properties).flatMap(([name, property]) => {
    const at = path === "" ? name : `${path}.${name}`
    const row = {
      path: at,
      type: typeOf(property),
      required: required.includes(name),
      note: noteOf(property),
    }
    if (depth >= deepest || within.includes(property.$ref)) return [row]
    return [row, ...fieldsOf(property, schemas, at, depth + 1, [...within, property.$ref ?? name])]
  })
}
