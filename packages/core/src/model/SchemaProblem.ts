/**
 * What does not fit a schema, without the value: an error that a run ends with, and a line of a log, are read by more people than the
 * records of steps are.
 */
import { Array, Cause, ParseResult, type SchemaAST } from "effect"

/** How many problems a sentence names. */
const most = 3

/** A part of a path. The names of fields and the places in a list are the schema's; the keys of a record are the value's. */
const segmentOf = (key: PropertyKey, within: SchemaAST.AST | undefined): string => {
  if (typeof key === "number") return String(key)
  const isNamed = within?._tag === "TypeLiteral" && within.propertySignatures.some(({ name }) => name === key)
  return isNamed ? String(key) : "*"
}

const sentence = (path: ReadonlyArray<string>, problem: string): string =>
  `${path.length === 0 ? "it" : `\`${path.join(".")}\``} ${problem}`

/** The most characters of a schema that a sentence has. */
const maxSchema = 100

const isNo = (ast: SchemaAST.AST): string => {
  const text = String(ast)
  return `is no ${text.length > maxSchema ? `${text.slice(0, maxSchema)}…` : text}`
}

/** `within` is the schema of the value that the path is in. */
const sentencesOf = (
  issue: ParseResult.ParseIssue,
  path: ReadonlyArray<string>,
  within?: SchemaAST.AST,
): ReadonlyArray<string> => {
  switch (issue._tag) {
    case "Pointer": {
      const keys = Array.ensure(issue.path) as ReadonlyArray<PropertyKey>
      return sentencesOf(issue.issue, [...path, ...keys.map((key) => segmentOf(key, within))])
    }
    case "Composite":
      return Array.ensure(issue.issues).flatMap((inner) => sentencesOf(inner, path, issue.ast))
    case "Refinement":
    case "Transformation":
      return issue.kind === "Predicate" || issue.kind === "Transformation"
        ? [sentence(path, isNo(issue.ast))]
        : sentencesOf(issue.issue, path)
    case "Missing":
      return [sentence(path, "is missing")]
    case "Unexpected":
      return [sentence(path, "is not expected")]
    case "Type":
    case "Forbidden":
      return [sentence(path, isNo(issue.ast))]
  }
}

/** The places that do not fit, and what the schema expects there: as many as three. No value is in it, and no key of a record. */
export const describe = ({ issue }: ParseResult.ParseError): string => {
  const sentences = Array.dedupe(sentencesOf(issue, []))
  const named = sentences.slice(0, most).join("; ")
  return sentences.length > most ? `${named}; and ${sentences.length - most} more` : named
}

const isFrame = (line: string): boolean => /^ +at .*:\d+:\d+\)?$/.test(line)

/** An error of this name and message, with the frames of another one's stack. */
const renamed = (name: string, message: string, stack: string | undefined, cause: unknown): Error => {
  const error = new Error(message, cause === undefined ? {} : { cause })
  error.name = name
  error.stack = [`${name}: ${message}`, ...(stack ?? "").split("\n").filter(isFrame)].join("\n")
  return error
}

/** The error without the values in an error of a schema, wherever that is in its chain of causes. */
export const withoutValues = (error: unknown): unknown => {
  if (ParseResult.isParseError(error)) return renamed("ParseError", describe(error), error.stack, undefined)
  if (!(error instanceof Error) || error.cause === undefined || error.cause === error) return error
  const cause = withoutValues(error.cause)
  return cause === error.cause ? error : renamed(error.name, error.message, error.stack, cause)
}

/** The cause without the values in the errors of schemas that are its defects. */
export const causeWithoutValues = <E>(cause: Cause.Cause<E>): Cause.Cause<E> =>
  Cause.match(cause, {
    onEmpty: Cause.empty as Cause.Cause<E>,
    onFail: (error) => Cause.fail(error),
    onDie: (defect) => Cause.die(withoutValues(defect)),
    onInterrupt: (fiberId) => Cause.interrupt(fiberId),
    onSequential: (left, right) => Cause.sequential(left, right),
    onParallel: (left, right) => Cause.parallel(left, right),
  })
