/** The report of a trial: each of its runs with its original, and all of them together. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { getRouteApi, Link } from "@tanstack/react-router"
import type { ReactNode } from "react"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { dollars, integer, plural, short } from "../../format/numbers"
import { duration } from "../../format/times"
import { Page } from "../../shell/Page"
import { Empty } from "../../ui/Empty"
import { Figure, figureCell, FigureStrip } from "../../ui/FigureStrip"
import { Unread } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { CliMenu } from "../run/actions/CliMenu"
import { quoted } from "../run/model/cli"
import { PairsTable } from "./PairsTable"
import { Both } from "./PairParts"
import { type MadeTrial, pairsQuery, trialsQuery } from "./queries"
import {
  budgetWords,
  editsTitle,
  editsWords,
  isOver,
  isSpent,
  meanScore,
  type Pair,
  type Sum,
  sumOf,
  toolsWords,
  tookMillis,
} from "./trialState"

const Fact = ({
  children,
  label,
  title,
}: {
  readonly label: string
  readonly title?: string | undefined
  readonly children: ReactNode
}) => (
  <span title={title}>
    {label} <span className="font-medium text-ink-2">{children}</span>
  </span>
)

const linesOf = (name: string) => [
  { label: "The report", command: `runlease trials report ${quoted(name)}` },
  { label: "With scores", command: `runlease trials report ${quoted(name)} --score ./score.ts --save` },
]

const Head = ({ made, name }: { readonly name: string; readonly made: MadeTrial | undefined }) => (
  <div className="mb-3 flex items-start gap-4">
    <div className="min-w-0 grow">
      <h1 className="text-run font-semibold tracking-[-0.012em] break-words max-desk:text-[17px] max-desk:leading-6">
        {name}
      </h1>
      {made === undefined ? null : (
        <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-small leading-5 text-ink-3">
          <Fact label="Changed" title={editsTitle(made.trial)}>
            {editsWords(made.trial)}
          </Fact>
          <Fact label="From">{made.trial.after === 0 ? "the start" : `event ${made.trial.after}`}</Fact>
          <Fact label="Tools">{toolsWords[made.trial.tools]}</Fact>
          <Fact label="Budget">{budgetWords(made.trial)}</Fact>
          {made.failed === 0 ? null : (
            <Fact label="Refused" title={made.failures.map(({ message }) => message).join("\n")}>
              {plural(made.failed, "run")}
            </Fact>
          )}
        </div>
      )}
    </div>
    <CliMenu label="Commands for this trial" lines={linesOf(name)} />
  </div>
)

/** Two numbers and an arrow have room in a cell. */
const figureText = "text-[17px] whitespace-nowrap max-desk:text-[13px]"

/** `median 12 → 9`, which says more of many runs than their total does. */
const SumFigure = ({
  label,
  numberOf,
  pairs,
  words,
}: {
  readonly label: string
  readonly pairs: ReadonlyArray<Pair>
  readonly numberOf: (run: Json.RunSummary) => number | undefined
  readonly words: (value: number) => string
}) => {
  const before = sumOf(
    pairs.flatMap(({ original }) => original ?? []),
    numberOf,
  )
  const after = sumOf(
    pairs.map(({ trial }) => trial),
    numberOf,
  )
  const text = (sum: Sum | undefined, name: keyof Sum) => (sum === undefined ? "–" : words(sum[name]))
  return (
    <div className={figureCell}>
      <Figure
        label={label}
        value={
          <span className={figureText}>
            <Both before={text(before, "total")} after={text(after, "total")} />
          </span>
        }
      />
      <span className="block truncate text-small text-ink-3">
        median <Both before={text(before, "median")} after={text(after, "median")} />
      </span>
    </div>
  )
}

const countsOf = (runs: ReadonlyArray<Json.RunSummary>) => ({
  completed: runs.filter(({ status }) => status === "completed").length,
  failed: runs.filter(({ status }) => status === "failed").length,
  spent: runs.filter(isSpent).length,
  open: runs.filter((run) => !isOver(run) && !isSpent(run)).length,
})

const Figures = ({ pairs }: { readonly pairs: ReadonlyArray<Pair> }) => {
  const before = countsOf(pairs.flatMap(({ original }) => original ?? []))
  const trials = pairs.map(({ trial }) => trial)
  const after = countsOf(trials)
  const score = meanScore(trials)
  const rest = [
    ...(after.spent === 0 ? [] : [`${integer(after.spent)} budget spent`]),
    ...(after.open === 0 ? [] : [`${integer(after.open)} open`]),
  ].join(", ")
  return (
    <FigureStrip label="All pairs">
      <div className={figureCell}>
        <Figure
          label="Completed"
          value={
            <span className={figureText}>
              <Both before={integer(before.completed)} after={integer(after.completed)} />
            </span>
          }
        />
        <span className="block truncate text-small text-ink-3">
          {rest || `of ${plural(pairs.length, "pair")}`}
        </span>
      </div>
      <div className={figureCell}>
        <Figure
          label="Failed"
          value={
            <span className={figureText}>
              <Both before={integer(before.failed)} after={integer(after.failed)} />
            </span>
          }
        />
      </div>
      <SumFigure
        label="Tokens"
        pairs={pairs}
        numberOf={({ tokens }) => tokens}
        words={(value) => short(Math.round(value))}
      />
      <SumFigure label="Cost" pairs={pairs} numberOf={({ cost }) => cost} words={dollars} />
      <SumFigure label="Took" pairs={pairs} numberOf={tookMillis} words={duration} />
      <div className={figureCell}>
        <Figure
          label="Score"
          value={
            <span className={figureText}>{score === undefined ? "–" : Math.round(score * 1000) / 1000}</span>
          }
        />
        <span className="block truncate text-small text-ink-3">
          {score === undefined ? "none is saved" : "mean"}
        </span>
      </div>
    </FigureStrip>
  )
}

const route = getRouteApi("/signed-in/trials/$name")

const Crumbs = ({ name }: { readonly name: string }) => (
  <nav aria-label="Breadcrumb" className="truncate text-title font-semibold tracking-tight whitespace-nowrap">
    <Link to="/trials" className="font-medium text-ink-3 hover:text-ink">
      Trials
    </Link>
    <span aria-hidden className="mx-1.5 font-normal text-ink-3">
      /
    </span>
    <span aria-current="page">{name}</span>
  </nav>
)

const TrialPage = () => {
  const { name } = route.useParams()
  const { slug } = useSession().project
  useProjectLive({})
  const made = useQuery(trialsQuery(slug)).data?.find(({ trial }) => trial.name === name)
  const query = useQuery(pairsQuery(useQueryClient(), slug, name))
  const { data } = query
  return (
    <Page title={`Trial ${name}`} heading={<Crumbs name={name} />}>
      <Head name={name} made={made} />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
        {data === undefined || data.length === 0 ? null : <Figures pairs={data} />}
        <Panel
          title="Pairs"
          note={data === undefined || data.length === 0 ? undefined : integer(data.length)}
        >
          {data === undefined ? (
            <Unread query={query} rows={6} />
          ) : data.length === 0 ? (
            <Empty>No run is in this trial{made === undefined ? "" : " yet"}.</Empty>
          ) : (
            <PairsTable pairs={data} />
          )}
        </Panel>
      </div>
    </Page>
  )
}

export default TrialPage
