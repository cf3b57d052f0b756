/** The services whose signed messages begin runs, and the address for each. */
import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { useSession } from "../../api/session"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { sourcesQuery, useRemoveSource } from "./queries"

const example = "runlease webhook-sources define github-issues --scheme github --agent fixer"

export const SourcesPanel = () => {
  const { slug } = useSession().project
  const query = useQuery(sourcesQuery(slug))
  const remove = useRemoveSource()
  const [leaving, setLeaving] = useState<string | undefined>()
  const { data } = query
  return (
    <Panel title="Sources" note="services that begin runs">
      {data === undefined ? (
        <Unread query={query} rows={1} />
      ) : data.length === 0 ? (
        <Empty command={example}>No service begins runs of this project by its messages.</Empty>
      ) : (
        <ul>
          {data.map(({ agent_id: agent, events, name, path, scheme }) => (
            <li
              key={name}
              aria-label={name}
              className="flex items-center gap-2 border-t border-line px-4 py-1.5 max-desk:px-3"
            >
              <p className="min-w-0 grow truncate text-ink-2">
                <span className="font-medium text-ink">{name}</span> begins runs of {agent} by{" "}
                {events?.join(", ") ?? "each message"} ({scheme})
              </p>
              <Copy small text={`${window.location.origin}${path}`}>
                Copy the address
              </Copy>
              <Button
                look="quiet"
                small
                aria-label={`Delete source ${name}`}
                onClick={() => setLeaving(name)}
              >
                Delete
              </Button>
            </li>
          ))}
        </ul>
      )}
      <ConfirmDialog
        title={`Delete source ${leaving ?? ""}?`}
        keep="Keep it"
        confirm="Delete it"
        look="danger"
        isOpen={leaving !== undefined}
        isBusy={remove.isPending}
        error={remove.error}
        onOpenChange={(isOpen) => {
          if (!isOpen) setLeaving(undefined)
        }}
        onConfirm={() => remove.mutate(leaving ?? "", { onSuccess: () => setLeaving(undefined) })}
      >
        Its messages are refused from then on. Its runs stay.
      </ConfirmDialog>
    </Panel>
  )
}
