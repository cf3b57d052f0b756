/**
 * Labels of runs: pairs of a name and a value, by which lists find runs.
 *
 * Source: docs/decisions/0101-labels-and-bulk.md
 */
import { Schema } from "effect"
import * as Ids from "./Ids.js"

/** The most labels of one run. */
export const maxLabels = 16

/** A name: 1 to 64 characters of `a-z 0-9 _ . -`, the first of which is a letter or a digit. */
export const Name = Schema.String.pipe(
  Schema.pattern(/^[a-z0-9][a-z0-9_.-]{0,63}$/, {
    message: () =>
      "must be 1 to 64 of the characters a-z, 0-9, _, . and -, and begin with a letter or a digit",
  }),
)

/** A value: 1 to 128 characters that a person sees. */
export const Value = Ids.visibleText(128)

const isName = Schema.is(Name)

/** Every name is one of a label, and there are 16 at most. */
const problemOf = (labels: Readonly<Record<string, unknown>>): Schema.FilterOutput => {
  const names = Object.keys(labels)
  const wrong = names.find((name) => !isName(name))
  if (wrong !== undefined) {
    return {
      path: [wrong],
      message:
        "is a name that must be 1 to 64 of the characters a-z, 0-9, _, . and -, and begin with a letter or a digit",
    }
  }
  return names.length > maxLabels ? `must be at most ${maxLabels} labels, and not ${names.length}` : undefined
}

const described = {
  jsonSchema: { maxProperties: maxLabels, propertyNames: { pattern: "^[a-z0-9][a-z0-9_.-]{0,63}$" } },
}

/** The labels of a run, 16 at most: a value by each name. */
export const Labels = Schema.Record({ key: Schema.String, value: Value }).pipe(
  Schema.filter(problemOf, described),
)
export type Labels = typeof Labels.Type

/** Labels that a run gets, and null for each that it loses. */
export const LabelChanges = Schema.Record({ key: Schema.String, value: Schema.NullOr(Value) }).pipe(
  Schema.filter(problemOf, described),
)
export type LabelChanges = typeof LabelChanges.Type

/** No labels. */
export const none: Labels = {}

export type Label = readonly [name: string, value: string]

/** The labels in the order of their names. */
export const entries = (labels: Labels): ReadonlyArray<Label> =>
  Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

/** Whether a run has all of these labels: what a list by labels finds. */
export const hasAll = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value)

/** Whether there is no label. */
export const isEmpty = (labels: Labels): boolean => {
  for (const _ in labels) return false
  return true
}
