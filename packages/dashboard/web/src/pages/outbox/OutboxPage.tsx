/** The rows of the outbox that became no run, with the reason, and what can be done to them. */
import type * as Json from "@runlease/http/Json"
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { integer, plural } from "../../format/numbers"
import { ago, exact } from "../../format/times"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { Panel } from "../../ui/Panel"
import { useSteadyOrder } from "../../ui/steadyOrder"

const rowsQuery = (project: string) =>
  queryOptions({
    queryKey: ["outbox", project],
    queryFn: async ({ signal }) => {
      const { data, page_info } = await send("refusedRows", {
        path: { project },
        query: { limit: 100 },
        signal,
      })
      return { rows: data, isWhole: page_info.next === null }
    },
    refetchInterval: () => (isPaused() ? false : 3000),
  })

/** `undefined`: the oldest 1,000. */
type Chosen = string | undefined

const useChange = (endpoint: "retryRows" | "discardRows") => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: Chosen) =>
      send(endpoint, { path: { project }, body: id === undefined ? { all: true } : { row_ids: [id] } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["outbox", project] }),
  })
}

interface RowProps {
  readonly row: Json.RefusedRow
  readonly now: number
  readonly isBusy: boolean
  readonly onRetry: (id: string) => void
  readonly onDiscard: (id: string) => void
}

const Row = ({ isBusy, now, onDiscard, onRetry, row }: RowProps) => {
  const { code, id, message, refused_at: refused, submission } = row
  const [isOpen, setOpen] = useState(false)
  return (
    <li className="border-t border-line px-4 py-2 max-desk:px-3">
      <div className="flex items-start gap-3">
        <div className="min-w-0 grow">
          <p className="break-words">
            <span className="font-medium text-failed">{code}</span> {message}
          </p>
          <p className="mt-0.5 text-small text-ink-3">
            <span className="font-mono" title={id}>
              {shortId(id)}
            </span>
            , refused{" "}
            <time dateTime={refused} title={exact(Date.parse(refused))}>
              {ago(Date.parse(refused), now)}
            </time>
          </p>
        </div>
        <Button look="quiet" small aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          Row
        </Button>
        <Button
          look="quiet"
          small
          disabled={isBusy}
          aria-label={`Retry row ${shortId(id)}`}
          title="Insert it again: it becomes a run, or is refused again"
          onClick={() => onRetry(id)}
        >
          Retry
        </Button>
        <Button
          look="quiet"
          small
          disabled={isBusy}
          aria-label={`Delete row ${shortId(id)}`}
          onClick={() => onDiscard(id)}
        >
          Delete
        </Button>
      </div>
      {isOpen ? (
        <pre className="mt-2 max-h-80 overflow-auto rounded-2 bg-sunken p-2.5 font-mono text-small whitespace-pre-wrap">
          {submission === null
            ? "The submission has more than 65,536 characters."
            : JSON.stringify(submission, null, 2)}
        </pre>
      ) : null}
    </li>
  )
}

const example = `runlease sql outbox`

const OutboxPage = () => {
  const { slug } = useSession().project
  useProjectLive({})
  const query = useQuery(rowsQuery(slug))
  const now = useNow()
  const retry = useChange("retryRows")
  const discard = useChange("discardRows")
  const [leaving, setLeaving] = useState<{ readonly id: Chosen } | undefined>()
  const { data } = query
  const { hold, rows } = useSteadyOrder(data?.rows ?? [], ({ id }) => id)
  const error = retry.error
  return (
    <Page title="Outbox">
      <Panel
        title="Refused rows"
        note={
          data === undefined || data.rows.length === 0
            ? undefined
            : data.isWhole
              ? plural(data.rows.length, "row")
              : `the newest ${integer(data.rows.length)}`
        }
        aside={
          data === undefined || data.rows.length === 0 ? undefined : (
            <>
              <Button small disabled={retry.isPending} onClick={() => retry.mutate(undefined)}>
                Retry all
              </Button>
              <Button small look="quiet" onClick={() => setLeaving({ id: undefined })}>
                Delete all
              </Button>
            </>
          )
        }
      >
        {error === null ? null : (
          <p role="alert" className="px-4 pb-2 text-failed">
            {error.message}.
          </p>
        )}
        {data === undefined ? (
          <Unread query={query} rows={3} />
        ) : data.rows.length === 0 ? (
          <Empty command={example}>
            No row of the outbox was refused. Rows are submissions that an application inserts in its own
            transactions.
          </Empty>
        ) : (
          <ul {...hold}>
            {rows.map((row) => (
              <Row
                key={row.id}
                row={row}
                now={now}
                isBusy={retry.isPending || discard.isPending}
                onRetry={(id) => retry.mutate(id)}
                onDiscard={(id) => setLeaving({ id })}
              />
            ))}
          </ul>
        )}
      </Panel>
      <ConfirmDialog
        title={leaving?.id === undefined ? "Delete all refused rows?" : "Delete this row?"}
        confirm="Delete"
        keep="Keep"
        look="danger"
        isOpen={leaving !== undefined}
        isBusy={discard.isPending}
        error={discard.error}
        onConfirm={() => discard.mutate(leaving?.id, { onSuccess: () => setLeaving(undefined) })}
        onOpenChange={(isOpen) => {
          if (!isOpen) setLeaving(undefined)
        }}
      >
        <p>No run is made of it, and the submission is lost.</p>
      </ConfirmDialog>
    </Page>
  )
}

export default OutboxPage
