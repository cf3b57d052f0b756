/** The log of a run as it is: every event, searched, opened in place. */
import { useNavigate } from "@tanstack/react-router"
import { Search } from "lucide-react"
import { useEffect, useRef, useState } from "react"
import { SelectBox } from "../../../form/SelectBox"
import { integer } from "../../../format/numbers"
import { clock, exact } from "../../../format/times"
import { Empty } from "../../../ui/Empty"
import { Chevron } from "../conversation/Disclosure"
import { Output } from "../conversation/Output"
import * as cli from "../model/cli"
import { type EventSearch, type Found, lineOf, searchOn } from "../model/eventSearch"
import type { Entry, RunLog } from "../model/runLog"
import { VirtualRows } from "./VirtualRows"

/** The most entries that are searched before the page is drawn again. */
const batch = 4000

const useFound = (log: RunLog, version: number, search: EventSearch): Found => {
  const last = useRef<{ search: EventSearch; found: Found }>({ search, found: { entries: [], searched: 0 } })
  const [found, setFound] = useState<Found>({ entries: [], searched: 0 })
  useEffect(() => {
    if (last.current.search !== search) last.current = { search, found: { entries: [], searched: 0 } }
    let timer: ReturnType<typeof setTimeout> | undefined
    const go = () => {
      last.current.found = searchOn(last.current.found, log.entries, search, batch)
      setFound(last.current.found)
      if (last.current.found.searched < log.entries.length) timer = setTimeout(go, 0)
    }
    go()
    return () => clearTimeout(timer)
  }, [log, version, search])
  return found
}

const Event = ({
  entry,
  isOpen,
  onToggle,
}: {
  readonly entry: Entry
  readonly isOpen: boolean
  readonly onToggle: () => void
}) => {
  const at = Date.parse(entry.created_at)
  return (
    <>
      <button
        type="button"
        aria-expanded={isOpen}
        className="grid min-h-8 w-full grid-cols-[14px_64px_minmax(140px,220px)_minmax(0,1fr)_auto] items-center gap-x-3 px-4 text-left hover:bg-hover max-desk:min-h-11 max-desk:grid-cols-[14px_52px_minmax(0,1fr)] max-desk:px-3 max-desk:py-1"
        onClick={onToggle}
      >
        <Chevron isOpen={isOpen} />
        <span className="text-small text-ink-3">{integer(entry.event_id)}</span>
        <span className="truncate font-mono text-[12px]">{entry.event_type}</span>
        <span className="truncate font-mono text-[12px] text-ink-2 max-desk:col-start-3">
          {lineOf(entry)}
        </span>
        <time title={exact(at)} className="text-small text-ink-3 max-desk:hidden">
          {clock(at)}
        </time>
      </button>
      {isOpen ? (
        <div className="px-4 pb-2 pl-11 max-desk:px-3">
          <Output label={`Event ${entry.event_id}`} text={JSON.stringify(entry, null, 2)} wrap />
        </div>
      ) : null}
    </>
  )
}

const useOpened = (event: string | undefined) => {
  const requested = event === undefined ? Number.NaN : Number(event)
  const [opened, setOpened] = useState<ReadonlySet<number>>(
    new Set(Number.isNaN(requested) ? [] : [requested]),
  )
  const navigate = useNavigate({ from: "/runs/$runId" })
  const toggle = (id: number) => {
    const next = new Set(opened)
    const isOpen = next.delete(id)
    if (!isOpen) next.add(id)
    setOpened(next)
    void navigate({
      search: (before) => ({ ...before, event: isOpen ? undefined : String(id) }),
      replace: true,
      resetScroll: false,
    })
  }
  return { requested, opened, toggle }
}

export const EventsTab = ({
  event,
  log,
  runId,
  version,
}: {
  readonly log: RunLog
  readonly version: number
  readonly runId: string
  readonly event: string | undefined
}) => {
  const [search, setSearch] = useState<EventSearch>({ text: "", type: "" })
  const found = useFound(log, version, search)
  const { requested, opened, toggle } = useOpened(event)
  const [first] = useState(requested)
  const isAll = search.text === "" && search.type === ""
  const target = Number.isNaN(first) ? -1 : found.entries.findIndex(({ event_id }) => event_id === first)
  const types = [...log.types].toSorted((a, b) => b[1] - a[1])
  return (
    <>
      <div className="flex items-center gap-2 border-b border-line px-4 py-2 max-desk:flex-wrap max-desk:px-3">
        <label className="relative max-w-[380px] min-w-0 grow">
          <span className="sr-only">Search the events</span>
          <Search aria-hidden size={16} className="absolute top-2 left-2.5 text-ink-3 max-desk:top-3.5" />
          <input
            type="search"
            value={search.text}
            placeholder="Search in the JSON"
            onChange={({ target: { value } }) => setSearch({ ...search, text: value })}
            className="h-8 w-full rounded-2 border border-edge bg-surface pr-2 pl-8 placeholder:text-ink-3 max-desk:h-11 max-desk:text-[16px]"
          />
        </label>
        <div className="w-[230px] max-desk:w-full">
          <SelectBox
            label="Type of event"
            placeholder="All types"
            value={search.type === "" ? "all" : search.type}
            options={[
              { value: "all", label: "All types" },
              ...types.map(([type, count]) => ({ value: type, label: `${type}, ${integer(count)}` })),
            ]}
            onChange={(type) => setSearch({ ...search, type: type === "all" ? "" : type })}
          />
        </div>
        <span role="status" className="ml-auto text-small whitespace-nowrap text-ink-3">
          {isAll ? "" : `${integer(found.entries.length)} of ${integer(log.entries.length)}`}
        </span>
      </div>
      {found.entries.length > 0 ? (
        <VirtualRows
          label="Events"
          rows={found.entries}
          size={33}
          keyOf={({ event_id }) => event_id}
          target={target}
        >
          {(entry) => (
            <Event
              entry={entry}
              isOpen={opened.has(entry.event_id)}
              onToggle={() => toggle(entry.event_id)}
            />
          )}
        </VirtualRows>
      ) : isAll ? (
        <div className="pt-2">
          <Empty command={cli.events(runId)}>The log has no event yet. It begins with the first claim.</Empty>
        </div>
      ) : found.searched < log.entries.length ? null : (
        <p className="px-4 py-4 text-ink-2">No event matches.</p>
      )}
    </>
  )
}
