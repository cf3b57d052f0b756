/** The scripts in a page, as a policy names them. */
import { Effect } from "effect"

const inlineScript = /<script(?: [^>]*)?>([\s\S]*?)<\/script>/g

const digestOf = (script: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(script))),
    (digest) => `'sha256-${Buffer.from(digest).toString("base64")}'`,
  )

/** The digest of each inline script of a page, for `script-src` of its policy. A script with a `src` has none. */
export const digests = (html: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(
    Array.from(html.matchAll(inlineScript), ([, script = ""]) => script).filter((script) => script !== ""),
    digestOf,
  )
