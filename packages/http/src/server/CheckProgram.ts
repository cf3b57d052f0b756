/**
 * The program of the thread that checks values by JSON Schemas.
 *
 * It runs from its text, so that it is there in every bundle, and loads the validator alone.
 */
import * as ProgramText from "../contract/ProgramText.js"
import type { OutputUnit } from "@cfworker/json-schema"

/** What the program is started with. */
export interface Settings {
  readonly validator: string
  /** The most errors that an answer has, and the most characters of their places. */
  readonly maxErrors: number
  readonly maxCharacters: number
}

/** A value, and schemas as JSON texts: it fits where one of them takes it. */
export interface Request {
  readonly schemas: ReadonlyArray<string>
  readonly value: unknown
}

/** `errors`: those of the first schema; none where the value fits. `millis`: how long the check took. */
export interface Answer {
  readonly errors: ReadonlyArray<OutputUnit>
  readonly millis: number
}

/** The first message says that the validator is there; each other one answers a request. */
export type Report = "ready" | Answer

/** It names nothing outside of itself. */
const program = (): void => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads")
  const { createRequire } = process.getBuiltinModule("node:module")
  const { maxCharacters, maxErrors, validator } = workerData as Settings
  const { Validator } = createRequire(validator)(validator) as typeof import("@cfworker/json-schema")

  /** The validators that are made, by the texts of their schemas: the last hundred. */
  const made = new Map<string, InstanceType<typeof Validator>>()
  const validatorOf = (text: string) => {
    const before = made.get(text)
    if (before !== undefined) return before
    const validator = new Validator(JSON.parse(text), "2019-09", false)
    if (made.size >= 100) made.delete(made.keys().next().value!)
    made.set(text, validator)
    return validator
  }

  /** The errors of a schema. One that the validator cannot read accepts everything. */
  const errorsOf = (text: string, value: unknown): ReadonlyArray<OutputUnit> => {
    try {
      return validatorOf(text).validate(value).errors
    } catch {
      return []
    }
  }

  const shorten = (errors: ReadonlyArray<OutputUnit>): ReadonlyArray<OutputUnit> => {
    let characters = 0
    const end = errors.findIndex(({ error, instanceLocation, keywordLocation }, index) => {
      characters += error.length + instanceLocation.length + keywordLocation.length
      return index >= maxErrors || (index > 0 && characters > maxCharacters)
    })
    return end < 0 ? errors : errors.slice(0, end)
  }

  const check = ({ schemas, value }: Request): ReadonlyArray<OutputUnit> => {
    let first: ReadonlyArray<OutputUnit> = []
    for (const text of schemas) {
      const errors = errorsOf(text, value)
      if (errors.length === 0) return []
      if (first.length === 0) first = errors
    }
    return shorten(first)
  }

  const report = (message: Report): void => parentPort!.postMessage(message, [])
  parentPort!.on("message", (request: Request) => {
    const start = performance.now()
    const errors = check(request)
    report({ errors, millis: performance.now() - start })
  })
  report("ready")
}

export const text = ProgramText.of(program)
