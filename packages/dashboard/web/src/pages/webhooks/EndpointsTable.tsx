/** The endpoints: a table, or a list on a phone. Its rows stay where they are while the pointer or the focus is on them. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { ago, exact } from "../../format/times"
import { useSteadyOrder } from "../../ui/steadyOrder"
import { type Column, TableHead } from "../../ui/TableHead"
import { EnableButton, EndpointState, TestButton } from "./WebhookParts"
import { runsWords, shortUrl } from "./webhookState"

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-2"

interface RowProps {
  readonly endpoint: Json.WebhookEndpoint
  readonly now: number
}

const eventsWords = ({ events }: Json.WebhookEndpoint): string => events.join(", ")

const Row = ({ endpoint, now }: RowProps) => {
  const runs = runsWords(endpoint) ?? "all runs"
  const { failing_since: failing } = endpoint
  return (
    <tr className="transition-colors duration-[120ms] hover:bg-hover">
      <td className={cell}>
        <EndpointState endpoint={endpoint} />
      </td>
      <td className={`${cell} truncate`} title={endpoint.description ?? endpoint.url}>
        <Link
          to="/webhooks/$endpointId"
          params={{ endpointId: endpoint.id }}
          search={{ state: undefined }}
          data-row
          className="font-medium"
        >
          {shortUrl(endpoint.url)}
        </Link>
        {endpoint.description === null ? null : (
          <span className="ml-2 text-small text-ink-3">{endpoint.description}</span>
        )}
      </td>
      <td className={`${cell} truncate text-ink-2`} title={eventsWords(endpoint)}>
        {eventsWords(endpoint)}
      </td>
      <td className={`${cell} truncate text-ink-2`} title={runs}>
        {runs}
      </td>
      <td className={`${cell} text-ink-2`}>
        {failing === null ? (
          <span className="text-ink-3">–</span>
        ) : (
          <time dateTime={failing} title={exact(Date.parse(failing))}>
            {ago(Date.parse(failing), now)}
          </time>
        )}
      </td>
      <td className={`${cell} text-right`}>
        <span className="grid grid-cols-[auto_64px] justify-end">
          <TestButton endpoint={endpoint} />
          <EnableButton endpoint={endpoint} />
        </span>
      </td>
    </tr>
  )
}

const Item = ({ endpoint }: RowProps) => (
  <li className="border-t border-line">
    <Link
      to="/webhooks/$endpointId"
      params={{ endpointId: endpoint.id }}
      search={{ state: undefined }}
      className="flex min-h-16 items-center gap-2.5 px-3 focus-visible:-outline-offset-2"
    >
      <EndpointState endpoint={endpoint} iconOnly />
      <span className="min-w-0 grow">
        <span className="block truncate font-medium">{shortUrl(endpoint.url)}</span>
        <span className="block truncate text-small leading-[18px] text-ink-3">{eventsWords(endpoint)}</span>
      </span>
    </Link>
  </li>
)

const columns: ReadonlyArray<Column> = [
  { name: "State", width: "w-[108px]" },
  { name: "Address" },
  { name: "Events", width: "w-[232px]" },
  { name: "Of", width: "w-[168px]", title: "The runs that it gets messages about" },
  {
    name: "Failing since",
    width: "w-[104px]",
    title: "Since the first attempt that failed after the last success",
  },
  { name: "Actions", width: "w-[148px]", isUnnamed: true },
]

export const EndpointsTable = ({
  endpoints,
  now,
}: {
  readonly endpoints: ReadonlyArray<Json.WebhookEndpoint>
  readonly now: number
}) => {
  const { hold, rows } = useSteadyOrder(endpoints, ({ id }) => id)
  return (
    <div {...hold}>
      <table className="w-full table-fixed border-collapse max-desk:hidden">
        <TableHead columns={columns} />
        <tbody>
          {rows.map((endpoint) => (
            <Row key={endpoint.id} endpoint={endpoint} now={now} />
          ))}
        </tbody>
      </table>
      <ul className="desk:hidden">
        {rows.map((endpoint) => (
          <Item key={endpoint.id} endpoint={endpoint} now={now} />
        ))}
      </ul>
    </div>
  )
}
