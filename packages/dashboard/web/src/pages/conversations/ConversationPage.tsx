import { useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { useEffect, useMemo, useRef, useState } from "react"
import { ApiError } from "../../api/client"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { plural } from "../../format/numbers"
import { exact, when } from "../../format/times"
import { Page } from "../../shell/Page"
import { Button, buttonClass } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { Skeleton } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { Trouble } from "../../ui/Trouble"
import { noFilter, searchOf } from "../runs/filter"
import { NotUpdated } from "../runs/NotUpdated"
import { useRuns } from "../runs/useRuns"
import { Composer } from "./Composer"
import { MessageView } from "./MessageView"
import { conversationQuery, messagesQuery } from "./queries"
import { RunCard } from "./RunCard"
import { timelineOf } from "./timeline"

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
            <div className="flex shrink-0 gap-2">
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
                    <MessageView key={item.message.id} message={item.message} />
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
      <NotUpdated refresh={runs.refresh} isAbove={false} />
      <div ref={setFloor} />
    </Page>
  )
}

export default ConversationPage
