/** The conversations that people use, the one that was updated last first, each with the newest of its runs. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router"
import { Search } from "lucide-react"
import { useEffect, useRef, useState } from "react"
import { agentsQuery, useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { ago, exact } from "../../format/times"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Trouble, Unread } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { useRowKeys } from "../../ui/rowKeys"
import { State, StateIcon, wordOf } from "../../ui/State"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { type Column, TableHead } from "../../ui/TableHead"
import { useSeen } from "../../ui/useSeen"
import { AgentSelect } from "./AgentSelect"
import { type ConversationFilter, conversationsQuery, newestRunQuery } from "./queries"

const none = <span className="text-ink-3">–</span>

const Updated = ({ at, now }: { readonly at: string; readonly now: number }) => (
  <time dateTime={at} title={exact(Date.parse(at))}>
    {ago(Date.parse(at), now)}
  </time>
)

interface RowProps {
  readonly conversation: Json.Conversation
  readonly now: number
}

const nameOf = ({ id, title }: Json.Conversation): string => title ?? `Conversation ${shortId(id)}`

const NameLink = ({
  className,
  conversation,
}: Pick<RowProps, "conversation"> & { readonly className: string }) => (
  <Link
    to="/conversations/$conversationId"
    params={{ conversationId: conversation.id }}
    preload={false}
    data-row
    title={conversation.title ?? conversation.id}
    className={`truncate font-medium after:absolute after:inset-0 ${className}`}
  >
    {nameOf(conversation)}
  </Link>
)

/** Read once the row is in sight. */
const useNewestRun = <E extends Element>({ id }: Json.Conversation) => {
  const { slug } = useSession().project
  const { isSeen, ref } = useSeen<E>()
  const { data } = useQuery({ ...newestRunQuery(slug, id), enabled: isSeen })
  return { ref, run: data ?? undefined }
}

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4"

const Row = ({ conversation, now }: RowProps) => {
  const { ref, run } = useNewestRun<HTMLTableRowElement>(conversation)
  return (
    <tr ref={ref} className="relative transition-colors duration-[120ms] hover:bg-hover">
      <td className={cell}>{run === undefined ? none : <State status={run.status} />}</td>
      <td className={`${cell} truncate`}>
        <NameLink className="" conversation={conversation} />
      </td>
      <td className={`${cell} truncate text-ink-2`} title={run?.title ?? undefined}>
        {run?.title ?? none}
      </td>
      <td className={`${cell} truncate text-ink-2`}>{run?.agent_id ?? none}</td>
      <td className={`${cell} text-right text-ink-2`}>
        <Updated at={conversation.updated_at} now={now} />
      </td>
    </tr>
  )
}

/** The same in two lines, for a phone. */
const Item = ({ conversation, now }: RowProps) => {
  const { ref, run } = useNewestRun<HTMLLIElement>(conversation)
  return (
    <li ref={ref} className="relative flex min-h-16 items-center gap-2.5 border-t border-line px-3">
      <span className="w-4">
        {run === undefined ? null : (
          <>
            <StateIcon status={run.status} />
            <span className="sr-only">{wordOf(run.status)}</span>
          </>
        )}
      </span>
      <div className="min-w-0 grow">
        <p className="flex items-baseline gap-2">
          <NameLink className="grow" conversation={conversation} />
          <span className="text-small text-ink-3">
            <Updated at={conversation.updated_at} now={now} />
          </span>
        </p>
        <p className="h-[18px] truncate text-small leading-[18px] text-ink-3">
          {run === undefined ? null : `${run.agent_id}${run.title === null ? "" : `, ${run.title}`}`}
        </p>
      </div>
    </li>
  )
}

const columns: ReadonlyArray<Column> = [
  { name: "State", width: "w-[116px]", title: "Of its newest run" },
  { name: "Name" },
  { name: "Last message", title: "The text of its newest run" },
  { name: "Agent", width: "w-[140px]" },
  { name: "Updated", width: "w-[100px]", isRight: true },
]

interface FiltersProps {
  readonly filter: ConversationFilter
  readonly floor: HTMLElement | null
  readonly onChange: (filter: ConversationFilter) => void
}

const Filters = ({ filter, floor, onChange }: FiltersProps) => {
  const { slug } = useSession().project
  const agents = (useQuery(agentsQuery(slug)).data ?? []).map((agent) => agent.agent_id)
  const [typed, setTyped] = useState(filter.text)
  useEffect(() => setTyped(filter.text), [filter.text])
  const text = typed.trim()
  useEffect(() => {
    if (text === filter.text) return
    const timer = setTimeout(() => onChange({ ...filter, text }), 300)
    return () => clearTimeout(timer)
  })
  return (
    <form
      role="search"
      className="mb-3 flex flex-wrap gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        onChange({ ...filter, text })
      }}
    >
      <span className="relative min-w-[200px] flex-[0_1_304px] max-desk:flex-auto">
        <Search
          aria-hidden
          size={16}
          className="absolute top-[7px] left-2.5 text-ink-3 max-desk:top-3.5 max-desk:left-3"
        />
        <input
          aria-label="Search names"
          placeholder="Text in the name"
          value={typed}
          maxLength={200}
          enterKeyHint="search"
          onChange={({ target }) => setTyped(target.value)}
          className="h-[30px] w-full rounded-2 border border-edge bg-surface pr-2.5 pl-8 placeholder:text-ink-3 max-desk:h-11 max-desk:pl-[38px] max-desk:text-title"
        />
      </span>
      <AgentSelect
        all="All agents"
        agents={filter.agent === "" || agents.includes(filter.agent) ? agents : [filter.agent, ...agents]}
        value={filter.agent}
        onChange={(agent) => onChange({ ...filter, agent })}
        floor={floor}
      />
    </form>
  )
}

const route = getRouteApi("/signed-in/conversations")

/** A run that changes is the newest one of its conversation, or an older one. */
const useNewestRunsLive = (project: string): void => {
  const client = useQueryClient()
  useProjectLive({
    onRuns: (runs) => {
      for (const run of runs) {
        client.setQueryData(newestRunQuery(project, run.conversation_id).queryKey, (before) =>
          before == null || before.created_at <= run.created_at ? run : before,
        )
      }
    },
  })
}

const ConversationsPage = () => {
  const { slug } = useSession().project
  const { agent = "", q: text = "" } = route.useSearch()
  const navigate = useNavigate()
  const now = useNow()
  const [floor, setFloor] = useState<HTMLElement | null>(null)
  useNewestRunsLive(slug)
  const query = useInfiniteQuery(conversationsQuery(slug, { agent, text }))
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage, isFetchNextPageError } = query
  const { hold, rows } = useSteadyOrder(data?.pages.flatMap((page) => page.data) ?? [], ({ id }) => id)
  const box = useRef<HTMLDivElement>(null)
  useRowKeys(box, "conversation")
  return (
    <Page title="Conversations">
      <Filters
        filter={{ agent, text }}
        floor={floor}
        onChange={(next) =>
          void navigate({
            to: "/conversations",
            search: { q: next.text || undefined, agent: next.agent || undefined },
            replace: true,
          })
        }
      />
      <section aria-label="Conversations" className="rounded-3 border border-line bg-surface">
        {data === undefined ? (
          <div className="pt-2">
            <Unread query={query} rows={10} />
          </div>
        ) : rows.length === 0 && !hasNextPage ? (
          <div className="pt-3">
            {agent === "" && text === "" ? (
              <Empty command={`runlease submit --agent my-agent --conversation CONVERSATION "Say hello"`}>
                No conversation yet. A chat makes one, and so does a submission that names one. A run of a
                batch is not one of them.
              </Empty>
            ) : (
              <Empty>No conversation of this name and agent.</Empty>
            )}
          </div>
        ) : (
          <div ref={box} {...hold}>
            <table className="w-full table-fixed border-collapse max-desk:hidden">
              <TableHead columns={columns} />
              <tbody>
                {rows.map((conversation) => (
                  <Row key={conversation.id} conversation={conversation} now={now} />
                ))}
              </tbody>
            </table>
            <ul className="desk:hidden">
              {rows.map((conversation) => (
                <Item key={conversation.id} conversation={conversation} now={now} />
              ))}
            </ul>
          </div>
        )}
        {isFetchNextPageError ? <Trouble error={error} retry={() => void fetchNextPage()} /> : null}
        {hasNextPage ? (
          <div className="border-t border-line px-4 py-2">
            <Button small disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
              {isFetchingNextPage ? "Loading" : "Load more"}
            </Button>
          </div>
        ) : null}
      </section>
      <div ref={setFloor} />
    </Page>
  )
}

export default ConversationsPage
