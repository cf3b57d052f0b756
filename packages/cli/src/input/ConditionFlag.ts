/**
 * `--where`: conditions on fields without a flag, as `metadata.customer.plan=gold` and `error.code=TIMEOUT`.
 */
import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { Ids, MetadataFilter } from "@runlease/core"
import { Effect, Either, Schema } from "effect"
import * as Flag from "./Flag.js"

/** The conditions of the flags: each name with its values, of which a run has one. */
export interface Conditions {
  readonly errorCode: ReadonlyArray<string>
  readonly metadata: Readonly<Record<string, ReadonlyArray<string>>>
}

const prefix = "metadata."

const validateCode = Schema.validateEither(Ids.visibleText(200))
const validateMetadata = Schema.validateEither(MetadataFilter.MetadataFilter)

const problemIn = (text: string, problem: string): string => `--where ${problem}, not ${JSON.stringify(text)}`

/** The name and the value of a condition, checked; else what is wrong. */
const parseOne = (text: string): Either.Either<readonly [name: string, value: string], string> => {
  const [, name = "", value = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (name === "error.code") {
    return Either.mapBoth(validateCode(value), {
      onLeft: (error) => `--where error.code ${Flag.problemOf(error)}`,
      onRight: (code) => [name, code] as const,
    })
  }
  if (!name.startsWith(prefix)) {
    return Either.left(problemIn(text, "takes metadata.PATH=VALUE or error.code=CODE"))
  }
  return Either.mapBoth(validateMetadata({ [name.slice(prefix.length)]: value }), {
    onLeft: (error) => `--where ${name} ${Flag.problemOf(error)}`,
    onRight: () => [name, value] as const,
  })
}

const toConditions = (pairs: ReadonlyArray<readonly [name: string, value: string]>): Conditions => {
  const metadata = new Map<string, Array<string>>()
  for (const [name, value] of pairs) {
    if (!name.startsWith(prefix)) continue
    const path = name.slice(prefix.length)
    metadata.set(path, [...(metadata.get(path) ?? []), value])
  }
  return {
    errorCode: pairs.flatMap(([name, value]) => (name === "error.code" ? [value] : [])),
    metadata: Object.fromEntries(metadata),
  }
}

/** The flag. */
export const where: Options.Options<Conditions> = Options.text("where").pipe(
  Options.withDescription(
    "Only runs with this value, as metadata.customer.plan=gold in the metadata of their outcome, or error.code=TIMEOUT; may be repeated: values of one name are alternatives",
  ),
  Options.repeated,
  Options.mapEffect((texts) =>
    Either.match(Either.map(Either.all(texts.map(parseOne)), toConditions), {
      onLeft: (problem) => Effect.fail(ValidationError.invalidValue(HelpDoc.p(problem))),
      onRight: (conditions) => Effect.succeed(conditions),
    }),
  ),
)
