/**
 * Tokens that no store has: a claim, signed with a key of 256 bits.
 *
 * A token is a prefix, the claim as JSON in UTF-8, and the signature, both in hex digits. The signature is the HMAC-SHA-256 of the purpose of
 * such tokens, a space and the claim, so a claim that is signed for one purpose is none for another.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js"
import { Option, Redacted } from "effect"
import * as Token from "./Token.js"

/** `prefix` shows a reader of a log what kind of token it is. A longer text than `maxLength` is no token. */
export interface Kind {
  readonly prefix: string
  readonly purpose: string
  readonly maxLength: number
}

/** A claim, and whether a key has signed it. A key is 64 hex digits. */
export interface Signed {
  readonly claim: string
  readonly isSignedWith: (key: string) => boolean
}

const signatureOf = ({ purpose }: Kind, claim: string, key: string): string =>
  bytesToHex(hmac(sha256, hexToBytes(key), utf8ToBytes(`${purpose} ${claim}`)))

export const sign = (kind: Kind, claim: string, key: string): Redacted.Redacted =>
  Redacted.make(`${kind.prefix}${bytesToHex(utf8ToBytes(claim))}${signatureOf(kind, claim, key)}`)

const shape = /^((?:[0-9a-f]{2})+)([0-9a-f]{64})$/

/** The claim of a token, which is not to be believed before its signature was checked. None for a token of another kind. */
export const read = (kind: Kind, token: Redacted.Redacted): Option.Option<Signed> => {
  const text = Redacted.value(token)
  if (text.length > kind.maxLength || !text.startsWith(kind.prefix)) return Option.none()
  const [, hex, signature] = shape.exec(text.slice(kind.prefix.length)) ?? []
  if (hex === undefined || signature === undefined) return Option.none()
  const claim = new TextDecoder().decode(hexToBytes(hex))
  return Option.some({
    claim,
    isSignedWith: (key) => Token.equal(signatureOf(kind, claim, key), signature),
  })
}
