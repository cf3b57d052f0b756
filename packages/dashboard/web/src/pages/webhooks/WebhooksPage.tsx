/** Which endpoints get messages about runs, which of them have trouble, and what became of the messages. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { getRouteApi } from "@tanstack/react-router"
import { Plus } from "lucide-react"
import { lazy, Suspense, useState } from "react"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { Panel } from "../../ui/Panel"
import { EndpointsTable } from "./EndpointsTable"
import { MessagesPanel } from "./MessagesPanel"
import { endpointsQuery } from "./queries"
import { SourcesPanel } from "./SourcesPanel"
import { StoppedNotice } from "./WebhookParts"
import { endpointStateOf, statusOf } from "./webhookState"

const CreateEndpoint = lazy(() => import("./CreateEndpoint"))

/** More are found in the table. */
const mostNotices = 3

const example = "runlease webhooks create https://example.com/hook --event run.completed,run.failed"

/** `3 enabled, 1 failing` */
const countWords = (endpoints: ReadonlyArray<Json.WebhookEndpoint>): string => {
  const counts = new Map<string, number>()
  for (const endpoint of endpoints) {
    const state = endpointStateOf(endpoint)
    const word = state === "stopped" ? "disabled" : state
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return Array.from(counts, ([word, count]) => `${count} ${word}`).join(", ")
}

const route = getRouteApi("/signed-in/webhooks")

const WebhooksPage = () => {
  const { slug } = useSession().project
  const { state } = route.useSearch()
  useProjectLive({})
  const query = useQuery(endpointsQuery(slug))
  const { data } = query
  const now = useNow()
  const [isCreating, setCreating] = useState(false)
  const stopped = (data ?? []).filter((endpoint) => endpointStateOf(endpoint) === "stopped")
  return (
    <Page title="Webhooks">
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
        {stopped.slice(0, mostNotices).map((endpoint) => (
          <StoppedNotice key={endpoint.id} endpoint={endpoint} />
        ))}
        <Panel
          title="Endpoints"
          note={data === undefined || data.length === 0 ? undefined : countWords(data)}
          aside={
            <Button small aria-haspopup="dialog" onClick={() => setCreating(true)}>
              <Plus aria-hidden size={14} className="text-ink-3" />
              New endpoint
            </Button>
          }
        >
          {data === undefined ? (
            <Unread query={query} rows={3} />
          ) : data.length === 0 ? (
            <Empty command={example}>No address gets messages about the runs of this project.</Empty>
          ) : (
            <EndpointsTable endpoints={data} now={now} />
          )}
        </Panel>
        {data === undefined ? null : (
          <MessagesPanel
            status={statusOf(state)}
            now={now}
            urls={new Map(data.map(({ id, url }) => [id, url]))}
          />
        )}
        <SourcesPanel />
      </div>
      {isCreating ? (
        <Suspense fallback={null}>
          <CreateEndpoint onClose={() => setCreating(false)} />
        </Suspense>
      ) : null}
    </Page>
  )
}

export default WebhooksPage
