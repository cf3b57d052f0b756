/**
 * Decoders that are compiled from schemas, for what crosses the wire all the time: one costs a small part of its schema.
 *
 * A decoder returns what its schema returns, or leaves the value to the schema, which decides and says what is wrong. A value that its
 * schema would only copy is returned as it is.
 *
 * Source: docs/decisions/0049-hot-routes.md
 */
import { Either, Option, type ParseResult, Predicate, Schema, type SchemaAST as AST } from "effect"

/** The result of a decoder for a value that its schema refuses. */
const refused: unique symbol = Symbol("refused")

/** Its result for a value that only the schema can read. */
const unread: unique symbol = Symbol("unread")

type Decoder = (value: unknown) => unknown

const isNone = (decoded: unknown): boolean => decoded === refused || decoded === unread

const left: Decoder = () => unread

const unchanged: Decoder = (value) => value

const where =
  (holds: (value: unknown) => boolean): Decoder =>
  (value) =>
    holds(value) ? value : refused

const options: AST.ParseOptions = {}

/** The result of a schema's function; an Effect is left to the schema. */
const resultOf = (result: unknown): unknown => {
  if (!Either.isEither(result)) return unread
  return Either.isRight(result) ? result.right : refused
}

const ofRefinement = (ast: AST.Refinement): Decoder => {
  const from = compile(ast.from)
  return (value) => {
    const decoded = from(value)
    return isNone(decoded) || Option.isNone(ast.filter(decoded, options, ast)) ? decoded : refused
  }
}

/** What makes the decoded value of what was sent, between its two sides. */
const stepOf = (ast: AST.Transformation): ((value: unknown, sent: unknown) => unknown) => {
  const { transformation } = ast
  switch (transformation._tag) {
    case "ComposeTransformation":
      return unchanged
    case "FinalTransformation":
      return (value, sent) => resultOf(transformation.decode(value, options, ast, sent))
    case "TypeLiteralTransformation":
      // Renames fields and fills in defaults.
      return (value) => {
        const made: Record<PropertyKey, unknown> = { ...(value as object) }
        for (const { decode, from, to } of transformation.propertySignatureTransformations) {
          const field = decode(Object.hasOwn(made, from) ? Option.some(made[from]) : Option.none())
          delete made[from]
          if (Option.isSome(field)) made[to] = field.value
        }
        return made
      }
  }
}

const ofTransformation = (ast: AST.Transformation): Decoder => {
  const from = compile(ast.from)
  const step = stepOf(ast)
  const to = compile(ast.to)
  return (value) => {
    const decoded = from(value)
    if (isNone(decoded)) return decoded
    const made = step(decoded, value)
    return isNone(made) ? made : to(made)
  }
}

const ofDeclaration = (ast: AST.Declaration): Decoder => {
  const decode = ast.decodeUnknown(...ast.typeParameters)
  return (value) => resultOf(decode(value, options, ast))
}

const ofList = (ast: AST.TupleType): Decoder => {
  const [rest] = ast.rest
  if (rest === undefined || ast.rest.length > 1 || ast.elements.length > 0) return left
  const item = compile(rest.type)
  return (value) => {
    if (!Array.isArray(value)) return refused
    let changed: Array<unknown> | undefined
    for (let index = 0; index < value.length; index++) {
      const decoded = item(value[index])
      if (isNone(decoded)) return decoded
      if (changed === undefined && decoded !== value[index]) changed = value.slice(0, index)
      changed?.push(decoded)
    }
    return changed ?? value
  }
}

interface Field {
  readonly name: string
  readonly decode: Decoder
  readonly isOptional: boolean
}

/** A field that the schema does not name is dropped. */
const ofStruct = ({ indexSignatures, propertySignatures }: AST.TypeLiteral): Decoder => {
  if (indexSignatures.length > 0) return left
  if (propertySignatures.length === 0) return where(Predicate.isNotNullable)
  const fields = propertySignatures.flatMap(({ isOptional, name, type }): ReadonlyArray<Field> =>
    typeof name === "string" ? [{ name, decode: compile(type), isOptional }] : [],
  )
  if (fields.length < propertySignatures.length) return left
  return (value) => {
    if (!Predicate.isRecord(value)) return refused
    let isUnread = false
    let present = 0
    let changed: Map<string, unknown> | undefined
    for (const { decode, isOptional, name } of fields) {
      if (!Object.hasOwn(value, name)) {
        if (isOptional) continue
        return refused
      }
      const decoded = decode(value[name])
      if (decoded === refused) return refused
      isUnread ||= decoded === unread
      if (decoded !== value[name]) (changed ??= new Map()).set(name, decoded)
      present += 1
    }
    if (isUnread) return unread
    if (changed === undefined && present === Object.keys(value).length) return value
    const made: Record<string, unknown> = {}
    for (const { name } of fields) {
      if (Object.hasOwn(value, name)) made[name] = changed?.has(name) ? changed.get(name) : value[name]
    }
    return made
  }
}

/** The first member that accepts the value decodes it. */
const ofUnion = (ast: AST.Union): Decoder => {
  const members = ast.types.map(compile)
  return (value) => {
    for (const member of members) {
      const decoded = member(value)
      if (decoded !== refused) return decoded
    }
    return refused
  }
}

const compiled = new WeakMap<AST.AST, Decoder>()

const compile = (ast: AST.AST): Decoder => {
  const before = compiled.get(ast)
  if (before !== undefined) return before
  const decoder = compileNew(ast)
  compiled.set(ast, decoder)
  return decoder
}

const compileNew = (ast: AST.AST): Decoder => {
  switch (ast._tag) {
    case "UnknownKeyword":
    case "AnyKeyword":
      return unchanged
    case "StringKeyword":
      return where(Predicate.isString)
    case "NumberKeyword":
      return where(Predicate.isNumber)
    case "BooleanKeyword":
      return where(Predicate.isBoolean)
    case "UndefinedKeyword":
      return where(Predicate.isUndefined)
    case "Literal":
      return where((value) => value === ast.literal)
    case "Refinement":
      return ofRefinement(ast)
    case "Transformation":
      return ofTransformation(ast)
    case "Declaration":
      return ofDeclaration(ast)
    case "TupleType":
      return ofList(ast)
    case "TypeLiteral":
      return ofStruct(ast)
    case "Union":
      return ofUnion(ast)
    default:
      return left
  }
}

/** The value as the compiled decoder of a schema reads it; undefined where that leaves it to the schema, or refuses it. */
export const compiledOf = <A extends {} | null, I>(
  schema: Schema.Schema<A, I>,
): ((value: unknown) => A | undefined) => {
  const decoder = compile(schema.ast)
  return (value) => {
    const decoded = decoder(value)
    return isNone(decoded) ? undefined : (decoded as A)
  }
}

/** As `Schema.decodeUnknownEither` of the schema returns it. */
export const decode = <A, I>(
  schema: Schema.Schema<A, I>,
  value: unknown,
): Either.Either<A, ParseResult.ParseError> => {
  const decoded = compile(schema.ast)(value)
  return isNone(decoded) ? Schema.decodeUnknownEither(schema)(value) : Either.right(decoded as A)
}
