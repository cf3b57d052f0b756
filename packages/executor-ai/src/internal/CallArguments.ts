/** The arguments of a call as a question about it shows them. A secret is a `Schema.Redacted`, or one by its JSON Schema. */
import { Tool } from "@effect/ai"
import { ToolArguments } from "@runlease/core/executor"
import { Option, Predicate, SchemaAST } from "effect"
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

/** What the question about a call shows of its arguments: `room` bytes of JSON at most. */
export const shown = (
  own: Tools,
  client: ReadonlyArray<ClientTool>,
  { params, toolName }: RequestedCall,
  room: number,
): unknown => {
  const tool = Object.hasOwn(own, toolName) ? own[toolName] : undefined
  const plain =
    tool !== undefined && !Tool.isProviderDefined(tool)
      ? withoutSecrets(tool.parametersSchema.ast, params)
      : ToolArguments.withoutSecrets(client.find(({ name }) => name === toolName)?.parameters, params)
  return ToolArguments.bounded(plain, room)
}
