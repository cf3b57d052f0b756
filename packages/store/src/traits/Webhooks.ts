/**
 * Messages to the endpoints of projects, written in the commit that makes their events. A commit enters it at the first event of a project
 * that may have endpoints.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { isTrial } from "@runlease/core/Trial"
import { Effect } from "effect"
import { webhookDeliveries, webhookEndpoints } from "../rows/Records.js"
import type { RunRows } from "../rows/RunRows.js"
import type { DetailChanges, StoredRun } from "../rows/StoredRun.js"
import * as WebhookRules from "../rules/WebhookRules.js"
import type { WebhookProjects } from "./WebhookProjects.js"

/** What it needs of a commit. `labelsOf`: those that the commit changes. */
export interface Commit<X> {
  readonly now: number
  readonly rows: Pick<RunRows<X>, "details" | "records" | "together">
  readonly projects: WebhookProjects
  readonly labelsOf: (run: StoredRun) => DetailChanges["labels"]
}

export interface Webhooks<X> {
  /** Adds an event, which is of this run if it is of one. */
  readonly add: (event: WebhookRules.WebhookEvent, run?: StoredRun) => void
  /** Reads the endpoints of the events, and what they look at of their runs. */
  readonly prepare: Effect.Effect<void, X>
  /** Writes the messages. */
  readonly store: () => ReadonlyArray<Effect.Effect<void, X>>
  /** Whether there are messages. */
  readonly some: () => boolean
}

interface Happened {
  readonly event: WebhookRules.WebhookEvent
  readonly run: StoredRun | undefined
}

export const enter = <X>({ labelsOf, now, projects, rows }: Commit<X>): Webhooks<X> => {
  const happened: Array<Happened> = []
  const messages: Array<WebhookRules.DeliveryRecord> = []

  const messagesOf = (
    { event, run }: Happened,
    endpoints: ReadonlyArray<WebhookRules.EndpointRecord>,
    stored: Readonly<Record<string, string>>,
  ): ReadonlyArray<WebhookRules.DeliveryRecord> => {
    const labels = run === undefined ? (event.schedule?.labels ?? {}) : (labelsOf(run)?.after ?? stored)
    if (run !== undefined && isTrial(labels)) return []
    const data = run === undefined ? event.data : { ...event.data, labels }
    return endpoints
      .filter((endpoint) => WebhookRules.matches(endpoint, event, labels))
      .map((endpoint) => WebhookRules.message(endpoint, { ...event, data }, now))
  }

  return {
    add: (event, run) => void happened.push({ event, run }),

    prepare: Effect.gen(function* () {
      const ids = Array.from(new Set(happened.map(({ event }) => event.projectId)))
      const forget = projects.reading()
      const found = yield* rows.records(webhookEndpoints).ofProjects(ids)
      const endpoints = found.map(({ record }) => record)
      forget(ids.filter((id) => !endpoints.some(({ projectId }) => projectId === id)))
      // Most events are of no endpoint: those of other types are left out before their runs are read.
      const wanted = happened.filter(({ event }) =>
        endpoints.some(
          ({ events, projectId }) => projectId === event.projectId && events.includes(event.type),
        ),
      )
      if (wanted.length === 0) return
      const runs = new Map(wanted.flatMap(({ run }) => (run === undefined ? [] : [[run.key, run] as const])))
      const details = runs.size === 0 ? undefined : yield* rows.details([...runs.values()])
      for (const each of wanted) {
        const labels = (each.run && details?.get(each.run.key)?.labels) ?? {}
        messages.push(...messagesOf(each, endpoints, labels))
      }
    }),

    store: () =>
      messages.length === 0 ? [] : [rows.records(webhookDeliveries).write({ inserted: messages })],

    some: () => messages.length > 0,
  }
}
