/**
 * `fetch` for requests with credentials. It follows a redirect within the origin of its request alone: another origin would get the headers,
 * and the body of a POST, that are for the first one.
 */
import { Predicate, Schema } from "effect"

/** A server redirects to another origin, which got nothing of the request. `from` and `to` are origins. */
export class RedirectRefused extends Schema.TaggedError<RedirectRefused>("@runlease/core/RedirectRefused")(
  "RedirectRefused",
  { from: Schema.String, to: Schema.String },
) {
  override get message() {
    return `${this.from} redirects to ${this.to}, which gets none of the credentials; set the URL to the address there if it is the right one`
  }
}

export const refusalIn = (error: unknown, depth = 0): RedirectRefused | undefined => {
  if (error instanceof RedirectRefused) return error
  return Predicate.hasProperty(error, "cause") && depth < 5 ? refusalIn(error.cause, depth + 1) : undefined
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** The most redirects of one request, as browsers have it. */
const maxRedirects = 20

type Fetch = typeof globalThis.fetch

/** The request after a redirect, as `fetch` itself has it. */
const redirected = (init: RequestInit | undefined, status: number): RequestInit | undefined => {
  const method = init?.method?.toUpperCase() ?? "GET"
  const becomesGet =
    status === 303 ? method !== "GET" && method !== "HEAD" : status < 303 && method === "POST"
  return becomesGet ? { ...init, method: "GET", body: null } : init
}

/**
 * Sends requests by `send`, which gets them with `redirect: "manual"`. A redirect is the answer to a `Request`.
 *
 * Fails: rejects with `RedirectRefused` at a redirect to another origin.
 */
export const make = (send: Fetch = (input, init) => globalThis.fetch(input, init)): Fetch => {
  const from = async (
    input: Parameters<Fetch>[0],
    init: RequestInit | undefined,
    left: number,
  ): Promise<Response> => {
    const response = await send(input, { ...init, redirect: "manual" })
    const location = response.headers.get("location")
    // The body of a `Request` is read once, so it is not sent again.
    if (!redirects.has(response.status) || location === null || left === 0 || input instanceof Request) {
      return response
    }
    const url = new URL(input)
    const next = new URL(location, url)
    await response.body?.cancel()
    if (next.origin !== url.origin) throw new RedirectRefused({ from: url.origin, to: next.origin })
    return from(next, redirected(init, response.status), left - 1)
  }
  return (input, init) => from(input, init, maxRedirects)
}
