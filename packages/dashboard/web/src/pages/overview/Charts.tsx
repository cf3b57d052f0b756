/** The four charts of the overview. They point at the same period. */
import type * as Json from "@runlease/http/Json"
import { useMemo, useState } from "react"
import { Chart, ChartKey } from "../../ui/Chart"
import { cost, finished, periodName, pickUp, queue } from "./charts"
import { type SpanName, spans } from "./spans"

const nothing: Json.ProjectStatistics = { counts: [], periods: [], agents: [] }

export const Charts = ({
  span,
  statistics = nothing,
}: {
  readonly statistics: Json.ProjectStatistics | undefined
  readonly span: SpanName
}) => {
  const [pointed, onPoint] = useState<number | null>(null)
  const content = useMemo(
    () => ({
      times: statistics.periods.map(({ start }) => Date.parse(start)),
      finished: finished(statistics, span),
      pickUp: pickUp(statistics, span),
      queue: queue(statistics),
      cost: cost(statistics, span),
    }),
    [statistics, span],
  )
  const shared = {
    pointed: pointed !== null && pointed < content.times.length ? pointed : null,
    onPoint,
    times: content.times,
    timeOf: (index: number) => periodName(statistics.periods[index]?.start ?? "", span),
  }
  return (
    <section
      aria-label={`Activity in the ${spans[span].words}`}
      className="grid grid-cols-4 gap-4 max-[1101px]:grid-cols-2 max-desk:gap-3"
    >
      <Chart
        {...shared}
        {...content.finished}
        note={
          <>
            <ChartKey colour="color-mix(in srgb, var(--completed) 75%, transparent)">completed</ChartKey>
            <ChartKey colour="var(--failed)">failed</ChartKey>
          </>
        }
      />
      <Chart {...shared} {...content.pickUp} left={40} right={28} />
      <Chart {...shared} {...content.queue} right={50} />
      <Chart {...shared} {...content.cost} left={40} />
    </section>
  )
}
