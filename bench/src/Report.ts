/** The figures and verdicts as tables. */
import type { Figure, Part } from "./Figures.js"
import { number, ratio, render, spread } from "./Table.js"
import type { Verdict } from "./Targets.js"

export const part = ({ figures, title }: Part): string => {
  const medians = new Map(figures.map(({ name, value }) => [name, value?.median]))
  const besides = ({ beside, value }: Figure): string => {
    const other = beside === undefined ? undefined : medians.get(beside)
    return value === null || other === undefined ? "" : `${ratio(value.median, other)} ${beside}`
  }
  return render(
    title,
    ["", "median (range)", "", "beside"],
    figures.map((figure) => [
      figure.name,
      figure.value === null ? "absent" : spread(figure.value),
      figure.unit,
      besides(figure),
    ]),
  )
}

export const verdicts = (all: ReadonlyArray<Verdict>): string =>
  render(
    "What is to be reached",
    ["", "figure", "measured", "to reach", ""],
    all.map(({ figure, met, reach, value, work }) => [
      work,
      figure,
      value === null ? "absent" : number(value),
      reach,
      met === null ? "" : met ? "met" : "**not met**",
    ]),
  )
