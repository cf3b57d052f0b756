import type * as Json from "@runlease/http/Json"
import { useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import {
  Bot,
  ChevronRight,
  GitBranch,
  type LucideIcon,
  MessageSquare,
  Paperclip,
  UserRound,
  Wrench,
} from "lucide-react"
import { useEffect, useMemo, useRef, useState } from "react"
import { ApiError } from "../../api/client"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { plural } from "../../format/numbers"
import { exact, when } from "../../format/times"
import { Page } from "../../shell/Page"
import { wholeRun } from "../../shell/links"
import { Button, buttonClass } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { Skeleton, Trouble } from "../../ui/Loading"
import { MiniLane } from "../../ui/MiniLane"
import { State } from "../../ui/State"
import { useNow } from "../../ui/now"
import { Rich } from "../run/conversation/TextViews"
import { NotUpdated } from "../runs/NotUpdated"
import { Cost, Tokens, Took } from "../runs/figures"
import { noFilter, searchOf } from "../runs/filter"
import { useRuns } from "../runs/useRuns"
import { Composer } from "./Composer"
import { BranchDialog, ConversationActions } from "./ConversationActions"
import { conversationQuery, messagesQuery } from "./queries"
import { type PartView, timelineOf, viewOf } from "./timeline"

const roles: Readonly<Record<string, readonly [LucideIcon, word: string]>> = {
  user: [UserRound, "User"],
  assistant: [Bot, "Agent"],
  tool: [Wrench, "Tool"],
}

/** Text that opens to all of it. */
const Folded = ({ json, label }: { readonly label: string; readonly json: string }) => (
  <details className="group">
    <summary className="flex cursor-pointer list-none items-center gap-1.5 text-ink-2 hover:text-ink max-desk:min-h-11 [&::-webkit-details-marker]:hidden">
      <ChevronRight
        aria-hidden
        size={14}
        className="text-ink-3 transition-transform duration-[120ms] group-open:rotate-90"
      />
      {label}
    </summary>
    <pre
      tabIndex={0}
      role="region"
      aria-label={label}
      className="mt-1 max-h-96 overflow-auto rounded-2 bg-sunken px-3 py-2 font-mono text-small leading-[18px] text-ink-2"
    >
      {json}
    </pre>
  </details>
)

const Part = ({ view }: { readonly view: PartView }) => {
  switch (view.type) {
    case "text":
      return (
        <div className="text-read break-words">
          <Rich text={view.text} />
        </div>
      )
    case "reasoning":
      return <Folded label="Thoughts" json={view.text} />
    case "call":
      return <Folded label={`Calls ${view.name}`} json={view.json} />
    case "result":
      return <Folded label={view.isError ? "Failed" : "Result"} json={view.json} />
    case "file":
      return (
        <p className="flex items-center gap-1.5 text-ink-2">
          <Paperclip aria-hidden size={14} className="text-ink-3" />
          {view.name}
        </p>
      )
    case "other":
      return <Folded label={view.name} json={view.json} />
  }
}

/** A message of a conversation: its author and its parts, and where another conversation can begin. */
const MessageView = ({
  message,
  onBranch,
}: {
  readonly message: Json.ConversationMessage
  readonly onBranch: (message: string) => void
}) => {
  const [Icon, word] = roles[message.role] ?? [MessageSquare, message.role]
  const at = Date.parse(message.created_at)
  const now = useNow()
  return (
    <li className="group grid grid-cols-[20px_minmax(0,1fr)_80px] gap-x-2.5 px-4 py-1.5 max-desk:grid-cols-[20px_minmax(0,1fr)_44px] max-desk:pr-0 max-desk:pl-3">
      <Icon aria-hidden size={14} strokeWidth={2.2} className="mt-1 text-ink-3" />
      <div className="grid min-w-0 gap-1.5">
        <span className="sr-only">{word}:</span>
        {message.parts.map((part, index) => (
          <Part key={index} view={viewOf(part)} />
        ))}
      </div>
      <div className="grid content-start justify-items-end">
        <time
          dateTime={message.created_at}
          title={exact(at)}
          className="text-small leading-[22px] text-ink-3 max-desk:hidden"
        >
          {when(at, now)}
        </time>
        <button
          type="button"
          aria-haspopup="dialog"
          aria-label="Branch here"
          title="Begin another conversation with the messages up to this one"
          onClick={() => onBranch(message.id)}
          className="grid size-6 place-items-center rounded-1 text-ink-3 group-hover:opacity-100 hover:bg-hover hover:text-ink focus-visible:opacity-100 max-desk:size-11 desk:opacity-0"
        >
          <GitBranch aria-hidden size={14} />
        </button>
      </div>
    </li>
  )
}

interface Props {
  readonly run: Json.RunSummary
  /** Whether the title says more than the message above. */
  readonly isTitled: boolean
}

/** A run of a conversation: a link to it, with what became of it. */
const RunCard = ({ isTitled, run }: Props) => {
  const at = Date.parse(run.created_at)
  const now = useNow()
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_80px] gap-x-2.5 py-1.5 pr-4 pl-[46px] max-desk:grid-cols-[minmax(0,1fr)] max-desk:px-3">
      <Link
        to="/runs/$runId"
        params={{ runId: run.run_id }}
        search={wholeRun}
        preload={false}
        className="grid gap-0.5 rounded-2 border border-line-2 px-3 py-2 transition-colors duration-[120ms] hover:border-edge hover:bg-hover"
      >
        <span className="flex min-w-0 items-center gap-2.5">
          <State status={run.status} />
          <span className="min-w-0 grow truncate font-medium">
            {isTitled && run.title !== null ? run.title : `Run ${shortId(run.run_id)}`}
          </span>
          <span className="max-desk:hidden">
            <MiniLane run={run} />
          </span>
        </span>
        <span className="flex min-w-0 flex-wrap gap-x-3 text-ink-2">
          <span className="truncate">{run.agent_id}</span>
          {run.started_at === null ? null : (
            <span>
              <Took run={run} />
            </span>
          )}
          {run.tokens === 0 ? null : (
            <span>
              <Tokens run={run} /> tokens
            </span>
          )}
          {run.cost === 0 ? null : <Cost run={run} />}
        </span>
        {run.error === null ? null : (
          <span className="truncate text-failed" title={run.error.message}>
            {run.error.message}
            {run.error.code === null ? null : (
              <code className="ml-2 font-mono text-small">{run.error.code}</code>
            )}
          </span>
        )}
      </Link>
      <time
        dateTime={run.created_at}
        title={exact(at)}
        className="pt-[9px] text-right text-small leading-5 text-ink-3 max-desk:hidden"
      >
        {when(at, now)}
      </time>
    </li>
  )
}

const route = getRouteApi("/signed-in/conversations/$conversationId")

const Missing = ({ id }: { readonly id: string }) => (
  <div className="grid justify-items-start gap-3 py-6">
    <h1 className="text-title font-semibold">
      No conversation <code className="font-mono">{shortId(id)}</code> in this project
    </h1>
    <Link to="/conversations" className={buttonClass()}>
      See all conversations
    </Link>
  </div>
)

const useConversation = (project: string, id: string) => {
  const filter = useMemo(() => ({ ...noFilter, conversation: id }), [id])
  const conversation = useQuery(conversationQuery(id))
  const messages = useInfiniteQuery(messagesQuery(id))
  const runs = useRuns(project, filter)
  const { showNew, visible, waiting } = runs

  // What is new comes at the end, where it moves nothing.
  useEffect(() => {
    if (waiting > 0) showNew().catch(() => undefined)
  }, [showNew, waiting])
  useEffect(() => {
    visible.current = [0, runs.rows.length]
  })
  // A run that begins, ends or gets a message may bring messages.
  const { refetch } = messages
  const newest = runs.rows
    .map((run) => run.updated_at)
    .toSorted()
    .at(-1)
  useEffect(() => {
    if (newest !== undefined) void refetch()
  }, [newest, refetch])
  return { conversation, messages, runs }
}

const ConversationPage = () => {
  const { conversationId: id } = route.useParams()
  const project = useSession().project.slug
  const [floor, setFloor] = useState<HTMLElement | null>(null)
  const { conversation, messages, runs } = useConversation(project, id)
  const now = useNow()
  const history = useMemo(() => messages.data?.pages.flatMap((page) => page.data) ?? [], [messages.data])
  const items = useMemo(() => timelineOf(history, runs.rows), [history, runs.rows])
  // A message that was just sent here comes into view.
  const isFollowing = useRef(false)
  const [branching, setBranching] = useState<string | null>(null)
  useEffect(() => {
    if (isFollowing.current) scrollTo({ top: document.documentElement.scrollHeight })
  }, [items.length])
  const isMissing = [conversation.error, messages.error].some(
    (error) => error instanceof ApiError && error.status === 404,
  )
  const title =
    conversation.data?.title ??
    runs.rows.find((run) => run.title !== null)?.title ??
    `Conversation ${shortId(id)}`
  const created = conversation.data === undefined ? undefined : Date.parse(conversation.data.created_at)
  const error = messages.error ?? runs.query.error
  const heading = (
    <span className="text-title font-semibold tracking-tight whitespace-nowrap">
      <Link to="/conversations" className="font-medium text-ink-3 hover:text-ink">
        Conversations
      </Link>
      <span className="mx-1.5 font-normal text-ink-3">/</span>
      {shortId(id)}
    </span>
  )
  return (
    <Page title={title} heading={heading}>
      {isMissing ? (
        <Missing id={id} />
      ) : (
        <div className="max-w-[920px]">
          <div className="mb-3 flex items-start gap-4 max-desk:flex-col max-desk:gap-3">
            <div className="min-w-0 grow">
              <h1 className="text-run font-semibold tracking-[-0.012em] break-words">{title}</h1>
              <p className="mt-1.5 flex flex-wrap gap-x-4 gap-y-1 text-small leading-5 text-ink-3">
                <span>
                  {runs.isComplete ? plural(runs.rows.length, "run") : `${runs.rows.length} newest runs`}
                </span>
                {created === undefined ? null : (
                  <span title={exact(created)}>
                    Begun <b className="font-medium text-ink-2">{when(created, now)}</b>
                  </span>
                )}
              </p>
            </div>
            <div className="flex shrink-0 flex-wrap gap-2">
              {conversation.data === undefined ? null : (
                <ConversationActions conversation={conversation.data} name={title} />
              )}
              <Copy text={id}>Copy id</Copy>
              <Link to="/runs" search={searchOf({ ...noFilter, conversation: id })} className={buttonClass()}>
                List its runs
              </Link>
            </div>
          </div>
          <section aria-label="Conversation" className="rounded-3 border border-line bg-surface pt-2">
            {runs.query.hasNextPage ? (
              <div className="px-4 py-2">
                <Button
                  small
                  disabled={runs.query.isFetchingNextPage}
                  onClick={() => void runs.query.fetchNextPage()}
                >
                  Load older runs
                </Button>
              </div>
            ) : null}
            {messages.isPending || runs.query.isPending ? (
              error === null ? (
                <Skeleton rows={6} height={52} />
              ) : null
            ) : (
              <ol>
                {items.map((item) =>
                  item.type === "message" ? (
                    <MessageView key={item.message.id} message={item.message} onBranch={setBranching} />
                  ) : (
                    <RunCard key={item.run.run_id} run={item.run} isTitled={item.isTitled} />
                  ),
                )}
              </ol>
            )}
            {messages.hasNextPage ? (
              <div className="px-4 py-2">
                <Button
                  small
                  disabled={messages.isFetchingNextPage}
                  onClick={() => void messages.fetchNextPage()}
                >
                  Load more messages
                </Button>
              </div>
            ) : null}
            {error === null || messages.isFetching || runs.query.isFetching ? null : (
              <Trouble
                error={error}
                retry={() => {
                  if (messages.error !== null) void messages.refetch()
                  if (runs.query.error !== null) void runs.query.refetch()
                }}
              />
            )}
            <Composer
              project={project}
              conversation={id}
              runs={runs.rows}
              messages={messages.data === undefined || messages.hasNextPage ? undefined : history.length}
              floor={floor}
              onSubmitted={() => {
                isFollowing.current = true
                runs.showNew().catch(() => runs.refresh.now())
              }}
            />
          </section>
        </div>
      )}
      {branching === null ? null : (
        <BranchDialog conversation={id} message={branching} onClose={() => setBranching(null)} />
      )}
      <NotUpdated refresh={runs.refresh} isAbove={false} />
      <div ref={setFloor} />
    </Page>
  )
}

export default ConversationPage
