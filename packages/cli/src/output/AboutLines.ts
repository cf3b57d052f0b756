/**
 * What a question is about, as lines below it: a line for each field, and the lines of a longer text below its name.
 */
import type { Interrupt } from "@runlease/core"
import { ToolArguments } from "@runlease/core/executor"
import { Predicate } from "effect"
import * as Terminal from "./Terminal.js"

/** How much is shown, in UTF-16 units. `runs get --json` has all of it. */
const most = 4_000

const lineOf = (value: unknown): string =>
  Terminal.onOneLine(Predicate.isString(value) ? value : (JSON.stringify(value) ?? "null"))

/** The lines of a text. A tab is shown as text, as in other lines. */
const linesOf = (text: string): ReadonlyArray<string> =>
  text.replace(/\n$/, "").split("\n").map(Terminal.onOneLine)

const fieldLines = (name: string, value: unknown): ReadonlyArray<string> =>
  Predicate.isString(value) && value.includes("\n")
    ? [`${Terminal.onOneLine(name)}:`, ...linesOf(value).map((line) => `  ${line}`)]
    : [`${Terminal.onOneLine(name)}: ${lineOf(value)}`]

/** What an interrupt of the log or of a run is about; undefined where it has nothing of that. */
const aboutOf = (metadata: unknown): unknown => (Predicate.isRecord(metadata) ? metadata["about"] : undefined)

/** The lines, each behind `indent`, so that none of them begins as a line of this program does. */
export const of = ({ metadata }: Pick<Interrupt.Interrupt, "metadata">, indent: string): string => {
  const about = aboutOf(metadata)
  if (about === undefined) return ""
  const lines = Predicate.isRecord(about)
    ? Object.entries(about).flatMap(([name, value]) => fieldLines(name, value))
    : Predicate.isString(about)
      ? linesOf(about)
      : [lineOf(about)]
  const shown = ToolArguments.cut(lines.join("\n"), most)
  return shown
    .split("\n")
    .map((line) => `\n${indent}${line}`)
    .join("")
}

/** The same as a part of one line. */
export const onOneLine = (metadata: unknown): string => {
  const about = aboutOf(metadata)
  return about === undefined ? "" : ` about ${ToolArguments.cut(lineOf(about), most)}`
}
