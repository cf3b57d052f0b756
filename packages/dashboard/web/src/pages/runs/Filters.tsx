/** What narrows the list of runs: the search, the menu of filters, and the states. */
import { Menu } from "@base-ui/react/menu"
import type * as Json from "@runlease/http/Json"
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { Check, ChevronRight, ListFilter, Search } from "lucide-react"
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react"
import { agentsQuery, statisticsQuery } from "../../api/project"
import { integer } from "../../format/numbers"
import { buttonClass } from "../../ui/Button"
import { type RunStatus, StateIcon, wordOf } from "../../ui/State"
import { menuItem, menuPopup } from "../../ui/look"
import { isNarrowed, isRootsOnly, type RunFilter, searchOf } from "./filter"
import { lastRanges, rangeWords } from "./range"
import { isComplete, parseSearch, withLabel, withoutUnfinished } from "./searchText"
import { countsSpan, runCountsQuery } from "./useRuns"

/** How long somebody has to stop typing before text is looked for. */
const typingPause = 300

interface SearchProps {
  readonly filter: RunFilter
  readonly onChange: (filter: RunFilter) => void
  readonly box: RefObject<HTMLInputElement | null>
}

/** The search of the page. Words such as `agent:coder` become filters as soon as they are complete; text is looked for as it is typed. */
export const SearchBox = ({ box, filter, onChange }: SearchProps) => {
  const [typed, setTyped] = useState(filter.text)
  /** The text that this box last searched for: another one comes from the address. */
  const requested = useRef(filter.text)
  useEffect(() => {
    if (filter.text === requested.current) return
    requested.current = filter.text
    setTyped(filter.text)
  }, [filter.text])

  const search = (next: RunFilter) => {
    requested.current = next.text
    onChange(next)
  }
  /** Takes the words out of what is typed, as filters. */
  const takeWords = (value: string) => {
    const { agent, attempt, code, conversation, labels = [], parent, state, text } = parseSearch(value)
    setTyped(/\s$/.test(value) && text !== "" ? `${text} ` : text)
    search({
      ...filter,
      text,
      agent: agent ?? filter.agent,
      attempt: attempt ?? filter.attempt,
      code: code ?? filter.code,
      conversation: conversation ?? filter.conversation,
      labels: labels.reduce(withLabel, filter.labels),
      parent: parent ?? filter.parent,
      status: state ?? filter.status,
    })
  }

  const looked = parseSearch(withoutUnfinished(typed)).text
  const current = useRef(search)
  useEffect(() => {
    current.current = search
  })
  useEffect(() => {
    if (looked === requested.current) return
    const timer = setTimeout(() => current.current({ ...filter, text: looked }), typingPause)
    return () => clearTimeout(timer)
  }, [filter, looked])

  return (
    <form
      role="search"
      className="relative min-w-[220px] flex-[0_1_304px] max-desk:basis-full"
      onSubmit={(event) => {
        event.preventDefault()
        takeWords(typed)
      }}
    >
      <Search
        aria-hidden
        size={16}
        className="absolute top-[7px] left-2.5 text-ink-3 max-desk:top-3.5 max-desk:left-3"
      />
      <input
        ref={box}
        aria-label="Search runs"
        placeholder="Text, run id, or agent:coder attempt:>1"
        value={typed}
        maxLength={400}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        enterKeyHint="search"
        onChange={({ target: { value } }) => {
          if (isComplete(value)) takeWords(value)
          else setTyped(value)
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return
          if (typed === "") event.currentTarget.blur()
          else takeWords("")
        }}
        className="h-[30px] w-full rounded-2 border border-edge bg-surface pr-2.5 pl-8 placeholder:text-ink-3 max-desk:h-11 max-desk:pl-[38px] max-desk:text-title"
      />
    </form>
  )
}

interface Option {
  readonly value: string
  readonly word: string
}

const Choice = ({
  chosen,
  empty,
  floor,
  onChoose,
  options,
  word,
}: {
  readonly word: string
  readonly chosen: string | undefined
  readonly options: ReadonlyArray<Option>
  readonly empty?: string
  readonly floor: HTMLElement | null
  readonly onChoose: (value: string) => void
}) => (
  <Menu.SubmenuRoot>
    <Menu.SubmenuTrigger className={menuItem}>
      {word}
      <ChevronRight aria-hidden size={14} className="ml-auto text-ink-3" />
    </Menu.SubmenuTrigger>
    <Menu.Portal container={floor}>
      <Menu.Positioner sideOffset={4} alignOffset={-5} className="z-10">
        <Menu.Popup className={menuPopup}>
          {options.length === 0 ? <p className="px-2 py-1 text-ink-3">{empty}</p> : null}
          <Menu.RadioGroup value={chosen ?? ""} onValueChange={(value: string) => onChoose(value)}>
            {options.map((option) => (
              <Menu.RadioItem key={option.value} value={option.value} closeOnClick className={menuItem}>
                <span className="w-3.5">
                  <Menu.RadioItemIndicator>
                    <Check aria-hidden size={14} />
                  </Menu.RadioItemIndicator>
                </span>
                {option.word}
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
        </Menu.Popup>
      </Menu.Positioner>
    </Menu.Portal>
  </Menu.SubmenuRoot>
)

const Toggle = ({
  children,
  isOn,
  onChange,
}: {
  readonly children: ReactNode
  readonly isOn: boolean
  readonly onChange: (isOn: boolean) => void
}) => (
  <Menu.CheckboxItem checked={isOn} onCheckedChange={onChange} closeOnClick className={menuItem}>
    {children}
    <Menu.CheckboxItemIndicator className="ml-auto">
      <Check aria-hidden size={14} />
    </Menu.CheckboxItemIndicator>
  </Menu.CheckboxItem>
)

const attempts: ReadonlyArray<Option> = [2, 3, 4, 5].map((least) => ({
  value: String(least),
  word: `${least} or more`,
}))

interface AddFilterProps {
  /** Where menus open: in the content of the page. */
  readonly floor: HTMLElement | null
  readonly project: string
  /** The codes of the runs that are shown. */
  readonly codes: ReadonlyArray<string>
  readonly labels: ReadonlyArray<string>
  readonly filter: RunFilter
  readonly onChange: (filter: RunFilter) => void
}

export const AddFilter = ({ codes, filter, floor, labels, onChange, project }: AddFilterProps) => {
  const agents = useQuery(agentsQuery(project)).data ?? []
  return (
    <Menu.Root>
      <Menu.Trigger className={`${buttonClass("quiet")} max-desk:hidden`}>
        <ListFilter aria-hidden size={16} className="text-ink-3" />
        Add a filter
      </Menu.Trigger>
      <Menu.Portal container={floor}>
        <Menu.Positioner sideOffset={4} align="start" className="z-10">
          <Menu.Popup className={menuPopup}>
            <Choice
              floor={floor}
              word="Agent"
              chosen={filter.agent}
              options={agents.map(({ agent_id }) => ({ value: agent_id, word: agent_id }))}
              empty="No agent is known yet"
              onChoose={(agent) => onChange({ ...filter, agent })}
            />
            <Choice
              floor={floor}
              word="Started"
              chosen={filter.to === undefined ? filter.from : undefined}
              options={lastRanges.map((from) => ({ value: from, word: rangeWords({ from }, 0) ?? from }))}
              onChoose={(from) => onChange({ ...filter, from, to: undefined })}
            />
            <Choice
              floor={floor}
              word="Code"
              chosen={filter.code}
              options={codes.map((code) => ({ value: code, word: code }))}
              empty="No run that is shown has failed with a code"
              onChoose={(code) => onChange({ ...filter, code, status: "failed" })}
            />
            <Choice
              floor={floor}
              word="Label"
              chosen={filter.labels.at(-1)}
              options={labels.map((label) => ({ value: label, word: label }))}
              empty="No run that is shown has a label"
              onChoose={(label) => onChange({ ...filter, labels: withLabel(filter.labels, label) })}
            />
            <Choice
              floor={floor}
              word="Attempt"
              chosen={filter.attempt === undefined ? undefined : String(filter.attempt)}
              options={attempts}
              onChoose={(least) => onChange({ ...filter, attempt: Number(least) })}
            />
            <Toggle isOn={filter.children} onChange={(children) => onChange({ ...filter, children })}>
              Show children too
            </Toggle>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

const order: ReadonlyArray<RunStatus> = ["pending", "running", "waiting", "failed", "completed", "cancelled"]

type Counts = Readonly<Record<RunStatus, number>>

/** `counts` is undefined until it is read. `isWhole`: no further runs are among them. */
interface Counted {
  readonly counts: Counts | undefined
  readonly isWhole: boolean
  readonly note: string
}

const sumOf = (data: Json.ProjectStatistics, agent: string | undefined): Counts => {
  const counted = data.counts.filter(({ agent_id }) => agent === undefined || agent_id === agent)
  const sum = (status: RunStatus): number => counted.reduce((total, { runs }) => total + runs[status], 0)
  return {
    pending: sum("pending"),
    running: sum("running"),
    waiting: sum("waiting"),
    completed: sum("completed"),
    failed: sum("failed"),
    cancelled: sum("cancelled"),
  }
}

/** Whether the runs of a filter are those that the statistics count: of all agents or one, with children. */
const isCounted = (filter: RunFilter): boolean =>
  !isRootsOnly(filter) && !isNarrowed({ ...filter, agent: undefined })

/** The runs of a filter by state, whatever state it names; `all` are those of the project. */
export const useCounts = (
  project: string,
  filter: RunFilter,
): Counted & { readonly all: Counts | undefined } => {
  const statistics = useQuery(statisticsQuery(project, countsSpan)).data
  const byStatistics = isCounted(filter)
  const found = useQuery({ ...runCountsQuery(project, filter), enabled: !byStatistics }).data
  const all = statistics && sumOf(statistics, undefined)
  const ofAgent = statistics && sumOf(statistics, filter.agent)
  const whose = filter.agent === undefined ? "" : ` of ${filter.agent}`
  if (byStatistics) return { all, counts: ofAgent, isWhole: true, note: `All runs${whose}` }
  if (found === undefined || found.whole) {
    return { all, counts: found?.counts, isWhole: true, note: "The runs of this filter" }
  }
  // Where there are too many runs to look at, the counts without children include them.
  return isNarrowed({ ...filter, agent: undefined })
    ? { all, counts: found.counts, isWhole: false, note: `Of the newest ${integer(found.searched)} runs` }
    : { all, counts: ofAgent, isWhole: true, note: `All runs${whose}, with children` }
}

/** The states as tabs, each with how many runs are in it. */
export const StateTabs = ({ counts, filter, isWhole, note }: Counted & { readonly filter: RunFilter }) => {
  const all = counts && order.reduce((total, status) => total + counts[status], 0)
  return (
    <nav
      aria-label="State"
      title={note}
      className="-ml-2 flex gap-1 overflow-x-auto [scrollbar-width:none] max-desk:-mx-3 max-desk:px-3"
    >
      {[undefined, ...order].map((status) => {
        const isCurrent = filter.status === status
        const count = status === undefined ? all : counts?.[status]
        return (
          <Link
            key={status ?? "all"}
            to="/runs"
            search={searchOf({ ...filter, status })}
            preload={false}
            aria-current={isCurrent ? "true" : undefined}
            className={`inline-flex h-8 items-center gap-1.5 rounded-2 px-2.5 font-medium whitespace-nowrap max-desk:h-11 focus-visible:-outline-offset-2 ${
              isCurrent
                ? "bg-surface text-ink shadow-[inset_0_0_0_1px_var(--line-2)]"
                : "text-ink-2 hover:bg-hover"
            }`}
          >
            {status === undefined ? null : <StateIcon status={status} />}
            {status === undefined ? "All" : wordOf(status)}
            {count === undefined ? null : (
              <span className="text-small font-normal text-ink-3">
                {integer(count)}
                {isWhole ? "" : "+"}
              </span>
            )}
          </Link>
        )
      })}
    </nav>
  )
}
