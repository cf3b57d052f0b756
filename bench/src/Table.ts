/** Tables in Markdown. */
import type { Summary } from "./Statistics.js"

export const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** The median, with the range in brackets if there is one. */
export const spread = ({ median, lowest, highest }: Summary): string =>
  lowest === highest ? number(median) : `${number(median)} (${number(lowest)}–${number(highest)})`

export const ratio = (value: number, baseline: number): string => `${(value / baseline).toFixed(2)}×`

export const render = (
  title: string,
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
): string => {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(" | ")} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`
  return [`### ${title}`, "", line(header), rule, ...rows.map(line), ""].join("\n")
}
