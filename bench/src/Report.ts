/** The figures and verdicts as tables. */
import type { Part, Row } from "./Figures.js"
import type { Summary } from "./Statistics.js"
import { number, ratio, render, spread } from "./Table.js"
import type { Verdict } from "./Targets.js"

const cell = (value: Summary | null | undefined): string =>
  value === undefined ? "" : value === null ? "absent" : spread(value)

export const part = ({ columns, rows, title }: Part): string => {
  const first = columns[0]!.name
  const firsts = new Map(rows.map(({ figures, name }) => [name, figures[first]?.median]))
  const besides = ({ beside, figures }: Row): string => {
    const [own, other] = [figures[first]?.median, firsts.get(beside ?? "")]
    return own === undefined || other === undefined ? "" : `${ratio(own, other)} ${beside}`
  }
  // Columns that no row has are those of processes that none of them has.
  const shown = columns.filter(({ name }) => rows.some(({ figures }) => figures[name] !== undefined))
  const compared = rows.some(({ beside }) => beside !== undefined)
  return render(
    title,
    ["", ...shown.map(({ name, unit }) => `${name}, ${unit}`), ...(compared ? ["beside"] : [])],
    rows.map((row) => [
      row.name,
      ...shown.map(({ name }) => cell(row.figures[name])),
      ...(compared ? [besides(row)] : []),
    ]),
  )
}

export const verdicts = (all: ReadonlyArray<Verdict>): string =>
  render(
    "What is to be reached",
    ["", "figure", "measured", "to reach", ""],
    all.map(({ figure, reach, result, value, work }) => [
      work,
      figure,
      value === null ? "" : number(value),
      reach,
      result === "not met" ? `**${result}**` : result,
    ]),
  )
