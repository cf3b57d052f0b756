import { Link, useNavigate } from "@tanstack/react-router"
import { memo, type ReactNode, useEffect, useMemo } from "react"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { integer, plural } from "../../format/numbers"
import { ago, exact } from "../../format/times"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Skeleton, Trouble } from "../../ui/Loading"
import { State, StateIcon, wordOf } from "../../ui/State"
import { useKeys } from "../../ui/keys"
import { useNow } from "../../ui/now"
import { NewPill } from "../runs/NewPill"
import { NotUpdated } from "../runs/NotUpdated"
import { noFilter } from "../runs/filter"
import { usePhone } from "../runs/useMedia"
import { type Runs, useRuns } from "../runs/useRuns"
import { useSelection } from "../runs/useSelection"
import { type ConversationGroup, groupsOf } from "./groups"

const Active = ({ at }: { readonly at: string }) => {
  const instant = Date.parse(at)
  return (
    <time dateTime={at} title={exact(instant)}>
      {ago(instant, useNow())}
    </time>
  )
}

const titleOf = ({ id, title }: ConversationGroup): string => title ?? `Conversation ${shortId(id)}`

interface Props {
  readonly group: ConversationGroup
  readonly isCursor: boolean
}

const ConversationRow = memo(({ group, isCursor }: Props) => {
  const cell = "h-9 border-b border-line px-2 whitespace-nowrap"
  return (
    <tr id={`conversation-${group.id}`} className="relative hover:bg-hover">
      <td
        className={`${cell} pl-4 [&>span]:align-middle ${isCursor ? "shadow-[inset_2px_0_0_var(--accent)]" : ""}`}
      >
        <State status={group.status} />
      </td>
      <td className={`${cell} truncate`}>
        <Link
          to="/conversations/$conversationId"
          params={{ conversationId: group.id }}
          preload={false}
          title={group.title ?? undefined}
          className="font-medium after:absolute after:inset-0"
        >
          {titleOf(group)}
        </Link>
      </td>
      <td className={`${cell} truncate text-ink-2`}>{group.agents.join(", ")}</td>
      <td className={`${cell} text-right text-ink-2`}>{integer(group.runs)}</td>
      <td className={`${cell} pr-4 text-right text-ink-2`}>
        <Active at={group.activeAt} />
      </td>
    </tr>
  )
})

/** The same in two lines, for a phone. */
const ConversationItem = memo(({ group }: { readonly group: ConversationGroup }) => (
  <li className="border-b border-line last:border-b-0">
    <Link
      to="/conversations/$conversationId"
      params={{ conversationId: group.id }}
      preload={false}
      className="grid grid-cols-[18px_minmax(0,1fr)_auto] grid-rows-[23px_20px] gap-x-2.5 px-3 py-2.5 focus-visible:-outline-offset-2"
    >
      <span className="pt-[3px]">
        <StateIcon status={group.status} />
        <span className="sr-only">{wordOf(group.status)}</span>
      </span>
      <span className="truncate font-medium">{titleOf(group)}</span>
      <span className="text-right text-small leading-5 text-ink-3">
        <Active at={group.activeAt} />
      </span>
      <span className="col-start-2 truncate text-small leading-[18px] text-ink-3">
        {group.agents.join(", ")}
      </span>
      <span className="text-right text-small leading-5 text-ink-3">
        {group.runs === 1 ? "1 run" : `${integer(group.runs)} runs`}
      </span>
    </Link>
  </li>
))

const heads = [
  ["State", "w-[116px] pl-4 text-left"],
  ["Conversation", "text-left"],
  ["Agents", "w-[200px] text-left max-wide:w-[140px]"],
  ["Runs", "w-[72px] text-right"],
  ["Last activity", "w-[120px] pr-4 text-right"],
] as const

const Table = ({
  cursor,
  groups,
  pill,
}: {
  readonly groups: ReadonlyArray<ConversationGroup>
  readonly cursor: string | undefined
  readonly pill: ReactNode
}) => (
  <table className="w-full table-fixed border-separate border-spacing-0">
    <thead className="sticky top-[52px] z-4 bg-surface">
      <tr>
        {heads.map(([word, className]) => (
          <th
            key={word}
            scope="col"
            className={`h-8 border-b border-line px-2 text-small font-medium whitespace-nowrap text-ink-3 first:rounded-tl-3 last:rounded-tr-3 ${className}`}
          >
            {word === "Conversation" ? (
              <span className="flex items-center justify-between">
                {word}
                {pill}
              </span>
            ) : (
              word
            )}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {groups.map((group) => (
        <ConversationRow key={group.id} group={group} isCursor={group.id === cursor} />
      ))}
    </tbody>
  </table>
)

const End = ({
  count,
  runs: { isComplete, query, rows },
}: {
  readonly runs: Runs
  readonly count: number
}) => {
  if (query.isPending) return <Skeleton rows={10} />
  if (query.error !== null && !query.isFetching) {
    const retry = () => void (query.data === undefined ? query.refetch() : query.fetchNextPage())
    return <Trouble error={query.error} retry={retry} />
  }
  if (isComplete && count === 0) {
    return (
      <div className="pt-3">
        <Empty command={`runlease submit --agent my-agent "Say hello"`}>
          There is no conversation yet. The first run begins one.
        </Empty>
      </div>
    )
  }
  return (
    <div className="flex min-h-11 items-center gap-3 px-4 py-2 text-ink-3">
      {isComplete ? "That is all." : `Of the newest ${plural(rows.length, "run")}.`}
      {isComplete ? null : (
        <Button small disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {query.isFetchingNextPage ? "Loading" : "Load more"}
        </Button>
      )}
    </div>
  )
}

const ConversationsPage = () => {
  const project = useSession().project.slug
  const runs = useRuns(project, noFilter)
  const { refresh, rows, showNew, visible, waiting } = runs
  const groups = useMemo(() => groupsOf(rows), [rows])
  const order = useMemo(() => groups.map(({ id }) => id), [groups])
  const { cursor, move } = useSelection("conversations", order)
  const navigate = useNavigate()
  const isPhone = usePhone()

  // All rows are drawn, so all of them are updated.
  useEffect(() => {
    visible.current = [0, rows.length]
  })
  useEffect(() => {
    if (cursor === undefined) return
    const link = document.getElementById(`conversation-${cursor}`)?.querySelector("a")
    link?.focus({ preventScroll: true })
    link?.scrollIntoView({ block: "nearest" })
  }, [cursor])

  const onShowNew = () => void showNew().catch(() => refresh.now())
  useKeys({
    j: { label: "Next row", run: () => move(1), repeats: true },
    k: { label: "Row before", run: () => move(-1), repeats: true },
    Enter: {
      label: "Open the row",
      run: () => {
        if (cursor === undefined) return false
        void navigate({ to: "/conversations/$conversationId", params: { conversationId: cursor } })
        return true
      },
    },
    n: { label: "Show new runs", run: () => (waiting > 0 ? onShowNew() : false) },
  })

  const pill = <NewPill count={waiting} onShow={onShowNew} />
  return (
    <Page title="Conversations">
      <section aria-label="Conversations" className="rounded-3 border border-line bg-surface">
        {isPhone ? (
          <>
            <div className="sticky top-[52px] z-4 flex h-11 items-center justify-between rounded-t-3 border-b border-line bg-surface px-3 text-ink-3">
              Newest first
              {pill}
            </div>
            <ul>
              {groups.map((group) => (
                <ConversationItem key={group.id} group={group} />
              ))}
            </ul>
          </>
        ) : (
          <Table groups={groups} cursor={cursor} pill={pill} />
        )}
        <End runs={runs} count={groups.length} />
      </section>
      <NotUpdated refresh={refresh} isAbove={false} />
    </Page>
  )
}

export default ConversationsPage
