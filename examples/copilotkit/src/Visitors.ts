import { Cookies, FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Effect, HashMap, Option, Ref, Schema } from "effect"
import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Backend } from "./Backend.js"

/** The path of a visitor's session. */
export const path = "/session"

const cookieName = "session"

/** How long a token lasts. The page gets a new one before that. */
const seconds = 15 * 60

const Issued = Schema.Struct({ token: Schema.String })

const cookie = (value: string, maxAge?: "0 seconds") =>
  Cookies.serializeCookie(
    Cookies.unsafeMakeCookie(cookieName, value, {
      httpOnly: true,
      sameSite: "strict",
      path: "/",
      ...(maxAge === undefined ? {} : { maxAge }),
    }),
  )

/**
 * The visitors of the page. `POST /session` gives a visitor the name of its thread and a token that is bound to that thread, so no visitor can name
 * the thread of another. `DELETE /session` ends the session; the next one has a thread of its own.
 *
 * A session is a random cookie that scripts cannot read and other sites cannot send. In your own application it is the one of your sign-in.
 */
export const make = Effect.fnUntraced(function* ({ apiKey, url }: Pick<Backend, "apiKey" | "url">) {
  const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
  const threads = yield* Ref.make(HashMap.empty<string, string>())

  const tokenOf = (threadId: string) =>
    HttpClientRequest.post(`${url}/projects/default/tokens`).pipe(
      HttpClientRequest.bearerToken(apiKey),
      HttpClientRequest.bodyUnsafeJson({
        scopes: ["read", "write", "stop"],
        thread_id: threadId,
        agent_ids: ["assistant"],
        expires_in_seconds: seconds,
      }),
      client.execute,
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Issued)),
    )

  /** The session of the cookie, or a new one. A session that this server has not made is none. */
  const sessionOf = (sent: string | undefined) =>
    Ref.modify(threads, (all) => {
      const threadId = sent === undefined ? Option.none() : HashMap.get(all, sent)
      if (sent !== undefined && Option.isSome(threadId)) return [{ id: sent, threadId: threadId.value }, all]
      const made = { id: randomUUID(), threadId: randomUUID() }
      return [made, HashMap.set(all, made.id, made.threadId)]
    })

  /** Answers a request to `/session`. */
  const answer = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
    Effect.gen(function* () {
      const sent = Cookies.parseHeader(request.headers.cookie ?? "")[cookieName]
      if (request.method === "DELETE") {
        if (sent !== undefined) yield* Ref.update(threads, HashMap.remove(sent))
        response.writeHead(204, { "Set-Cookie": cookie("", "0 seconds") }).end()
        return
      }
      if (request.method !== "POST") {
        response.writeHead(405, { Allow: "POST, DELETE" }).end()
        return
      }
      const { id, threadId } = yield* sessionOf(sent)
      const { token } = yield* tokenOf(threadId)
      response.writeHead(200, {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Set-Cookie": cookie(id),
      })
      response.end(JSON.stringify({ threadId, token, seconds }))
    }).pipe(
      Effect.catchAll((error) =>
        Effect.zipRight(
          Effect.logError("No token for a visitor", error),
          Effect.sync(() => {
            response.writeHead(503).end()
          }),
        ),
      ),
    )

  return { answer }
}, Effect.provide(FetchHttpClient.layer))
