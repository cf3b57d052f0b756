/** The JSON that the API sends and takes, as types: for pages and clients that have no Effect. */
import type { Usage as UsagePort } from "@runlease/core"
import type * as Observe from "./Api/Observe.js"
import type * as RunBodies from "./Api/RunBodies.js"
import type * as SessionApi from "./Api/Session.js"
import type * as ActivityWire from "./Wire/Activity.js"
import type * as BulkWire from "./Wire/Bulk.js"
import type * as Run from "./Wire/Run.js"
import type * as ConversationWire from "./Wire/Conversation.js"
import type * as InterruptWire from "./Wire/Interrupt.js"
import type * as LimitWire from "./Wire/Limit.js"
import type * as LogEntryWire from "./Wire/LogEntry.js"
import type * as Submission from "./Wire/Submission.js"
import type * as Summary from "./Wire/RunSummary.js"
import type * as ScheduleWire from "./Wire/Schedule.js"
import type * as OutboxApi from "./Api/Outbox.js"
import type * as WebhookWire from "./Wire/Webhook.js"
import type * as WebhookSourceWire from "./Wire/WebhookSource.js"
import type * as WorkerWire from "./Wire/Worker.js"

export type RunSummary = typeof Summary.RunSummary.Encoded
export type ClaimRecord = typeof Summary.ClaimRecord.Encoded
export type WorkerSummary = typeof Summary.WorkerSummary.Encoded
export type LostLease = typeof Summary.LostLease.Encoded
export type StatusCounts = typeof Summary.StatusCounts.Encoded
export type Standing = typeof Summary.Standing.Encoded
export type Attention = typeof Summary.Attention.Encoded
export type ProjectStatistics = typeof ActivityWire.ProjectStatistics.Encoded
export type Period = typeof ActivityWire.Period.Encoded
export type Agent = typeof Observe.Agent.Encoded
export type Topic = typeof Observe.Topic.Type
export type Session = typeof SessionApi.Session.Encoded
export type CanonicalRun = typeof Run.CanonicalRun.Encoded
export type LogEntry = typeof LogEntryWire.LogEntry.Encoded
export type LogPage = typeof RunBodies.LogPage.Encoded
export type Snapshot = typeof Submission.Snapshot.Encoded
export type Interrupt = typeof InterruptWire.Interrupt.Encoded
export type Answer = typeof InterruptWire.Answer.Encoded
export type Usage = typeof UsagePort.Usage.Encoded
export type Worker = typeof WorkerWire.Worker.Encoded
export type Bulk = typeof BulkWire.Bulk.Encoded
export type NewBulk = typeof BulkWire.NewBulk.Encoded
export type Limit = typeof LimitWire.Limit.Encoded
export type NamedLimit = typeof LimitWire.NamedLimit.Encoded
export type Schedule = typeof ScheduleWire.Schedule.Encoded
export type RefusedRow = typeof OutboxApi.RefusedRow.Encoded
export type WebhookEndpoint = typeof WebhookWire.Endpoint.Encoded
export type WebhookSource = typeof WebhookSourceWire.Source.Encoded
export type WebhookDelivery = typeof WebhookWire.Delivery.Encoded
export type Conversation = typeof ConversationWire.Conversation.Encoded
export type ConversationMessage = typeof ConversationWire.Message.Encoded
