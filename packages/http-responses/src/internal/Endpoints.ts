/**
 * The endpoints of the Responses API.
 */
import { Runs } from "@runlease/core"
import * as Caller from "@runlease/http/face/Caller"
import type * as Face from "@runlease/http/face/Face"
import * as RawRequest from "@runlease/http/face/RawRequest"
import { Revocation, Shutdown } from "@runlease/http/face/Turns"
import { Context, Effect, Option } from "effect"
import * as Errors from "./Errors.js"
import * as InputItems from "./InputItems.js"
import * as Answer from "./Answer.js"
import type { Continuations } from "./Continuations.js"
import * as Create from "./Create.js"
import * as Query from "./Query.js"
import * as Responses from "./Responses.js"

const body = Effect.flatMap(RawRequest.text, (text) =>
  Option.match(RawRequest.parse(text), {
    onNone: () => Errors.invalid("body", "is not valid JSON", "invalid_json"),
    onSome: Effect.succeed,
  }),
)

/** The run continues, and a client that repeats its request would begin another. */
const shuttingDown = ({ run }: Responses.Found) =>
  Answer.json(
    Errors.toBody(
      new Errors.ResponsesError({
        httpStatus: 503,
        code: "shutting_down",
        message: `The server shuts down; response ${run.runId} continues, so read it by its id`,
        param: null,
      }),
    ),
    503,
    { "x-should-retry": "false" },
  )

const page = (items: ReadonlyArray<object>, { after, limit, order }: Query.Page) => {
  const ordered = order === "asc" ? items : items.toReversed()
  const idOf = (item: object | undefined) => (item as { readonly id: string } | undefined)?.id ?? null
  const from = after === undefined ? 0 : ordered.findIndex((item) => idOf(item) === after) + 1
  const data = ordered.slice(from, from + limit)
  return {
    object: "list",
    data,
    first_id: idOf(data[0]),
    last_id: idOf(data.at(-1)),
    has_more: from + data.length < ordered.length,
  }
}

export const createResponse: Face.Answer<never, Continuations> = Effect.gen(function* () {
  const ports = yield* Caller.ports
  const { found, stream } = yield* Create.create(ports, yield* body)
  if (stream) return yield* Answer.stream(Responses.events(ports, found), -1)
  if (found.settings.background === true) return Answer.json(yield* Responses.read(ports, found))
  const { unlessRevoked } = yield* Revocation
  const { unless } = yield* Shutdown
  return Option.match(yield* unless(unlessRevoked(Responses.settled(ports, found))), {
    onNone: () => shuttingDown(found),
    onSome: (response) => Answer.json(response),
  })
}).pipe(Answer.respond)

export const getResponse = (responseId: string): Face.Answer =>
  Effect.gen(function* () {
    const ports = yield* Caller.ports
    const { startingAfter, stream } = yield* Query.read
    const found = yield* Responses.findStored(ports, responseId)
    return stream
      ? yield* Answer.stream(Responses.events(ports, found), startingAfter)
      : Answer.json(yield* Responses.read(ports, found))
  }).pipe(Answer.respond)

export const cancelResponse = (responseId: string): Face.Answer =>
  Effect.gen(function* () {
    const ports = yield* Caller.ports
    const found = yield* Responses.findStored(ports, responseId)
    if (found.settings.background !== true) {
      return yield* Errors.invalid("response_id", "only a response with background=true can be cancelled")
    }
    const { run } = yield* Context.get(ports, Runs.Runs)
      .cancel(found.run.runId)
      .pipe(Effect.catchTag("RunNotFound", () => Errors.notFound(responseId)))
    return Answer.json(yield* Responses.read(ports, { ...found, run }))
  }).pipe(Answer.respond)

export const listInputItems = (responseId: string): Face.Answer =>
  Effect.gen(function* () {
    const ports = yield* Caller.ports
    const wanted = yield* Query.page
    const { run } = yield* Responses.findStored(ports, responseId)
    const messages = yield* Responses.messagesOf(ports, run)
    const input = messages.filter(({ id }) => id !== Create.instructionsId)
    return Answer.json(page(input.map(InputItems.fromMessage), wanted))
  }).pipe(Answer.respond)
