/** Digests of text. */
import { sha256 as digest } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"

/** SHA-256 of the text in UTF-8: 64 hex digits. It is there at once, unlike that of the Web's own interface. */
export const sha256 = (text: string): string => bytesToHex(digest(utf8ToBytes(text)))

/**
 * A UUID of version 8, which is one's own making, of the first 16 bytes of the digest: the same for the same text.
 *
 * Source: RFC 9562 section 5.8
 */
export const uuidOf = (text: string): string => {
  const hex = sha256(text)
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join("-")
}
