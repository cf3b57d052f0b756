/** Bearer tokens: made from secure random bits, stored only as a digest. */
import { Effect, Redacted } from "effect"

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** 256 random bits, as 64 hex digits. */
export const randomBits: Effect.Effect<string> = Effect.sync(() =>
  hex(globalThis.crypto.getRandomValues(new Uint8Array(32))),
)

/** Makes a token of 256 random bits. The `prefix` shows a reader of a log what kind of token it is. */
export const generate = (prefix: "rlk" | "rlw" | "rls"): Effect.Effect<Redacted.Redacted> =>
  Effect.map(randomBits, (bits) => Redacted.make(`${prefix}_${bits}`))

/** Whether a token is that of a session, by its prefix. */
export const isSession = (token: Redacted.Redacted): boolean => Redacted.value(token).startsWith("rls_")

/** The text with `<token>` in place of each token that `generate`, `RunToken.sign`, `BrowserToken.sign` or `CallbackToken.sign` made. A caller may put a token into a wrong place, and no answer shows it. */
export const mask = (text: string): string => text.replaceAll(/\brl[bckrsw]_[0-9a-f]{16,}/gi, "<token>")

/** SHA-256 of a token, as 64 hex digits. A token has too many bits to be guessed, so it needs no slow hash. */
export const digest = (token: Redacted.Redacted): Effect.Effect<string> =>
  Effect.promise(() =>
    globalThis.crypto.subtle.digest("SHA-256", new TextEncoder().encode(Redacted.value(token))),
  ).pipe(Effect.map((buffer) => hex(new Uint8Array(buffer))))

/** The part of a digest that a store may index; the rest is compared by `equal`. */
export const lookup = (digestHex: string): string => digestHex.slice(0, 16)

/** Compares two digests in a time that depends on their length alone. */
export const equal = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
