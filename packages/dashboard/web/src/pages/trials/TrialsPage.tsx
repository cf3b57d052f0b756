/** The trials: past runs once more with something changed. */
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { CircleCheck, CircleSlash, LoaderCircle, type LucideIcon } from "lucide-react"
import { useRef } from "react"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { integer, plural } from "../../format/numbers"
import { ago, exact } from "../../format/times"
import { Page } from "../../shell/Page"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { Panel } from "../../ui/Panel"
import { useRowKeys } from "../../ui/rowKeys"
import { StateWord } from "../../ui/StateWord"
import { type Column, TableHead } from "../../ui/TableHead"
import { type MadeTrial, trialsQuery } from "./queries"
import { budgetWords, editsTitle, editsWords, toolsWords } from "./trialState"

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4"

const states: Readonly<Record<MadeTrial["status"], readonly [LucideIcon, word: string, title: string]>> = {
  running: [LoaderCircle, "Submitting", "Its runs are being submitted"],
  completed: [CircleCheck, "Submitted", "All of its runs are submitted"],
  aborted: [CircleSlash, "Stopped", "It was stopped before all of its runs were submitted"],
}

const State = ({ iconOnly = false, trial }: { readonly trial: MadeTrial; readonly iconOnly?: boolean }) => {
  const [icon, word, title] = states[trial.status]
  return <StateWord icon={icon} word={word} title={title} iconOnly={iconOnly} />
}

/** `200`, `3 refused of 200` */
const runsWords = ({ done, failed }: MadeTrial): string =>
  failed === 0 ? integer(done) : `${integer(done)}, ${integer(failed)} refused`

interface RowProps {
  readonly made: MadeTrial
  readonly now: number
}

const Created = ({ made, now }: RowProps) => {
  const at = Date.parse(made.created_at)
  return (
    <time dateTime={made.created_at} title={exact(at)}>
      {ago(at, now)}
    </time>
  )
}

const Row = ({ made, now }: RowProps) => {
  const { trial } = made
  return (
    <tr className="transition-colors duration-[120ms] hover:bg-hover">
      <td className={cell}>
        <State trial={made} />
      </td>
      <td className={`${cell} truncate`} title={trial.name}>
        <Link to="/trials/$name" params={{ name: trial.name }} data-row className="font-medium">
          {trial.name}
        </Link>
      </td>
      <td className={`${cell} truncate text-ink-2`} title={editsTitle(trial)}>
        {editsWords(trial)}
      </td>
      <td className={`${cell} text-ink-2`}>{trial.after === 0 ? "the start" : `event ${trial.after}`}</td>
      <td className={`${cell} text-ink-2`}>{toolsWords[trial.tools]}</td>
      <td className={`${cell} truncate text-ink-2`} title={budgetWords(trial)}>
        {budgetWords(trial)}
      </td>
      <td className={`${cell} text-right text-ink-2`}>{runsWords(made)}</td>
      <td className={`${cell} text-right text-ink-2`}>
        <Created made={made} now={now} />
      </td>
    </tr>
  )
}

const Item = ({ made, now }: RowProps) => (
  <li className="border-t border-line">
    <Link
      to="/trials/$name"
      params={{ name: made.trial.name }}
      className="flex min-h-16 items-center gap-2.5 px-3 focus-visible:-outline-offset-2"
    >
      <State trial={made} iconOnly />
      <span className="min-w-0 grow">
        <span className="block truncate font-medium">{made.trial.name}</span>
        <span className="block truncate text-small leading-[18px] text-ink-3">
          {plural(made.done, "run")}, changed: {editsWords(made.trial)}
        </span>
      </span>
      <span className="text-small text-ink-3">
        <Created made={made} now={now} />
      </span>
    </Link>
  </li>
)

const columns: ReadonlyArray<Column> = [
  { name: "State", width: "w-[112px]" },
  { name: "Trial" },
  { name: "Changed", width: "w-[220px]", title: "What its runs have in place of what their originals had" },
  { name: "From", width: "w-[100px]", title: "Up to there its runs have what their originals had recorded" },
  { name: "Tools", width: "w-[104px]", title: "What becomes of tool calls" },
  { name: "Budget", width: "w-[148px]" },
  { name: "Runs", width: "w-[112px]", isRight: true },
  { name: "Created", width: "w-[96px]", isRight: true },
]

const example = 'runlease trials create shorter --limit 100 --message "Shorter" --budget tokens=500000'

const TrialsPage = () => {
  const { slug } = useSession().project
  useProjectLive({})
  const query = useQuery(trialsQuery(slug))
  const { data } = query
  const now = useNow()
  const box = useRef<HTMLTableElement>(null)
  useRowKeys(box, "trial")
  return (
    <Page title="Trials">
      <Panel title="Trials" note={data === undefined || data.length === 0 ? undefined : integer(data.length)}>
        {data === undefined ? (
          <Unread query={query} rows={4} />
        ) : data.length === 0 ? (
          <Empty command={example}>
            A trial does past runs once more with something changed. There is none yet:
          </Empty>
        ) : (
          <>
            <table ref={box} className="w-full table-fixed border-collapse max-desk:hidden">
              <TableHead columns={columns} />
              <tbody>
                {data.map((made) => (
                  <Row key={made.id} made={made} now={now} />
                ))}
              </tbody>
            </table>
            <ul className="desk:hidden">
              {data.map((made) => (
                <Item key={made.id} made={made} now={now} />
              ))}
            </ul>
          </>
        )}
      </Panel>
    </Page>
  )
}

export default TrialsPage
