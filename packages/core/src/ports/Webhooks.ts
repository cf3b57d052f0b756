/**
 * The port of webhooks: where a project gets messages about its runs, and what was sent.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import { Context, type DateTime, type Effect, type Redacted, Schema } from "effect"
import type { InvalidCursor, Page, PageRequest } from "../model/Page.js"
import type {
  Delivery,
  DeliveryId,
  DeliveryStatus,
  Endpoint,
  EndpointId,
  EventType,
} from "../model/Webhook.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import type { SecretsUnavailable } from "./Secrets.js"

/** An endpoint to be made. `agentIds`, `labels` and `description` are null or empty when absent. */
export interface NewEndpoint {
  readonly url: string
  readonly events: ReadonlyArray<EventType>
  readonly agentIds?: ReadonlyArray<string> | null | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly description?: string | null | undefined
  readonly createdBy?: string | null | undefined
}

/** The fields that change. `enabled`: whether messages are sent; true clears the reason why the server has disabled the endpoint. */
export interface EndpointChanges extends Partial<Omit<NewEndpoint, "createdBy">> {
  readonly enabled?: boolean | undefined
}

/** The secret is in this answer alone. */
export interface EndpointWithSecret {
  readonly endpoint: Endpoint
  readonly secret: Redacted.Redacted
}

export interface ListDeliveries extends PageRequest {
  readonly endpointId?: EndpointId | undefined
  readonly status?: DeliveryStatus | undefined
}

/** No endpoint of this project has that id. */
export class EndpointNotFound extends Schema.TaggedError<EndpointNotFound>("@runlease/core/EndpointNotFound")(
  "EndpointNotFound",
  { endpointId: Schema.String },
) {
  override get message() {
    return `Webhook endpoint ${this.endpointId} does not exist`
  }
}

/** No delivery of this project has that id. It is deleted 30 days after its end where finished runs are deleted. */
export class DeliveryNotFound extends Schema.TaggedError<DeliveryNotFound>("@runlease/core/DeliveryNotFound")(
  "DeliveryNotFound",
  { deliveryId: Schema.String },
) {
  override get message() {
    return `Webhook delivery ${this.deliveryId} does not exist`
  }
}

/** The endpoint has a value that none can have, in `field`. `message` says what would be right. */
export class InvalidEndpoint extends Schema.TaggedError<InvalidEndpoint>("@runlease/core/InvalidEndpoint")(
  "InvalidEndpoint",
  { field: Schema.String, message: Schema.String },
) {}

export class Webhooks extends Context.Tag("@runlease/core/Webhooks")<
  Webhooks,
  {
    /**
     * Makes an endpoint with a new secret. Each event from then on is a message to it; other servers of the same store begin within a second.
     *
     * Fails: `SecretsUnavailable` where the store has no key to seal the secret with.
     */
    readonly create: (
      endpoint: NewEndpoint,
    ) => Effect.Effect<EndpointWithSecret, InvalidEndpoint | SecretsUnavailable | ControlPlaneError>

    readonly get: (endpointId: EndpointId) => Effect.Effect<Endpoint, EndpointNotFound | ControlPlaneError>

    /** Newest first. */
    readonly list: (options?: PageRequest) => Effect.Effect<Page<Endpoint>, InvalidCursor | ControlPlaneError>

    readonly update: (
      endpointId: EndpointId,
      changes: EndpointChanges,
    ) => Effect.Effect<Endpoint, EndpointNotFound | InvalidEndpoint | ControlPlaneError>

    /** Removes the endpoint. What was not sent yet is dead at its time. */
    readonly remove: (endpointId: EndpointId) => Effect.Effect<void, EndpointNotFound | ControlPlaneError>

    /**
     * Makes a new secret. Messages have signatures by both until the old one expires.
     *
     * Units: `expiresInSeconds` 0 to 604,800; a day when absent.
     */
    readonly rotate: (
      endpointId: EndpointId,
      options?: { readonly expiresInSeconds?: number | undefined },
    ) => Effect.Effect<
      EndpointWithSecret,
      EndpointNotFound | InvalidEndpoint | SecretsUnavailable | ControlPlaneError
    >

    /** Sends a message of type `test`, whatever the events of the endpoint are. */
    readonly test: (endpointId: EndpointId) => Effect.Effect<Delivery, EndpointNotFound | ControlPlaneError>

    /** Newest first. */
    readonly deliveries: (
      options?: ListDeliveries,
    ) => Effect.Effect<Page<Delivery>, InvalidCursor | ControlPlaneError>

    /** Sends a message again, under the same id, also one that was delivered. */
    readonly retry: (deliveryId: DeliveryId) => Effect.Effect<Delivery, DeliveryNotFound | ControlPlaneError>

    /** Sends the dead messages of an endpoint again, those from an instant on where it is there. Returns how many they are. */
    readonly retryAll: (
      endpointId: EndpointId,
      options?: { readonly since?: DateTime.Utc | undefined },
    ) => Effect.Effect<{ readonly retried: number }, EndpointNotFound | ControlPlaneError>
  }
>() {}

// What a sender uses: the messages of all projects.

/** A message that the caller sends: to whom, with which signatures, and what. `secrets` are sealed; the first is the newest. */
export interface ClaimedDelivery {
  readonly delivery: Delivery
  readonly url: string
  readonly secrets: ReadonlyArray<string>
}

/** `busy`: how many messages the caller sends to endpoints already. */
export interface ClaimDeliveries {
  /** The most messages of the answer. */
  readonly most: number
  /** The most messages that the caller sends to one endpoint at once. */
  readonly mostEach: number
  readonly busy: ReadonlyMap<string, number>
  /** After this time others may claim the messages. Units: milliseconds. */
  readonly claimMillis: number
}

/**
 * How an attempt ended. `status` is that of the answer, null where there was none. `retryMillis`: when it is tried again from now; null for
 * never.
 */
export type DeliveryOutcome =
  | { readonly _tag: "Delivered"; readonly status: number }
  | {
      readonly _tag: "Failed"
      readonly status: number | null
      readonly error: string
      readonly retryMillis: number | null
    }
  /** The endpoint does not want messages any more, which disables it. */
  | { readonly _tag: "Gone"; readonly status: number }

/** The messages of all projects that are to be sent. */
export interface DeliveryQueue {
  /** Waits until a message may be due. It may be wrong either way, and is right within a second. */
  readonly due: Effect.Effect<void>

  /** How many messages are due and no server sends, up to `most`. */
  readonly countDue: (most: number) => Effect.Effect<number, ControlPlaneError>

  /** Claims messages that are due, the earliest first. Each is the caller's until its claim ends. */
  readonly claim: (
    request: ClaimDeliveries,
  ) => Effect.Effect<
    { readonly claimed: ReadonlyArray<ClaimedDelivery>; readonly more: boolean },
    ControlPlaneError
  >

  /** Records how an attempt has ended. An attempt whose message somebody else has claimed since changes nothing. */
  readonly settle: (
    delivery: Pick<Delivery, "attempt" | "endpointId" | "id" | "projectId">,
    outcome: DeliveryOutcome,
  ) => Effect.Effect<void, ControlPlaneError>
}

/** What a sealed secret of an endpoint is bound to. */
export const secretPlace = (endpointId: string): string => `webhook endpoint ${endpointId}`
