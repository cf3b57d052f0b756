/**
 * Output of the commands: tables for people, JSON lines for machines.
 */
import { Config, Console, Effect } from "effect"
import { styleText } from "node:util"
import * as Terminal from "./Terminal.js"

type Style = Parameters<typeof styleText>[0]

/** Styles text, or returns it unchanged when the output shows no colours. */
export type Paint = (style: Style, text: string) => string

const coloured: Paint = (style, text) => {
  const [on, off] = styleText(style, "|").split("|")
  return Terminal.own(on!) + text + Terminal.own(off!)
}

/** Colours on a terminal, unless NO_COLOR is set. */
export const paint: Effect.Effect<Paint> = Effect.map(
  Effect.orDie(Config.withDefault(Config.string("NO_COLOR"), "")),
  (noColor) => (process.stdout.isTTY && noColor === "" ? coloured : (_style, text) => text),
)

/** One JSON value as a line. */
export const json = (value: unknown): Effect.Effect<void> => Console.log(JSON.stringify(value))

/** Formats fields as lines, the values in a column. A field that is null has no line. */
export const fields = (values: Readonly<Record<string, string | null>>, column = 16): ReadonlyArray<string> =>
  Object.entries(values).flatMap(([key, value]) =>
    value === null ? [] : [`${key.padEnd(column)}${Terminal.onOneLine(value)}`],
  )

/** Formats rows as columns. Each column is as wide as its widest cell; the last is not padded. A row is one line. */
export const table = (
  headings: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  paintWith: Paint,
): string => {
  const lines = rows.map((row) => row.map(Terminal.onOneLine))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...lines.map((cells) => Terminal.widthOf(cells[column] ?? ""))),
  )
  const line = (cells: ReadonlyArray<string>) =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell + " ".repeat(widths[column]! - Terminal.widthOf(cell)),
      )
      .join("  ")
      .trimEnd()
  return [paintWith("bold", line(headings)), ...lines.map(line)].join("\n")
}
