/**
 * Tokens for browsers: what a page may show instead of an API key.
 *
 * A project signs one with its own key, so no store has it. It names what it is bound to and what it may do there, and is worth nothing
 * once it has expired, once the project has another key, or once the API key that made it has ended.
 *
 * A token is `rlb_`, the claim as JSON in UTF-8, `[project id, API key id or null, expiry in milliseconds, scopes, bound, agent ids or null]`,
 * and the signature, both in hex digits. The signature is the HMAC-SHA-256 of `runlease browser token ` and the claim; its key is the key of
 * the project.
 *
 * Source: docs/decisions/0109-tokens-for-browsers.md
 */
import { Duration, Either, Option, ParseResult, Redacted, Schema } from "effect"
import { AgentId, ConversationId, KeyId, ProjectId, RunId } from "./Ids.js"
import * as Labels from "./Labels.js"
import * as SignedToken from "./SignedToken.js"

/** What a token may do where it is bound: `read` runs, logs and messages; `write` submits, answers and sends messages; `stop` cancels. */
export const Scope = Schema.Literal("read", "write", "stop")
export type Scope = typeof Scope.Type

/** What a token is bound to: one conversation and its runs, one run, or the runs that have a label. */
export const Bound = Schema.Union(
  Schema.TaggedStruct("Conversation", { conversationId: ConversationId }),
  Schema.TaggedStruct("Run", { runId: RunId }),
  Schema.TaggedStruct("Label", { name: Labels.Name, value: Labels.Value }),
)
export type Bound = typeof Bound.Type

/** The most agents that a token names, so that it fits into a header. */
export const maxAgents = 8

/** How long a token lasts when its maker does not say. */
export const defaultLifetime = Duration.minutes(15)

/** The longest that a token lasts. */
export const maxLifetime = Duration.hours(24)

/**
 * What a token says. `issuedBy`: the API key that made it, with which it ends. `expiresAt`: milliseconds, by the store's clock.
 * `agentIds`: the runs of these agents alone; of all when absent.
 */
export interface Grant {
  readonly projectId: ProjectId
  readonly issuedBy?: KeyId | undefined
  readonly expiresAt: number
  readonly scopes: readonly [Scope, ...ReadonlyArray<Scope>]
  readonly bound: Bound
  readonly agentIds?: ReadonlyArray<AgentId> | undefined
}

/**
 * When a token expires that is made now: after the time that its maker says, at most after `maxLifetime`, and no later than the API key that
 * makes it.
 *
 * Units: milliseconds, by the store's clock.
 */
export const expiryOf = (
  now: number,
  expiresIn: Duration.DurationInput = defaultLifetime,
  issuerExpiry = Infinity,
): number => Math.min(now + Math.floor(Duration.toMillis(Duration.min(expiresIn, maxLifetime))), issuerExpiry)

/** Eight agents with long names, and two ids as long, are shorter. */
const kind: SignedToken.Kind = { prefix: "rlb_", purpose: "runlease browser token", maxLength: 8192 }

const Claim = Schema.Tuple(
  ProjectId,
  Schema.NullOr(KeyId),
  Schema.NonNegativeInt,
  Schema.NonEmptyArray(Scope),
  Bound,
  Schema.NullOr(
    Schema.Array(AgentId).pipe(
      Schema.maxItems(maxAgents, { message: () => `must be at most ${maxAgents} agents` }),
    ),
  ),
)

/** The parts of a claim, by their places. */
const parts = ["projectId", "issuedBy", "expiresIn", "scopes", "boundTo", "agentIds"]

const decode = Schema.decodeUnknownOption(Schema.parseJson(Claim))
const encode = Schema.encodeEither(Claim)

/** A token cannot have that, in `field`. `message` says what would be right. Nothing was made. */
export class InvalidBrowserToken extends Schema.TaggedError<InvalidBrowserToken>(
  "@runlease/core/InvalidBrowserToken",
)("InvalidBrowserToken", { field: Schema.String, message: Schema.String }) {}

const invalid = (error: ParseResult.ParseError): InvalidBrowserToken => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  return new InvalidBrowserToken({
    field: parts[Number(issue?.path[0])] ?? "",
    message: issue?.message.split("\n")[0] ?? "is malformed",
  })
}

/** The token of a grant, signed with the key of its project. A grant that no token can have is refused. */
export const sign = (
  signingKey: Redacted.Redacted,
  { agentIds, bound, expiresAt, issuedBy, projectId, scopes }: Grant,
): Either.Either<Redacted.Redacted, InvalidBrowserToken> =>
  Either.mapBoth(encode([projectId, issuedBy ?? null, expiresAt, scopes, bound, agentIds ?? null]), {
    onLeft: invalid,
    onRight: (encoded) => SignedToken.sign(kind, JSON.stringify(encoded), Redacted.value(signingKey)),
  })

/** The grant that a token names, and whether a project's key has signed it. */
export interface Signed {
  readonly grant: Grant
  readonly isSignedWith: (signingKey: string) => boolean
}

/** What a token says, which is not to be believed before its signature was checked. Nothing for a token of another kind. */
export const read = (token: Redacted.Redacted): Option.Option<Signed> =>
  Option.flatMap(SignedToken.read(kind, token), ({ claim, isSignedWith }) =>
    Option.map(decode(claim), ([projectId, issuedBy, expiresAt, scopes, bound, agentIds]) => ({
      grant: {
        projectId,
        ...(issuedBy === null ? {} : { issuedBy }),
        expiresAt,
        scopes,
        bound,
        ...(agentIds === null ? {} : { agentIds }),
      },
      isSignedWith,
    })),
  )
