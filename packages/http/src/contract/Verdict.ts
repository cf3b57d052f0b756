/** How one error of the ports is written on the wire and read from it. */
import type {
  Access,
  BrowserToken,
  BulkOperations,
  Callbacks,
  Conversations,
  Leases,
  Limits,
  Page,
  Rollouts,
  Run,
  RunLog,
  Runs,
  Schedules,
  Secrets,
  Webhooks,
  WebhookSources,
  WorkerRegistry,
} from "@runlease/core"
import type { Effect } from "effect"
import type * as Refusal from "./Refusal.js"

/** Every error of the ports, but for the failures of the control plane itself. */
export type VerdictError =
  | Access.KeyExpired
  | Access.KeyNotFound
  | Access.KeyRevoked
  | Access.ProjectExists
  | Access.ProjectNotFound
  | BrowserToken.InvalidBrowserToken
  | BulkOperations.BulkNotFound
  | BulkOperations.InvalidBulk
  | Callbacks.CallbackRefused
  | Conversations.BranchRefused
  | Conversations.ConversationInUse
  | Conversations.ConversationNotFound
  | Leases.ChildRefused
  | Leases.InboxNotEmpty
  | Leases.SuspensionRefused
  | Limits.InvalidLimit
  | Limits.LimitNotFound
  | Page.InvalidCursor
  | Rollouts.InvalidRollout
  | Rollouts.RolloutNotFound
  | Run.LeaseLost
  | Run.RunEnded
  | Run.RunNotFound
  | RunLog.CursorMismatch
  | RunLog.EventRefused
  | RunLog.RunWaiting
  | Runs.ConversationBusy
  | Runs.InvalidSubmission
  | Runs.LabelsRefused
  | Runs.EditRefused
  | Runs.ForkRefused
  | Runs.RetryRefused
  | Runs.MessageRefused
  | Runs.NotWaiting
  | Runs.AnswerRefused
  | Runs.RunUnfinished
  | Runs.SubmissionConflict
  | Runs.TooManyPending
  | Schedules.InvalidSchedule
  | Schedules.RevisionMismatch
  | Schedules.ScheduleNotFound
  | Schedules.ScheduleOfSource
  | Secrets.SecretsUnavailable
  | Webhooks.DeliveryNotFound
  | Webhooks.EndpointNotFound
  | Webhooks.InvalidEndpoint
  | WebhookSources.InvalidSource
  | WebhookSources.SourceNotFound
  | WorkerRegistry.WorkerNotFound

export type Tag = VerdictError["_tag"]

export type ErrorOf<T extends Tag> = Extract<VerdictError, { readonly _tag: T }>

/**
 * The ids and values that a request named. A refusal does not repeat them, and the error needs them.
 *
 * `readRun` reads the run, for servers whose refusal does not say how the run ended or where its log is.
 */
export interface About<E = never> {
  readonly runId?: string | undefined
  readonly workerId?: string | undefined
  readonly conversationId?: string | undefined
  readonly messageId?: string | undefined
  readonly publicId?: string | undefined
  readonly interruptId?: string | undefined
  readonly after?: number | undefined
  readonly cursor?: string | undefined
  readonly scheduleId?: string | undefined
  readonly bulkId?: string | undefined
  readonly limitName?: string | undefined
  readonly endpointId?: string | undefined
  readonly deliveryId?: string | undefined
  readonly sourceName?: string | undefined
  readonly agentId?: string | undefined
  readonly readRun?: Effect.Effect<Run.Run, E> | undefined
}

export interface Verdict<A> {
  readonly status: number
  readonly codes: ReadonlyArray<string>
  readonly headers?: Refusal.Refusal["headers"]
  readonly headersOf?: (error: A) => NonNullable<Refusal.Refusal["headers"]>
  readonly encode: (error: A) => Refusal.Body

  /** Whether a detail that comes without one of our codes means this error. */
  readonly matches?: (detail: string) => boolean

  /** Absent where no port of a client has the error; undefined where the body does not say enough. */
  readonly decode?: <E>(body: Refusal.Body, about: About<E>) => Effect.Effect<A, E> | undefined
}

/** A name on the wire as core has it: `starts_at` is `startsAt`. */
export const camelCase = (name: string): string =>
  name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
