/**
 * Tokens of runs: what the program of a run may show instead of the token of its worker.
 *
 * The worker signs one with its own token, so no request to a store makes it and no store has it. It names a lease, and is worth nothing once the
 * worker does not hold that lease, or once its own token is not valid.
 *
 * A token is `rlr_`, the claim as JSON in UTF-8, `[epoch, worker id, run id]`, and the signature, both in hex digits. The signature is the
 * HMAC-SHA-256 of `runlease run token ` and the claim; its key is the SHA-256 of the worker's token.
 *
 * Source: docs/decisions/0080-run-tokens.md
 */
import { Effect, Option, type Redacted, Schema } from "effect"
import { RunId, WorkerId } from "./Ids.js"
import { LeaseEpoch, type LeaseRef } from "./Run.js"
import * as SignedToken from "./SignedToken.js"
import * as Token from "./Token.js"

export interface NamedLease extends LeaseRef {
  readonly epoch: LeaseEpoch
}

/** A claim has three ids at most, so a longer text is no token. */
const kind: SignedToken.Kind = { prefix: "rlr_", purpose: "runlease run token", maxLength: 4096 }

const Claim = Schema.parseJson(Schema.Tuple(LeaseEpoch, WorkerId, RunId))

const decode = Schema.decodeUnknownOption(Claim)
const encode = Schema.encodeSync(Claim)

/** The token of a run, signed with that of the worker that holds it. */
export const sign = (
  workerToken: Redacted.Redacted,
  { epoch, runId, workerId }: NamedLease,
): Effect.Effect<Redacted.Redacted> =>
  Effect.map(Token.digest(workerToken), (digest) =>
    SignedToken.sign(kind, encode([epoch, workerId, runId]), digest),
  )

/** The lease that a token names, and whether a worker's token has signed it, of which `digest` is the digest. */
export interface Signed {
  readonly lease: NamedLease
  readonly isSignedWith: (digest: string) => boolean
}

/** What a token says, which is not to be believed before its signature was checked. Nothing for a token of another kind. */
export const read = (token: Redacted.Redacted): Option.Option<Signed> =>
  Option.flatMap(SignedToken.read(kind, token), ({ claim, isSignedWith }) =>
    Option.map(decode(claim), ([epoch, workerId, runId]) => ({
      lease: { epoch, workerId, runId },
      isSignedWith,
    })),
  )
