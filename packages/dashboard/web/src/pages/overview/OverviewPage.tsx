/** What needs somebody, what is at work, and what came of it. */
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { attentionQuery, statisticsQuery, useProjectLive, workersQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { Page } from "../../shell/Page"
import { useNow } from "../../ui/now"
import { SegmentedControl } from "../../ui/SegmentedControl"
import { Trouble } from "../../ui/Trouble"
import { isHere } from "../../ui/workers"
import { AgentsPanel } from "./AgentsPanel"
import { Charts } from "./Charts"
import { FailuresPanel } from "./FailuresPanel"
import { FirstSteps } from "./FirstSteps"
import { NeedsYou } from "./NeedsYou"
import { isSpanName, type SpanName, spanNames, spans } from "./spans"
import { StatesStrip } from "./StatesStrip"
import { WorkersPanel } from "./WorkersPanel"

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
  const now = useNow()

  const setSpan = (name: SpanName) =>
    void navigate({ to: "/", search: { span: name === "hour" ? undefined : name }, replace: true })
  const failed = [statistics, attention, workers].find(
    ({ data, error }) => error !== null && data === undefined,
  )
  const loaded =
    statistics.data === undefined || attention.data === undefined || workers.data === undefined
      ? undefined
      : { statistics: statistics.data, attention: attention.data, workers: workers.data, now, span }
  const isNew =
    loaded !== undefined &&
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
