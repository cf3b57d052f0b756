/** The views of a run: what it says, and what it is made of. */
import type * as Json from "@runlease/http/Json"
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router"
import { ArrowDown, Send } from "lucide-react"
import { useRef, useState } from "react"
import { integer } from "../../format/numbers"
import { Button } from "../../ui/Button"
import { Skeleton } from "../../ui/Loading"
import { useKeys } from "../../ui/keys"
import { ForkFromHere } from "./actions/ForkFrom"
import { useTell } from "./actions/useActions"
import { Conversation } from "./conversation/Conversation"
import { OpenChild } from "./conversation/OpenChild"
import { OpenedChild } from "./conversation/openedChild"
import type { Answer } from "./model/questions"
import type { RunLog } from "./model/runLog"
import { EventsTab } from "./tabs/EventsTab"
import { RequestTab } from "./tabs/RequestTab"
import { StateTab } from "./tabs/StateTab"
import { StepsTab } from "./tabs/StepsTab"
import { useFollow } from "./useFollow"

const hint = ({ finished_at, status }: Json.RunSummary): string => {
  if (finished_at !== null)
    return `The run has ${status === "failed" ? "failed" : status === "cancelled" ? "been cancelled" : "completed"}, and takes no message.`
  return status === "running"
    ? "Send this run a message. It reads it when it can use it."
    : "Send this run a message. It reads it when it continues."
}

/** A key that no other message has. Pages that are served without TLS have no `crypto.randomUUID`. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  )

/** Sends a message to the run while it works. */
const Composer = ({ summary }: { readonly summary: Json.RunSummary }) => {
  const [text, setText] = useState("")
  const input = useRef<HTMLInputElement>(null)
  // A message that is sent again after a lost answer has the same key, so the run gets it once.
  const key = useRef<string | undefined>(undefined)
  const message = useTell(summary.run_id)
  const isEnded = summary.finished_at !== null
  useKeys({
    t: {
      label: "Send the run a message",
      run: () => {
        if (isEnded) return false
        input.current?.focus()
      },
    },
  })
  const submit = () => {
    const trimmed = text.trim()
    if (trimmed === "" || message.isPending) return
    key.current ??= newKey()
    message.mutate(
      { text: trimmed, key: key.current },
      {
        onSuccess: () => {
          key.current = undefined
          setText("")
        },
      },
    )
  }
  return (
    <form
      className="sticky bottom-0 z-3 -mx-px mt-2 -mb-px rounded-b-3 border border-line bg-surface px-4 py-[9px] max-desk:bottom-[57px] max-desk:px-3"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {message.error === null ? null : (
        <p role="alert" className="mb-1.5 text-small text-failed">
          {message.error.message}. Your message is still here.
        </p>
      )}
      <div className="flex items-center gap-2">
        <input
          ref={input}
          aria-label="Message to this run"
          value={text}
          disabled={isEnded}
          placeholder={hint(summary)}
          onChange={(event) => {
            setText(event.target.value)
            key.current = undefined
          }}
          className="h-[30px] min-w-0 grow rounded-2 border border-edge bg-surface px-2.5 placeholder:text-ink-3 disabled:border-line-2 max-desk:h-11 max-desk:text-[16px]"
        />
        <Button type="submit" disabled={isEnded || text.trim() === "" || message.isPending}>
          <Send aria-hidden size={14} className="text-ink-3" />
          Tell
        </Button>
      </div>
    </form>
  )
}

const route = getRouteApi("/signed-in/runs/$runId")

const tabs = [
  ["conversation", "Conversation"],
  ["steps", "Steps"],
  ["events", "Events"],
  ["state", "State"],
  ["request", "Request"],
] as const

type Tab = (typeof tabs)[number][0]

const tabOf = (text: string | undefined, event: string | undefined): Tab =>
  tabs.find(([tab]) => tab === text)?.[0] ?? (event === undefined ? "conversation" : "events")

export interface RunTabsProps {
  readonly summary: Json.RunSummary
  readonly log: RunLog
  readonly version: number
  readonly request: Json.Snapshot | undefined
  readonly requestError: Error | null
  readonly onRetryRequest: () => void
  readonly answers: ReadonlyMap<string, Answer>
  readonly childRuns: ReadonlyArray<Json.RunSummary>
  /** What keeps a pending run from starting. */
  readonly place: string | undefined
  readonly now: number
}

/** Whether the log was read once up to where it was then: what comes after that is new. */
const useLoaded = (log: RunLog, summary: Json.RunSummary): boolean => {
  const [first] = useState(summary.latest_event_id)
  return log.lastId >= first
}

const ConversationTab = ({
  answers,
  childRuns,
  log,
  now,
  place,
  request,
  summary,
  version,
}: RunTabsProps) => {
  const isRead = useLoaded(log, summary)
  // The log of an ended run has an end: what is still read of it is not new.
  const [isOver] = useState(summary.finished_at !== null)
  const { fresh, show } = useFollow(log.parts.length, version, isRead && !isOver)
  return (
    <>
      <div className="px-4 pt-1 max-desk:px-3">
        {isRead ? (
          <OpenedChild value={OpenChild}>
            <Conversation
              place={place}
              log={log}
              summary={summary}
              request={request}
              answers={answers}
              childRuns={childRuns}
              depth={0}
              now={now}
            />
          </OpenedChild>
        ) : (
          <Skeleton rows={5} height={34} />
        )}
      </div>
      {fresh === 0 ? null : (
        <div className="pointer-events-none sticky bottom-14 z-4 flex h-0 justify-center max-desk:bottom-32">
          <button
            type="button"
            className="pointer-events-auto flex h-7 -translate-y-8 items-center gap-1.5 rounded-full border border-line-2 bg-raised px-3 text-small font-medium shadow-float max-desk:h-11 max-desk:-translate-y-12"
            onClick={show}
          >
            <ArrowDown aria-hidden size={14} className="text-ink-3" />
            {integer(fresh)} new
          </button>
        </div>
      )}
      <Composer summary={summary} />
    </>
  )
}

export const RunTabs = (props: RunTabsProps) => {
  const { log, now, onRetryRequest, request, requestError, summary, version } = props
  const { event, tab: requested } = route.useSearch()
  const navigate = useNavigate()
  const tab = tabOf(requested, event)
  useKeys({
    e: {
      label: "The events of the run",
      run: () =>
        void navigate({
          to: "/runs/$runId",
          params: { runId: summary.run_id },
          search: { tab: "events", event: undefined },
          resetScroll: false,
        }),
    },
  })
  const counts: Partial<Record<Tab, number>> = { steps: log.steps.length, events: log.entries.length }
  return (
    <ForkFromHere run={{ runId: summary.run_id, agentId: summary.agent_id, log }}>
      <section
        aria-label="Run log"
        className="min-w-0 rounded-3 border border-line bg-surface max-desk:order-3"
      >
        <nav
          aria-label="Views of this run"
          className="flex gap-5 overflow-x-auto border-b border-line px-4 [scrollbar-width:none] max-desk:gap-[18px] max-desk:px-3"
        >
          {tabs.map(([name, label]) => (
            <Link
              key={name}
              to="/runs/$runId"
              params={{ runId: summary.run_id }}
              search={{ tab: name === "conversation" ? undefined : name, event: undefined }}
              resetScroll={false}
              replace
              aria-current={tab === name ? "page" : undefined}
              activeOptions={{ exact: true }}
              className="inline-flex h-10 shrink-0 items-center gap-1.5 border-b-2 font-medium max-desk:h-11 aria-[current=page]:text-ink"
              style={{
                borderColor: tab === name ? "var(--ink)" : "transparent",
                color: tab === name ? "var(--ink)" : "var(--ink-3)",
              }}
            >
              {label}
              {counts[name] === undefined || counts[name] === 0 ? null : (
                <span className="text-small font-normal text-ink-3">{integer(counts[name])}</span>
              )}
            </Link>
          ))}
        </nav>
        {tab === "conversation" ? <ConversationTab {...props} /> : null}
        {tab === "steps" ? <StepsTab log={log} now={now} /> : null}
        {tab === "events" ? (
          <EventsTab log={log} version={version} runId={summary.run_id} event={event} />
        ) : null}
        {tab === "state" ? <StateTab log={log} request={request} /> : null}
        {tab === "request" ? (
          <RequestTab request={request} error={requestError} retry={onRetryRequest} />
        ) : null}
      </section>
    </ForkFromHere>
  )
}
