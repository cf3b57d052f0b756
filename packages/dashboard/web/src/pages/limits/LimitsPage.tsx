/** How many runs of each key work, and how many wait for a place. */
import type * as Json from "@runlease/http/Json"
import { useQuery } from "@tanstack/react-query"
import { CircleCheck, CirclePause, Hourglass, type LucideIcon, Plus } from "lucide-react"
import { lazy, Suspense, useState } from "react"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { integer, plural } from "../../format/numbers"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { Slots } from "../../ui/Slots"
import { StateWord } from "../../ui/StateWord"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { type Column, TableHead } from "../../ui/TableHead"
import {
  inOrder,
  limitsQuery,
  type LimitState,
  mostLimits,
  nameOf,
  pendingWords,
  placesWords,
  rateWords,
  stateOf,
  usedWords,
  usePause,
} from "./limits"

const LimitDialog = lazy(() => import("./LimitDialog"))

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-2"

const number = `${cell} text-right text-ink-2`

const states: Readonly<Record<LimitState, readonly [LucideIcon, word: string, title: string]>> = {
  paused: [CirclePause, "Paused", "None of its runs starts until it is resumed"],
  full: [Hourglass, "Full", "As many of its runs work, have a place, or start by its rate, as may"],
  free: [CircleCheck, "Free", "A run starts as soon as a worker has a slot"],
}

const State = ({ iconOnly = false, limit }: { readonly limit: Json.Limit; readonly iconOnly?: boolean }) => {
  const [Icon, word, title] = states[stateOf(limit)]
  return <StateWord icon={Icon} word={word} title={title} iconOnly={iconOnly} />
}

const Places = ({ limit }: { readonly limit: Json.Limit }) =>
  limit.max_running === null ? null : (
    <Slots
      slots={limit.max_running}
      used={limit.running}
      open={limit.open}
      fill={limit.paused ? "bg-claimed" : "bg-running"}
      label={`${usedWords(limit)} places in use, ${limit.open} more reserved`}
    />
  )

const PauseButton = ({ limit }: { readonly limit: Json.Limit }) => {
  const { error, isPending, mutate } = usePause(limit)
  return (
    <>
      {error === null ? null : (
        <span role="alert" className="mr-1 text-small text-failed">
          {error.message}.
        </span>
      )}
      <Button
        look="quiet"
        small
        disabled={isPending}
        aria-label={`${limit.paused ? "Resume" : "Pause"} ${nameOf(limit)}`}
        title={
          limit.paused
            ? "As many of its runs start as the limit allows"
            : "None of its runs starts; those at work go on"
        }
        onClick={() => mutate(!limit.paused)}
      >
        {limit.paused ? "Resume" : "Pause"}
      </Button>
    </>
  )
}

/** A submission sets the limit of its concurrency key. */
const canChange = ({ kind }: Json.Limit): boolean => kind !== "concurrency_key"

interface RowProps {
  readonly limit: Json.Limit
  readonly onChange: (limit: Json.Limit) => void
}

const ChangeButton = ({ limit, onChange }: RowProps) =>
  canChange(limit) ? (
    <Button
      look="quiet"
      small
      aria-haspopup="dialog"
      aria-label={`Change ${nameOf(limit)}`}
      onClick={() => onChange(limit)}
    >
      Change
    </Button>
  ) : null

const Row = ({ limit, onChange }: RowProps) => (
  <tr className="transition-colors duration-[120ms] hover:bg-hover">
    <td className={cell}>
      <State limit={limit} />
    </td>
    <td className={`${cell} truncate font-medium`} title={nameOf(limit)}>
      {nameOf(limit)}
    </td>
    <td className={cell}>
      <Places limit={limit} />
    </td>
    <td className={number}>{usedWords(limit)}</td>
    <td className={number}>{placesWords(limit, limit.open)}</td>
    <td className={`${cell} text-right ${limit.waiting > 0 ? "font-medium" : "text-ink-2"}`}>
      {placesWords(limit, limit.waiting)}
    </td>
    <td className={`${cell} truncate text-ink-2`} title={rateWords(limit)}>
      {rateWords(limit)}
    </td>
    <td className={number}>{pendingWords(limit)}</td>
    <td className={`${cell} text-right`}>
      <ChangeButton limit={limit} onChange={onChange} />
      <PauseButton limit={limit} />
    </td>
  </tr>
)

const Item = ({ limit, onChange }: RowProps) => (
  <li className="flex min-h-16 items-center gap-2.5 border-t border-line px-3">
    <State limit={limit} iconOnly />
    <div className="min-w-0 grow">
      <p className="truncate font-medium">{nameOf(limit)}</p>
      <p className="flex items-center gap-2 text-small leading-[18px] text-ink-3">
        <Places limit={limit} />
        <span className="truncate">
          {usedWords(limit)}
          {limit.max_running === null ? " running" : ""}
          {limit.open === 0 ? "" : `, ${integer(limit.open)} open`}
          {limit.waiting === 0 ? "" : `, ${integer(limit.waiting)} waiting`}
          {limit.rate === null ? "" : `, ${rateWords(limit)}`}
          {limit.max_pending === null ? "" : `, ${pendingWords(limit)} pending`}
        </span>
      </p>
    </div>
    <ChangeButton limit={limit} onChange={onChange} />
    <PauseButton limit={limit} />
  </li>
)

const columns: ReadonlyArray<Column> = [
  { name: "State", width: "w-[100px]" },
  { name: "Of" },
  { name: "Places", width: "w-[168px]" },
  { name: "Running", width: "w-[92px]", isRight: true, title: "Runs that work, and how many may" },
  { name: "Open", width: "w-[92px]", isRight: true, title: "Runs that have a place and wait for a worker" },
  { name: "Waiting", width: "w-[92px]", isRight: true, title: "Runs that wait for a place" },
  { name: "Rate", width: "w-[168px]", title: "How many runs start in a time" },
  {
    name: "Pending",
    width: "w-[120px]",
    isRight: true,
    title: "Runs that no worker has had yet, and how many may be",
  },
  { name: "Actions", width: "w-[152px]", isUnnamed: true },
]

/** The limits: a table, or a list on a phone. Its rows stay where they are while the pointer or the focus is on them. */
const LimitsTable = ({
  limits,
  onChange,
}: Pick<RowProps, "onChange"> & { readonly limits: ReadonlyArray<Json.Limit> }) => {
  const { hold, rows } = useSteadyOrder(inOrder(limits), nameOf)
  return (
    <div {...hold}>
      <table className="w-full table-fixed border-collapse max-desk:hidden">
        <TableHead columns={columns} />
        <tbody>
          {rows.map((limit) => (
            <Row key={nameOf(limit)} limit={limit} onChange={onChange} />
          ))}
        </tbody>
      </table>
      <ul className="desk:hidden">
        {rows.map((limit) => (
          <Item key={nameOf(limit)} limit={limit} onChange={onChange} />
        ))}
      </ul>
    </div>
  )
}

const example = `runlease submit --agent my-agent --concurrency-key customer-7 --concurrency-limit 5 "Load the file"`

/** `12 keys, 3 full, 1 paused` */
const countWords = (limits: ReadonlyArray<Json.Limit>): string => {
  if (limits.length >= mostLimits) return `the newest ${plural(limits.length, "key")}`
  const count = (state: string) => limits.filter((limit) => stateOf(limit) === state).length
  return [
    plural(limits.length, "key"),
    ...(["full", "paused"] as const).flatMap((state) =>
      count(state) === 0 ? [] : [`${count(state)} ${state}`],
    ),
  ].join(", ")
}

const LimitsPage = () => {
  const { slug } = useSession().project
  useProjectLive({})
  const query = useQuery(limitsQuery(slug))
  const { data } = query
  const [changed, setChanged] = useState<Json.Limit | "new">()
  return (
    <Page title="Limits">
      <Panel
        title="Limits"
        note={data === undefined || data.length === 0 ? undefined : countWords(data)}
        aside={
          <Button small aria-haspopup="dialog" onClick={() => setChanged("new")}>
            <Plus aria-hidden size={14} className="text-ink-3" />
            New limit
          </Button>
        }
      >
        {data === undefined ? (
          <Unread query={query} rows={6} />
        ) : data.length === 0 ? (
          <Empty command={example}>No limit has runs, and none is paused. A submission sets one:</Empty>
        ) : (
          <LimitsTable limits={data} onChange={setChanged} />
        )}
      </Panel>
      {changed === undefined ? null : (
        <Suspense fallback={null}>
          <LimitDialog
            limit={changed === "new" ? undefined : changed}
            onClose={() => setChanged(undefined)}
          />
        </Suspense>
      )}
    </Page>
  )
}

export default LimitsPage
