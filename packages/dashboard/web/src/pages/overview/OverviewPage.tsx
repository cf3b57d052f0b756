/** What needs somebody, what is at work, and what came of it. */
import type * as Json from "@runlease/http/Json"
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { Link, useNavigate, useSearch } from "@tanstack/react-router"
import { useMemo, useState } from "react"
import {
  attentionQuery,
  refusedCountQuery,
  statisticsQuery,
  useProjectLive,
  workersQuery,
} from "../../api/project"
import { useSession } from "../../api/session"
import { Page } from "../../shell/Page"
import { buttonClass } from "../../ui/Button"
import { Chart, ChartKey } from "../../ui/Chart"
import { CommandLine } from "../../ui/Copy"
import { Panel } from "../../ui/Panel"
import { SegmentedControl } from "../../ui/SegmentedControl"
import { Trouble } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { isHere } from "../../ui/workers"
import { workerCommand } from "../workers/commands"
import { AgentsPanel, FailuresPanel, WorkersPanel } from "./Panels"
import { NeedsYou } from "./NeedsYou"
import { StatesStrip } from "./StatesStrip"
import { cost, finished, periodName, pickUp, queue } from "./charts"
import { isSpanName, type SpanName, spanNames, spans } from "./totals"

const nothing: Json.ProjectStatistics = { counts: [], periods: [], agents: [] }

/** The four charts of the overview. They point at the same period. */
const Charts = ({
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

/** The overview of a project with neither runs nor workers. */
const FirstSteps = () => (
  <Panel title="Nothing has run in this project yet">
    <ol className="grid gap-4 px-4 pt-1 pb-4 text-ink-2">
      <li className="grid gap-2">
        <span>
          <b className="font-medium text-ink">Start a worker.</b> Any program is an agent: it reads a request
          and prints its answer.
        </span>
        <CommandLine text={workerCommand("example")} />
      </li>
      <li className="grid gap-2">
        <span>
          <b className="font-medium text-ink">Submit a run.</b> From here, or from the command line.
        </span>
        <CommandLine text={`runlease submit --agent echo --watch "hello"`} />
        <Link to="/submit" search={{ agent: undefined }} className={`${buttonClass()} justify-self-start`}>
          Submit a run
        </Link>
      </li>
    </ol>
  </Panel>
)

const choices = spanNames.map((name) => [name, spans[name].label] as const)

const OverviewPage = () => {
  const { span: named } = useSearch({ from: "/signed-in/" })
  const chosen: SpanName = isSpanName(named) ? named : "hour"
  const navigate = useNavigate()
  const { slug } = useSession().project
  const { last, step } = spans[chosen]
  useProjectLive({ span: { last, step } })

  const statistics = useQuery({ ...statisticsQuery(slug, { last, step }), placeholderData: keepPreviousData })
  // The numbers of the span before stay until those of the chosen one are here.
  const [span, setShown] = useState(chosen)
  if (span !== chosen && !statistics.isPlaceholderData) setShown(chosen)
  const attention = useQuery(attentionQuery(slug))
  const workers = useQuery(workersQuery(slug))
  const refused = useQuery(refusedCountQuery(slug)).data ?? 0
  const now = useNow()

  const setSpan = (name: SpanName) =>
    void navigate({ to: "/", search: { span: name === "hour" ? undefined : name }, replace: true })
  const failed = [statistics, attention, workers].find(
    ({ data, error }) => error !== null && data === undefined,
  )
  const loaded =
    statistics.data === undefined || attention.data === undefined || workers.data === undefined
      ? undefined
      : { statistics: statistics.data, attention: attention.data, workers: workers.data, refused, now, span }
  const isNew =
    loaded !== undefined &&
    refused === 0 &&
    loaded.statistics.counts.length === 0 &&
    !loaded.workers.some((worker) => isHere(worker, now))

  const control = (className: string) => (
    <SegmentedControl
      label="Time range"
      choices={choices}
      value={chosen}
      onChange={setSpan}
      className={className}
    />
  )
  return (
    <Page title="Overview" tools={control("max-desk:hidden")}>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
        {failed?.error == null ? null : (
          <div className="rounded-3 border border-line bg-surface">
            <Trouble error={failed.error} retry={() => void failed.refetch()} />
          </div>
        )}
        {isNew ? <FirstSteps /> : failed === undefined ? <NeedsYou loaded={loaded} /> : null}
        <StatesStrip
          statistics={statistics.data}
          attention={attention.data}
          workers={(workers.data ?? []).filter((worker) => isHere(worker, now))}
          now={now}
          span={span}
        />
        {control("desk:hidden")}
        <Charts statistics={statistics.data} span={span} />
        <div className="grid grid-cols-[minmax(0,4fr)_minmax(0,4fr)_minmax(0,5fr)] gap-4 max-[1101px]:grid-cols-[minmax(0,1fr)] max-desk:gap-3">
          <FailuresPanel statistics={statistics.data} span={span} />
          <AgentsPanel statistics={statistics.data} span={span} />
          <WorkersPanel workers={workers.data} now={now} />
        </div>
      </div>
    </Page>
  )
}

export default OverviewPage
