/** Labels of runs on the wire: in bodies as an object, in queries as `name:value`. */
import { Labels } from "@runlease/core"
import { ParseResult, Predicate, Schema } from "effect"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

/** Labels in a body. A record loses the name `__proto__`, and a filter of that alone would narrow nothing, so it is refused before. */
const inBody = <A, I>(labels: Schema.Schema<A, I>): Schema.Schema<A, I> =>
  Schema.compose(
    Schema.declare(
      (value: unknown): value is I => !Predicate.isRecord(value) || !Object.hasOwn(value, "__proto__"),
      {
        message: () => "must not have the name __proto__, which is none of a label",
        jsonSchema: WholeJsonSchema.of(labels),
      },
    ),
    labels,
    { strict: false },
  )

/** `Labels` of core in a body. */
export const LabelsInBody = inBody(Labels.Labels)

/** `LabelChanges` of core in a body. */
export const GivenChanges = inBody(Labels.LabelChanges)

/** The labels of a run in a shape that has the key where there are some. */
export const someOfRun = Schema.optional(Labels.Labels).annotations({
  description: "(ours) The labels of the run: a value by each name; absent where it has none",
})

const text = Schema.String.annotations({ description: "`name:value`" })

const isLabels = Schema.is(Labels.Labels)

const isName = Schema.is(Labels.Name)

const pairOf = (label: string): Labels.Label | undefined => {
  const colon = label.indexOf(":")
  return colon < 0 ? undefined : [label.slice(0, colon), label.slice(colon + 1)]
}

/** The labels of a query: each name once. */
const parse = (texts: ReadonlyArray<string>): Labels.Labels | string => {
  const pairs = texts.map(pairOf)
  const malformed = texts.find((_, index) => pairs[index] === undefined)
  if (malformed !== undefined)
    return `must be name:value, as customer:42, and not ${JSON.stringify(malformed)}`
  const labels = Object.fromEntries(pairs as ReadonlyArray<Labels.Label>)
  if (Object.keys(labels).length < pairs.length)
    return "must have each name once, since a run has one value of it"
  // A record loses a name such as __proto__, so the names are checked by themselves.
  return Object.keys(labels).every(isName) && isLabels(labels)
    ? labels
    : `must be names of a-z, 0-9, _, . and -, values of at most 128 characters, and ${Labels.maxLabels} labels at most`
}

/** `label` of a query, which may stand there several times. */
export const inQuery = Schema.optional(
  Schema.transformOrFail(
    Schema.Array(text).pipe(Schema.maxItems(Labels.maxLabels)),
    Schema.typeSchema(Labels.Labels),
    {
      strict: true,
      decode: (texts, _, ast) => {
        const labels = parse(texts)
        return typeof labels === "string"
          ? ParseResult.fail(new ParseResult.Type(ast, texts, labels))
          : ParseResult.succeed(labels)
      },
      encode: (labels) => ParseResult.succeed(toQuery(labels)),
    },
  ),
)

/** The values of `label` in a query. */
export const toQuery = (labels: Labels.Labels): ReadonlyArray<string> =>
  Labels.entries(labels).map(([name, value]) => `${name}:${value}`)
