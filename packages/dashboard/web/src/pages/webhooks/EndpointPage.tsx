/** One endpoint: what it gets, what can be done with it, and its messages. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router"
import { KeyRound, Trash2 } from "lucide-react"
import { type ReactNode, useState } from "react"
import { ApiError } from "../../api/client"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { shortId } from "../../format/ids"
import { ago, exact } from "../../format/times"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { Skeleton, Trouble } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { CliMenu } from "../run/actions/CliMenu"
import { linkClass } from "../run/facts/FactList"
import { MessagesPanel } from "./MessagesPanel"
import { endpointQuery, useEndpointActions } from "./queries"
import { EnableButton, EndpointState, SecretDialog, StoppedNotice, TestButton } from "./WebhookParts"
import { linesOf, runsWords, shortUrl, statusOf } from "./webhookState"

interface Props {
  readonly endpoint: Json.WebhookEndpoint
}

/** Confirms a new secret, and then shows it. */
const RotateDialog = ({ endpoint, onClose }: Props & { readonly onClose: () => void }) => {
  const { rotate } = useEndpointActions(endpoint)
  if (rotate.data !== undefined) {
    return <SecretDialog title="The new secret" secret={rotate.data} onClose={onClose} />
  }
  return (
    <ConfirmDialog
      title="Make a new secret?"
      confirm="Make a new secret"
      keep="Keep the old one"
      isOpen
      isBusy={rotate.isPending}
      error={rotate.error}
      onConfirm={() => rotate.mutate()}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>Messages have signatures by both secrets for a day. The new one is shown once.</p>
    </ConfirmDialog>
  )
}

const RemoveDialog = ({ endpoint, onClose }: Props & { readonly onClose: () => void }) => {
  const { remove } = useEndpointActions(endpoint)
  const navigate = useNavigate()
  return (
    <ConfirmDialog
      title="Remove this endpoint?"
      confirm="Remove the endpoint"
      keep="Keep it"
      look="danger"
      isOpen
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => void navigate({ to: "/webhooks", search: { state: undefined }, replace: true }),
        })
      }
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        <b className="font-medium break-words text-ink">{shortUrl(endpoint.url)}</b> gets no more messages,
        and what was not sent yet is dead at its time. To send nothing for a while, disable it.
      </p>
    </ConfirmDialog>
  )
}

const Fact = ({ children, label }: { readonly label: string; readonly children: ReactNode }) => (
  <span>
    {label} <span className="font-medium text-ink-2">{children}</span>
  </span>
)

const Instant = ({ at, now }: { readonly at: string; readonly now: number }) => (
  <time dateTime={at} title={exact(Date.parse(at))}>
    {ago(Date.parse(at), now)}
  </time>
)

const Head = ({ endpoint, now }: Props & { readonly now: number }) => {
  const [dialog, setDialog] = useState<"rotate" | "remove" | null>(null)
  const close = () => setDialog(null)
  return (
    <div className="mb-3 flex items-start gap-4 max-desk:block">
      <div className="min-w-0 grow">
        <h1 className="text-run font-semibold tracking-[-0.012em] break-words max-desk:text-[17px] max-desk:leading-6">
          {shortUrl(endpoint.url)}
        </h1>
        {endpoint.description === null ? null : <p className="mt-0.5 text-ink-2">{endpoint.description}</p>}
        <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-small leading-5 text-ink-3">
          <EndpointState endpoint={endpoint} />
          <Fact label="Events">{endpoint.events.join(", ")}</Fact>
          <Fact label="Of">{runsWords(endpoint) ?? "all runs"}</Fact>
          {endpoint.failing_since === null ? null : (
            <Fact label="Failing since">
              <Instant at={endpoint.failing_since} now={now} />
            </Fact>
          )}
          <Fact label="Made">
            <Instant at={endpoint.created_at} now={now} />
          </Fact>
        </div>
      </div>
      <div className="flex flex-none flex-wrap gap-2 max-desk:mt-3">
        <TestButton look="plain" small={false} endpoint={endpoint} />
        <EnableButton look="plain" small={false} endpoint={endpoint} />
        <Button aria-haspopup="dialog" onClick={() => setDialog("rotate")}>
          <KeyRound aria-hidden size={14} className="text-ink-3 max-desk:hidden" />
          New secret
        </Button>
        <Button look="danger" aria-haspopup="dialog" onClick={() => setDialog("remove")}>
          <Trash2 aria-hidden size={14} className="max-desk:hidden" />
          Remove
        </Button>
        <CliMenu label="Commands for this endpoint" lines={linesOf(endpoint)} />
      </div>
      {dialog === "rotate" ? <RotateDialog endpoint={endpoint} onClose={close} /> : null}
      {dialog === "remove" ? <RemoveDialog endpoint={endpoint} onClose={close} /> : null}
    </div>
  )
}

const route = getRouteApi("/signed-in/webhooks/$endpointId")

const Crumbs = ({ word }: { readonly word: string }) => (
  <nav aria-label="Breadcrumb" className="truncate text-title font-semibold tracking-tight whitespace-nowrap">
    <Link to="/webhooks" search={{ state: undefined }} className="font-medium text-ink-3 hover:text-ink">
      Webhooks
    </Link>
    <span aria-hidden className="mx-1.5 font-normal text-ink-3">
      /
    </span>
    <span aria-current="page">{word}</span>
  </nav>
)

const isMissing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 404 || error.status === 400)

const EndpointPage = () => {
  const { endpointId } = route.useParams()
  const { state } = route.useSearch()
  const { slug } = useSession().project
  useProjectLive({})
  const { data, error, refetch } = useQuery(endpointQuery(slug, endpointId))
  const now = useNow()
  const word = shortId(endpointId)
  return (
    <Page
      title={data === undefined ? `Endpoint ${word}` : shortUrl(data.url)}
      heading={<Crumbs word={word} />}
    >
      {isMissing(error) ? (
        <section className="grid max-w-[520px] gap-3 rounded-3 border border-line bg-surface p-4">
          <h1 className="text-title font-semibold">
            No endpoint <span className="font-mono text-[15px]">{word}</span> in this project
          </h1>
          <p className="text-ink-2">It may belong to another project, or have been removed.</p>
          <p>
            <Link to="/webhooks" search={{ state: undefined }} className={linkClass}>
              See all endpoints
            </Link>
          </p>
        </section>
      ) : data !== undefined ? (
        <>
          <Head endpoint={data} now={now} />
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
            <StoppedNotice isOnItsPage endpoint={data} />
            <MessagesPanel endpoint={data} status={statusOf(state)} now={now} />
          </div>
        </>
      ) : error !== null ? (
        <div className="rounded-3 border border-line bg-surface">
          <Trouble error={error} retry={() => void refetch()} />
        </div>
      ) : (
        <Skeleton rows={8} />
      )}
    </Page>
  )
}

export default EndpointPage
