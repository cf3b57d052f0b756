/** The newest messages, of one endpoint or of all: what became of each, and when it is sent next. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { Link, useNavigate } from "@tanstack/react-router"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { integer, plural } from "../../format/numbers"
import { ago, exact, until } from "../../format/times"
import { wholeRun } from "../../shell/links"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { SegmentedControl } from "../../ui/SegmentedControl"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { type Column, TableHead } from "../../ui/TableHead"
import { messagesQuery, useEndpointActions, useRetry } from "./queries"
import { MessageState, Refused } from "./WebhookParts"
import { lastAnswer, shortUrl, type Status } from "./webhookState"

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-2"
const none = <span className="text-ink-3">–</span>

interface RowProps {
  readonly message: Json.WebhookDelivery
  readonly now: number
  /** Where it goes; undefined where the page is of one endpoint. */
  readonly url: string | undefined
}

const RetryButton = ({ message }: Pick<RowProps, "message">) => {
  const { error, isPending, mutate } = useRetry(message)
  return (
    <>
      <Refused error={error} />
      <Button
        look="quiet"
        small
        disabled={isPending}
        aria-label={`Retry message ${shortId(message.id)}`}
        title="Send it now, with all of its attempts anew, under the same id"
        onClick={() => mutate()}
      >
        Retry
      </Button>
    </>
  )
}

const RunLink = ({ message: { run_id: run } }: Pick<RowProps, "message">) =>
  run === null ? (
    none
  ) : (
    <Link
      to="/runs/$runId"
      params={{ runId: run }}
      search={wholeRun}
      preload={false}
      title={run}
      className="font-mono text-small underline decoration-line-2 underline-offset-3 hover:text-ink hover:decoration-current"
    >
      {shortId(run)}
    </Link>
  )

const Next = ({ message: { next_at: next }, now }: Pick<RowProps, "message" | "now">) =>
  next === null ? (
    none
  ) : (
    <time dateTime={next} title={exact(Date.parse(next))}>
      {until(Date.parse(next), now)}
    </time>
  )

const Row = ({ message, now, url }: RowProps) => {
  const created = Date.parse(message.created_at)
  const answer = lastAnswer(message)
  return (
    <tr className="transition-colors duration-[120ms] hover:bg-hover">
      <td className={cell}>
        <MessageState message={message} />
      </td>
      <td className={`${cell} truncate font-mono text-small`} title={message.id}>
        {message.type}
      </td>
      <td className={`${cell} truncate text-ink-2`}>
        <RunLink message={message} />
      </td>
      {url === undefined ? null : (
        <td className={`${cell} truncate text-ink-2`} title={url}>
          {url}
        </td>
      )}
      <td className={`${cell} text-ink-2`}>
        <time dateTime={message.created_at} title={exact(created)}>
          {ago(created, now)}
        </time>
      </td>
      <td className={`${cell} text-right text-ink-2`}>{integer(message.attempt)}</td>
      <td
        className={`${cell} truncate ${message.last_error === null ? "text-ink-2" : "text-failed"}`}
        title={answer}
      >
        {answer ?? none}
      </td>
      <td className={`${cell} text-ink-2`}>
        <Next message={message} now={now} />
      </td>
      <td className={`${cell} text-right`}>
        <RetryButton message={message} />
      </td>
    </tr>
  )
}

const Item = ({ message, now }: RowProps) => (
  <li className="flex min-h-16 items-center gap-2.5 border-t border-line px-3">
    <MessageState message={message} iconOnly />
    <div className="min-w-0 grow">
      <p className="flex items-baseline gap-2">
        <span className="truncate font-mono text-small">{message.type}</span>
        <span className="text-small text-ink-2">
          <RunLink message={message} />
        </span>
      </p>
      <p className="truncate text-small leading-[18px] text-ink-3">
        {ago(Date.parse(message.created_at), now)}, {plural(message.attempt, "attempt")}
        {lastAnswer(message) === undefined ? "" : `, ${lastAnswer(message)}`}
      </p>
    </div>
    <RetryButton message={message} />
  </li>
)

const columnsOf = (isOfOne: boolean): ReadonlyArray<Column> => [
  { name: "State", width: "w-[108px]" },
  { name: "Event", width: "w-[124px]" },
  { name: "Run", width: "w-[92px]" },
  ...(isOfOne ? [] : [{ name: "Endpoint", width: "w-[200px]" } as const]),
  { name: "Created", width: "w-[84px]" },
  { name: "Attempts", width: "w-[80px]", isRight: true },
  { name: "Last answer" },
  {
    name: "Next attempt",
    width: "w-[104px]",
    title: "When it is sent next, or when an attempt under way counts as lost",
  },
  { name: "Actions", width: "w-[84px]", isUnnamed: true },
]

const choices = [
  ["all", "All"],
  ["pending", "Pending"],
  ["delivered", "Delivered"],
  ["dead", "Dead"],
] as const

/** Sends all dead messages of an endpoint again. */
const RetryDead = ({ endpoint }: { readonly endpoint: Json.WebhookEndpoint }) => {
  const { retryDead } = useEndpointActions(endpoint)
  return (
    <>
      <Refused error={retryDead.error} />
      <Button small disabled={retryDead.isPending} onClick={() => retryDead.mutate()}>
        Retry all dead
      </Button>
    </>
  )
}

export const MessagesPanel = ({
  endpoint,
  now,
  status,
  urls = new Map(),
}: {
  /** Of which the messages are; of all when absent. */
  readonly endpoint?: Json.WebhookEndpoint
  readonly status: Status | undefined
  readonly now: number
  /** The addresses of endpoints by their ids. */
  readonly urls?: ReadonlyMap<string, string>
}) => {
  const { slug } = useSession().project
  const navigate = useNavigate()
  const query = useQuery(messagesQuery(slug, endpoint?.id, status))
  const { data } = query
  const { hold, rows } = useSteadyOrder(data?.messages ?? [], ({ id }) => id)
  const urlOf = ({ endpoint_id: id }: Json.WebhookDelivery): string | undefined =>
    endpoint === undefined ? shortUrl(urls.get(id) ?? `removed, ${shortId(id)}`) : undefined
  const show = (next: (typeof choices)[number][0]) =>
    void navigate({
      to: ".",
      search: { state: next === "all" ? undefined : next },
      replace: true,
      resetScroll: false,
    })
  return (
    <Panel
      title="Messages"
      note={
        data === undefined || data.isWhole || data.messages.length === 0
          ? undefined
          : `the newest ${integer(data.messages.length)}`
      }
      aside={
        <>
          {endpoint !== undefined && status === "dead" && rows.length > 0 ? (
            <RetryDead endpoint={endpoint} />
          ) : null}
          <SegmentedControl label="Messages" choices={choices} value={status ?? "all"} onChange={show} />
        </>
      }
    >
      {data === undefined ? (
        <Unread query={query} rows={6} />
      ) : rows.length === 0 ? (
        <Empty>
          {status === undefined ? "No message yet. A test sends one." : `No message is ${status}.`}
        </Empty>
      ) : (
        <div {...hold}>
          <table className="w-full table-fixed border-collapse max-desk:hidden">
            <TableHead columns={columnsOf(endpoint !== undefined)} />
            <tbody>
              {rows.map((message) => (
                <Row key={message.id} message={message} now={now} url={urlOf(message)} />
              ))}
            </tbody>
          </table>
          <ul className="desk:hidden">
            {rows.map((message) => (
              <Item key={message.id} message={message} now={now} url={undefined} />
            ))}
          </ul>
        </div>
      )}
    </Panel>
  )
}
