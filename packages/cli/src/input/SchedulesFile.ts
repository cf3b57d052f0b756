/**
 * A file of schedules, as `runlease schedules apply` reads it: the list that the API takes.
 */
import { type Schedules } from "@runlease/core"
import * as NewScheduleWire from "@runlease/http/NewScheduleWire"
import * as Strict from "@runlease/http/Strict"
import { Either, ParseResult, Schema } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as JsonText from "./JsonText.js"

const File = Schema.Struct({ schedules: NewScheduleWire.DeclaredSchedules })

const decode = Schema.decodeUnknownEither(File, { onExcessProperty: "error", errors: "all" })

const example =
  'A file has a list of schedules, such as {"schedules": [{"key": "nightly", "name": "Nightly report", "target": {"kind": "agent", "id": "report"}, "schedule": "0 2 * * *"}]}.'

/** How many problems of a file are printed. */
const maxProblems = 20

/** Where a problem is, with the key of the schedule where it has one. */
const placeOf = (value: unknown, path: ReadonlyArray<PropertyKey>): string => {
  const [list, index, ...rest] = path
  const at = list === "schedules" && typeof index === "number" ? index : undefined
  const key =
    at === undefined ? undefined : (value as { schedules: Array<{ key?: unknown }> }).schedules[at]?.key
  return typeof key === "string" ? [`schedule ${JSON.stringify(key)}`, ...rest].join(" ") : path.join(".")
}

/** The schedules of a file. Fails with each wrong place of it, before anything is sent. */
export const parse = (
  name: string,
  text: string,
): Either.Either<ReadonlyArray<Schedules.DeclaredSchedule>, CommandFailure> =>
  JsonText.parse(text).pipe(
    Either.mapLeft((place) => usage(`${name} is no JSON at ${place}`, example)),
    Either.flatMap((value) =>
      Either.mapBoth(decode(value), {
        onLeft: (error) => {
          const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
          const lines = issues.slice(0, maxProblems).map((issue) => {
            const place = placeOf(value, issue.path)
            return `${name}: ${place === "" ? "" : `${place}: `}${Strict.sentence(issue)}`
          })
          return usage(lines.join("\n"), `Nothing was changed. ${example}`)
        },
        onRight: ({ schedules }) => schedules,
      }),
    ),
  )
