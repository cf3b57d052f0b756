/** The arguments of a call as a question about it shows them. A secret is a `Schema.Redacted`, or one by its JSON Schema. */
import { Tool } from "@effect/ai"
import { Json } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import { Either, Option, Predicate, SchemaAST } from "effect"
import type { ClientTool } from "./OfferedTools.js"
import type { RequestedCall } from "./RequestedCall.js"

const isRedacted = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isTransformation(ast)
    ? isRedacted(ast.to)
    : Option.exists(SchemaAST.getTypeConstructorAnnotation(ast), ({ _tag }) => _tag === "effect/Redacted")

const isSecret = (ast: SchemaAST.AST): boolean =>
  isRedacted(ast) || Option.exists(SchemaAST.getJSONSchemaAnnotation(ast), ToolArguments.isSecret)

/** The encoded value of a schema without its secrets. */
const withoutSecrets = (ast: SchemaAST.AST, value: unknown): unknown => {
  if (value == null) return value
  if (isSecret(ast)) return ToolArguments.hidden
  switch (ast._tag) {
    case "Transformation":
    case "Refinement":
      return withoutSecrets(ast.from, value)
    case "Suspend":
      return withoutSecrets(ast.f(), value)
    case "Union":
      return ast.types.reduce<unknown>((inner, type) => withoutSecrets(type, inner), value)
    case "TupleType": {
      const types = [...ast.elements, ...ast.rest].map(({ type }) => type)
      const of = (index: number) => types[Math.min(index, types.length - 1)]
      return Array.isArray(value) && types.length > 0
        ? value.map((item, index) => withoutSecrets(of(index)!, item))
        : value
    }
    case "TypeLiteral": {
      if (!Predicate.isRecord(value)) return value
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => {
          const property = ast.propertySignatures.find((each) => each.name === name)
          const type = property?.type ?? ast.indexSignatures[0]?.type
          return [name, type === undefined ? inner : withoutSecrets(type, inner)]
        }),
      )
    }
    default:
      return value
  }
}

type Tools = Readonly<Record<string, Tool.Any>>

const ownTool = (own: Tools, toolName: string): Tool.Any | undefined => {
  const tool = Object.hasOwn(own, toolName) ? own[toolName] : undefined
  return tool === undefined || Tool.isProviderDefined(tool) ? undefined : tool
}

/** What the question about a call shows of its arguments: `room` bytes of JSON at most. */
export const shown = (
  own: Tools,
  client: ReadonlyArray<ClientTool>,
  { params, toolName }: RequestedCall,
  room: number,
): unknown => {
  const tool = ownTool(own, toolName)
  const plain =
    tool !== undefined
      ? withoutSecrets(tool.parametersSchema.ast, params)
      : ToolArguments.withoutSecrets(client.find(({ name }) => name === toolName)?.parameters, params)
  return ToolArguments.bounded(plain, room)
}

/** Whether a value has the text in the place of a secret. */
const hasHidden = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(hasHidden)
  return Predicate.isRecord(value) ? Object.values(value).some(hasHidden) : value === ToolArguments.hidden
}

/**
 * The JSON Schema of edits to the arguments of a call, as its question shows them; undefined where it shows no object. Where the question
 * hides a secret, the schema says nothing of the parts: the text in the place of a secret fits no schema of one.
 */
export const editsSchema = (
  own: Tools,
  { toolName }: RequestedCall,
  shownArguments: unknown,
): Readonly<Record<string, unknown>> | undefined => {
  const tool = ownTool(own, toolName)
  if (tool === undefined || !Predicate.isRecord(shownArguments)) return undefined
  if (hasHidden(shownArguments)) return { type: "object" }
  const { $schema: _, ...schema } = {
    ...Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast),
  } as Record<string, unknown>
  return schema
}

const same = (one: unknown, other: unknown): boolean => Json.canonicalJson(one) === Json.canonicalJson(other)

/** Whether a text is the beginning of the original, as a question cuts it. */
const isCutOf = (text: string, original: string): boolean => {
  const end = text.lastIndexOf("… (")
  return end >= 0 && end < original.length && text === ToolArguments.cut(original, end)
}

/**
 * The arguments of a call after edits. What is as the question shows it is as the model wrote it. A secret that the edits have elsewhere is
 * none, and the edits are refused.
 */
export const edited = (
  own: Tools,
  { params, toolName }: RequestedCall,
  edits: unknown,
): Either.Either<unknown, string> => {
  const tool = ownTool(own, toolName)
  const masked = tool === undefined ? params : withoutSecrets(tool.parametersSchema.ast, params)
  const restore = (edit: unknown, shownPart: unknown, original: unknown): unknown => {
    if (same(edit ?? null, shownPart ?? null)) return original
    if (Predicate.isString(edit) && Predicate.isString(original) && isCutOf(edit, original)) return original
    if (Array.isArray(edit) && Array.isArray(shownPart) && Array.isArray(original)) {
      return edit.length === shownPart.length
        ? edit.map((item, index) => restore(item, shownPart[index], original[index]))
        : edit
    }
    if (!Predicate.isRecord(edit) || !Predicate.isRecord(shownPart) || !Predicate.isRecord(original))
      return edit
    return Object.fromEntries(
      Object.entries(edit).map(([name, inner]) => [
        name,
        Object.hasOwn(shownPart, name) ? restore(inner, shownPart[name], original[name]) : inner,
      ]),
    )
  }
  const restored = restore(edits, masked, params)
  return hasHidden(restored) && !hasHidden(params)
    ? Either.left(`${ToolArguments.hidden} is not where the question has it`)
    : Either.right(restored)
}
