/** What is around the agent, each a stand-in on this machine: GitHub, a reviewer, and a service that gets webhooks. */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Queue, Schedule, Schema } from "effect"
import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import { Webhook } from "standardwebhooks"

/** Posts a message as GitHub does, and gives the answer. */
export const postAsGitHub = (address: string, secret: string, message: object) =>
  Effect.promise(async (signal) => {
    const body = JSON.stringify(message)
    const signature = createHmac("sha256", secret).update(body).digest("hex")
    const response = await fetch(address, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-hub-signature-256": `sha256=${signature}`,
      },
      signal,
    })
    return { status: response.status, ...((await response.json()) as { readonly run_id?: string }) }
  })

const Review = Schema.Struct({ issue: Schema.Int, fix: Schema.String, answer: Schema.String })

const Ended = Schema.parseJson(
  Schema.Struct({ type: Schema.String, data: Schema.Struct({ run_id: Schema.String }) }),
)

/** Serves the reviewer at /review, and what gets the ends of runs at /ended. */
export const serve = Effect.gen(function* () {
  const reviews = yield* Queue.unbounded<typeof Review.Type>()
  const ended = yield* Queue.unbounded<{
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
  }>()
  const server = yield* NodeHttpServer.make(() => createServer(), { port: 0, host: "127.0.0.1" })
  yield* server.serve(
    HttpRouter.empty.pipe(
      HttpRouter.post(
        "/review",
        Effect.flatMap(HttpServerRequest.schemaBodyJson(Review), (review) =>
          Effect.as(Queue.offer(reviews, review), HttpServerResponse.empty()),
        ),
      ),
      HttpRouter.post(
        "/ended",
        Effect.gen(function* () {
          const { headers, text } = yield* HttpServerRequest.HttpServerRequest
          yield* Queue.offer(ended, { headers, body: yield* text })
          return HttpServerResponse.empty()
        }),
      ),
    ),
  )
  const url = HttpServer.formatAddress(server.address)
  return {
    review: `${url}/review`,
    ended: `${url}/ended`,
    /** What the reviewer is to review next. */
    nextReview: Queue.take(reviews),
    /** The next end of a run, once its signature is verified. */
    nextEnd: (secret: string) =>
      Effect.flatMap(Queue.take(ended), ({ body, headers }) =>
        Effect.zipRight(
          Effect.try(() => new Webhook(secret).verify(body, headers)),
          Schema.decode(Ended)(body),
        ),
      ),
  }
})

const post = (url: string) =>
  Effect.promise(async (signal) => {
    const body = JSON.stringify({ approved: true })
    const headers = { "content-type": "application/json" }
    const response = await fetch(url, { method: "POST", body, headers, signal })
    const { error } = (await response.json()) as { readonly error?: string }
    return { status: response.status, error }
  })

/** Approves by the URL of a question, and gives the answer. The run may not wait yet: then it posts again, as services do. */
export const approve = (url: string) =>
  post(url).pipe(
    Effect.filterOrFail(
      ({ error }) => error !== "not_waiting",
      () => "not_waiting" as const,
    ),
    Effect.retry(Schedule.spaced("100 millis")),
  )
