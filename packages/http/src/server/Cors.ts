/** Lets pages of other origins call the API from a browser (CORS). */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import { epochHeader, workerHeader } from "../Api/Fence.js"

/** The headers that a page may send. A token goes in a separate header, so no cookie and no credentials of the browser are needed. */
const allowedHeaders = [
  "Authorization",
  "X-API-Key",
  "Content-Type",
  "Last-Event-ID",
  "If-Match",
  "Traceparent",
  epochHeader,
  workerHeader,
]

/** The headers of an answer that a page may read. */
const exposedHeaders = ["Retry-After", "WWW-Authenticate", "Allow"]

/** How long a browser may cache a preflight, in seconds: the most that browsers allow. */
const maxAge = 86_400

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

/**
 * Lets pages of these origins, or of any for `*`, call the API, with headers of its faces too. A preflight carries no token, so it is answered before the
 * caller is authenticated; refusals have the headers too, so that a page can read why.
 */
export const allow = (origins: ReadonlyArray<string>, ofFaces: ReadonlyArray<string>) => {
  const listed = new Set(origins.map((origin) => origin.toLowerCase()))
  return HttpMiddleware.cors({
    // An empty list is any origin to the middleware.
    allowedOrigins: listed.has("*")
      ? []
      : (origin: string | undefined) => origin !== undefined && listed.has(origin.toLowerCase()),
    allowedMethods: methods,
    allowedHeaders: [...allowedHeaders, ...ofFaces],
    exposedHeaders,
    maxAge,
  })
}
