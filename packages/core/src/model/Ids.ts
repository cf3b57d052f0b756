/** The identifiers of the domain, each a branded string so that one cannot stand for another. */
import { Clock, Context, DefaultServices, Effect, Schema } from "effect"
import { uuidOf } from "./Digest.js"

/** A UUID of any version, as text. */
export const Uuid = Schema.String.pipe(
  Schema.pattern(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/, {
    message: () => "must be a UUID",
  }),
)

/**
 * Text that every store keeps as it is. No database holds half of a surrogate pair, which UTF-8 cannot write, and
 * PostgreSQL text cannot contain NUL. Inside JSON, such as an event's, both are escapes and are allowed.
 */
export const StorableText = Schema.String.pipe(
  Schema.filter((value) => value.isWellFormed(), {
    message: () => "must not contain half of a surrogate pair",
  }),
  Schema.filter((value) => !value.includes("\u0000"), { message: () => "must not contain NUL" }),
)

/** 1 to `max` characters, none of them a control character. */
export const text = (max: number) =>
  StorableText.pipe(
    Schema.minLength(1, { message: () => "must not be empty" }),
    Schema.maxLength(max, { message: () => `must be at most ${max} characters` }),
    // oxlint-disable-next-line no-control-regex -- control characters are what this refuses
    Schema.pattern(/^[^\u0000-\u001f\u007f]*$/, {
      message: () => "must not contain control characters",
    }),
  )

/** What is read as nothing, or turns the direction of what is around it, such as U+200B and U+202E. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

const isSeen = (value: string) => !unseen.test(value)
const visible = { message: () => "must not contain characters that are not visible" }

/** As `text`, of characters that a person sees: a name, or an id that somebody chooses. */
export const visibleText = (max: number) => text(max).pipe(Schema.filter(isSeen, visible))

/** A run's public id, 1 to 128 characters, unique in its project. */
export const RunId = text(128).pipe(Schema.brand("RunId"))
export type RunId = typeof RunId.Type

/** A URL takes `.` and `..` for places of the path, whatever their escapes, so nothing of that name has an address. */
const hasAddress = (id: string) => id !== "." && id !== ".."
const addressable = { message: () => "must not be . or .., which no URL can name" }

/** A run's public id, as a submission names it. */
export const NewRunId = RunId.pipe(Schema.filter(hasAddress, addressable), Schema.filter(isSeen, visible))

/**
 * Whether a public id is in the space of those that the server derives from what it was sent: of ticks, tasks, posts, calls with a key,
 * messages of webhook sources, inputs of pages and children. No caller chooses one, so none is in use before its run exists.
 *
 * Source: docs/decisions/0085-reserved-names.md
 */
export const isReservedRunId = (id: string): boolean =>
  id.startsWith("runlease.") || id.startsWith("schedule:") || id.startsWith("webhook:")

/** What is wrong with an id that a caller chooses in the space of derived ids. */
export const reservedRunIdProblem =
  "must not begin with runlease., schedule: or webhook:, as the ids do that the server derives; choose another"

/** The public id of the run that something becomes: the same for the same text, in the space of derived ids. */
export const derivedRunId = (kind: "call" | "chat" | "child" | "input" | "task", text: string): RunId =>
  RunId.make(`runlease.${kind}.${uuidOf(text)}`)

export const WorkerId = Uuid.pipe(Schema.brand("WorkerId"))
export type WorkerId = typeof WorkerId.Type

export const ProjectId = Uuid.pipe(Schema.brand("ProjectId"))
export type ProjectId = typeof ProjectId.Type

export const ConversationId = Uuid.pipe(Schema.brand("ConversationId"))
export type ConversationId = typeof ConversationId.Type

export const MessageId = Uuid.pipe(Schema.brand("MessageId"))
export type MessageId = typeof MessageId.Type

export const SessionId = Uuid.pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type

export const KeyId = Uuid.pipe(Schema.brand("KeyId"))
export type KeyId = typeof KeyId.Type

/** The id that a worker sets for one of its claims, so that the claim can be sent again; 1 to 128 characters. */
export const ClaimId = text(128).pipe(Schema.brand("ClaimId"))
export type ClaimId = typeof ClaimId.Type

/** Which agent a run is for; executors are routed by it. */
export const AgentId = text(128).pipe(Schema.brand("AgentId"))
export type AgentId = typeof AgentId.Type

/** An agent that a run may be submitted for. */
export const NewAgentId = AgentId.pipe(Schema.filter(hasAddress, addressable), Schema.filter(isSeen, visible))

/** The version of workers to which a run goes, or empty for workers without one. */
export const RunVersion = Schema.Union(Schema.Literal(""), visibleText(128))

/**
 * Where the random bits of ids come from: a UUID of version 4, of the Web's secure source by default. A simulation provides those of a seed,
 * so that it can be repeated.
 */
export class RandomUuid extends Context.Reference<RandomUuid>()("@runlease/core/RandomUuid", {
  defaultValue: () => (): string => globalThis.crypto.randomUUID(),
}) {}

/**
 * A new time-ordered UUID (version 7): the Clock's milliseconds, then random bits, so that rows
 * made together lie together in an index.
 *
 * Source: RFC 9562 section 5.7.
 */
export const uuidV7: Effect.Effect<string> = Effect.withFiberRuntime((fiber) => {
  const clock = Context.get(fiber.getFiberRef(DefaultServices.currentServices), Clock.Clock)
  const random = Context.get(fiber.currentContext, RandomUuid)()
  const time = Math.max(0, Math.floor(clock.unsafeCurrentTimeMillis())).toString(16).padStart(12, "0")
  // The random bits and the variant of a version 4 are where those of a version 7 are.
  return Effect.succeed(`${time.slice(0, 8)}-${time.slice(8, 12)}-7${random.slice(15)}`)
})
