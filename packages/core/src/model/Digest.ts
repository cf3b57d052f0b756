/**
 * Digests of text.
 *
 * @since 0.1.0
 */
import { sha256 as digest } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"

/**
 * SHA-256 of the text in UTF-8: 64 hex digits. It is there at once, unlike that of the Web's own interface.
 *
 * @since 0.1.0
 * @category digests
 */
export const sha256 = (text: string): string => bytesToHex(digest(utf8ToBytes(text)))
