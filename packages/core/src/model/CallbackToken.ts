/**
 * Tokens of callbacks: what answers one question of a run, once, and does nothing else.
 *
 * A project signs one with the key of its tokens for browsers, so no store has it, and a rotation ends it. It names a run and the question. It
 * is worth nothing once it has expired, once the API key that made it has ended, or once the question has an answer.
 *
 * A token is `rlc_`, the claim as JSON in UTF-8, `[project id, API key id or null, expiry in milliseconds, run id, interrupt id]`, and
 * the signature, both in hex digits. The signature is the HMAC-SHA-256 of `runlease callback token ` and the claim; its key is the key of
 * the project.
 *
 * Source: docs/decisions/0144-callbacks.md
 */
import { Duration, Option, Redacted, Schema } from "effect"
import { KeyId, ProjectId, RunId, text } from "./Ids.js"
import * as SignedToken from "./SignedToken.js"

/** How long a token lasts when its maker does not say. */
export const defaultLifetime = Duration.days(1)

/** The longest that a token lasts, which is the longest that a question waits. */
export const maxLifetime = Duration.days(365)

/** The id of a question. */
export const InterruptId = text(256)

/** What a token says: the question that it answers. `issuedBy` and `expiresAt`: as in a token for a browser. */
export interface Claim {
  readonly projectId: ProjectId
  readonly runId: RunId
  readonly interruptId: string
  readonly issuedBy?: KeyId | undefined
  readonly expiresAt: number
}

/** When a token expires that is made now, and no later than the API key that makes it. Units: milliseconds, by the store's clock. */
export const expiryOf = (
  now: number,
  expiresIn: Duration.DurationInput = defaultLifetime,
  issuerExpiry = Infinity,
): number => Math.min(now + Math.floor(Duration.toMillis(Duration.min(expiresIn, maxLifetime))), issuerExpiry)

/** A run id and a name of a question are shorter, each character perhaps an escape of six. */
const kind: SignedToken.Kind = { prefix: "rlc_", purpose: "runlease callback token", maxLength: 8192 }

const Claim = Schema.parseJson(
  Schema.Tuple(ProjectId, Schema.NullOr(KeyId), Schema.NonNegativeInt, RunId, InterruptId),
)

const decode = Schema.decodeUnknownOption(Claim)
const encode = Schema.encodeSync(Claim)

/** The token of a claim, signed with the key of its project. */
export const sign = (
  signingKey: string,
  { expiresAt, interruptId, issuedBy, projectId, runId }: Claim,
): Redacted.Redacted =>
  SignedToken.sign(kind, encode([projectId, issuedBy ?? null, expiresAt, runId, interruptId]), signingKey)

/** The claim that a token names, and whether a project's key has signed it. */
export interface Signed {
  readonly claim: Claim
  readonly isSignedWith: (signingKey: string) => boolean
}

/** What a token says, which is not to be believed before its signature was checked. Nothing for a token of another kind. */
export const read = (token: Redacted.Redacted): Option.Option<Signed> =>
  Option.flatMap(SignedToken.read(kind, token), ({ claim, isSignedWith }) =>
    Option.map(decode(claim), ([projectId, issuedBy, expiresAt, runId, interruptId]) => ({
      claim: {
        projectId,
        ...(issuedBy === null ? {} : { issuedBy }),
        expiresAt,
        runId,
        interruptId,
      },
      isSignedWith,
    })),
  )

/** The path and the query of the address that takes the answer. */
export const pathOf = (runId: string, token: Redacted.Redacted): string =>
  `/runs/${encodeURIComponent(runId)}/callback?token=${Redacted.value(token)}`
