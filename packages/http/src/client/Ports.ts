/** The ports over one server. */
import type * as HttpClient from "@effect/platform/HttpClient"
import {
  BrowserTokens as BrowserTokensPort,
  BulkOperations as BulkPort,
  Callbacks as CallbacksPort,
  Claims as ClaimsPort,
  type ControlPlane,
  Conversations as ConversationsPort,
  Leases as LeasesPort,
  Limits as LimitsPort,
  RefusedRows as RefusedRowsPort,
  Rollouts as RolloutsPort,
  RunLog as RunLogPort,
  Runs as RunsPort,
  Schedules as SchedulesPort,
  Webhooks as WebhooksPort,
  WebhookSources as WebhookSourcesPort,
  WorkerRegistry as WorkerRegistryPort,
} from "@runlease/core"
import { RunTokens as RunTokensService, Tracing } from "@runlease/core/executor"
import { Layer, type Redacted } from "effect"
import * as BrowserTokens from "./BrowserTokens.js"
import * as Bulk from "./Bulk.js"
import * as Callbacks from "./Callbacks.js"

import * as Connections from "./Connections.js"
import * as Conversations from "./Conversations.js"

import * as Exchange from "./Exchange.js"
import * as Leases from "./Leases.js"
import * as Limits from "./Limits.js"
import * as RefusedRows from "./RefusedRows.js"
import * as Rollouts from "./Rollouts.js"
import * as RunLog from "./RunLog.js"
import * as Runs from "./Runs.js"
import * as Schedules from "./Schedules.js"
import * as RunTokens from "./RunTokens.js"

import * as Transport from "./Transport.js"
import * as Webhooks from "./Webhooks.js"
import * as WebhookSources from "./WebhookSources.js"
import * as WorkerRegistry from "./WorkerRegistry.js"

export interface Options {
  readonly baseUrl: string
  readonly token: Redacted.Redacted
  readonly project: string
}

/** The ports, those of schedules, bulk operations and webhooks among them, and the tokens of the runs that are claimed by them. */
export type Provided =
  | ControlPlane.ProjectPorts
  | BrowserTokensPort.BrowserTokens
  | BulkPort.BulkOperations
  | CallbacksPort.Callbacks
  | RefusedRowsPort.RefusedRows
  | RolloutsPort.Rollouts
  | SchedulesPort.Schedules
  | WebhooksPort.Webhooks
  | WebhookSourcesPort.WebhookSources
  | RunTokensService.RunTokens

export const layer = (options: Options): Layer.Layer<Provided, never, HttpClient.HttpClient> =>
  layerWith(options, Layer.empty)

/** The ports, and what `more` makes of the tokens of the workers that register by them. */
export const layerWith = <More>(
  options: Options,
  more: Layer.Layer<More, never, Transport.Credentials>,
): Layer.Layer<Provided | More, never, HttpClient.HttpClient> => {
  const shared = Layer.merge(
    Layer.effect(Runs.RunLookup, Runs.makeLookup),
    Layer.scoped(Exchange.Exchange, Exchange.make),
  ).pipe(
    Layer.provideMerge(Layer.scoped(Connections.Connections, Connections.make(options))),
    Layer.provideMerge(Layer.effect(Transport.Credentials, Transport.makeCredentials)),
    Layer.provideMerge(Layer.effect(Transport.Transport, Transport.make(options))),
  )
  const ports = Layer.mergeAll(
    Layer.effect(ClaimsPort.Claims, Leases.makeClaims),
    Layer.effect(ConversationsPort.Conversations, Conversations.make),
    Layer.effect(LeasesPort.Leases, Leases.make),
    Layer.effect(LimitsPort.Limits, Limits.make),
    Layer.effect(RefusedRowsPort.RefusedRows, RefusedRows.make),
    Layer.effect(RolloutsPort.Rollouts, Rollouts.make),
    Layer.effect(RunLogPort.RunLog, RunLog.make),
    Layer.effect(RunsPort.Runs, Runs.make),
    Layer.effect(BrowserTokensPort.BrowserTokens, BrowserTokens.make),
    Layer.effect(BulkPort.BulkOperations, Bulk.make),
    Layer.effect(CallbacksPort.Callbacks, Callbacks.make),
    Layer.effect(SchedulesPort.Schedules, Schedules.make),
    Layer.effect(WebhooksPort.Webhooks, Webhooks.make),
    Layer.effect(WebhookSourcesPort.WebhookSources, WebhookSources.make),
    Layer.effect(WorkerRegistryPort.WorkerRegistry, WorkerRegistry.make),
  ).pipe(Layer.map(Tracing.ports))
  return Layer.provide(Layer.mergeAll(ports, RunTokens.layer(options.baseUrl), more), shared)
}
