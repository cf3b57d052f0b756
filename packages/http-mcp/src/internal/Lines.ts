/**
 * A server over two streams of lines, each line a message: the transport of a program that its client starts.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
 */
import type { Refusal } from "@runlease/http/Refusal"
import { Effect, FiberMap, Option, Schema, Stream } from "effect"
import * as JsonRpc from "./JsonRpc.js"
import type { Server } from "../Mcp.js"

/** How long requests may take that are left when their client has closed its stream. */
const grace = "2 seconds"

const parse = Schema.decodeUnknownOption(Schema.parseJson())

const Cancelled = Schema.Struct({
  method: Schema.Literal("notifications/cancelled"),
  params: Schema.Struct({ requestId: JsonRpc.Id }),
})
const cancelledOf = Schema.decodeUnknownOption(Cancelled)

const inUse = JsonRpc.failure("invalidRequest", "A request with this id is in progress")

/**
 * Answers the messages of a client until its stream ends. Several requests are in progress at once; `notifications/cancelled` ends the wait of
 * one, and leaves its run alone.
 */
export const serve = (
  { handle }: Server,
  lines: Stream.Stream<string>,
  write: (line: string) => Effect.Effect<void>,
): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const inProgress = yield* FiberMap.make<string, void, never>()
      const send = (message: JsonRpc.Message) => write(JSON.stringify(message))

      const unavailable = (message: unknown) => (refusal: Refusal) =>
        send(JsonRpc.refusal(JsonRpc.idOf(message), JsonRpc.failure("internalError", refusal.body.detail)))

      const answer = (message: unknown): Effect.Effect<void> =>
        Effect.matchEffect(handle(message), {
          onFailure: unavailable(message),
          onSuccess: (reply) => {
            switch (reply._tag) {
              case "None":
                return Effect.void
              case "Answer":
                return send(reply.message)
              case "Messages":
                return Stream.runForEach(reply.messages, send)
            }
          },
        })

      const take = (message: unknown): Effect.Effect<void> => {
        const cancelled = cancelledOf(message)
        if (Option.isSome(cancelled)) {
          return FiberMap.remove(inProgress, JSON.stringify(cancelled.value.params.requestId))
        }
        const id = JsonRpc.idOf(message)
        if (id === undefined) return answer(message)
        const key = JSON.stringify(id)
        return FiberMap.unsafeHas(inProgress, key)
          ? send(JsonRpc.refusal(id, inUse))
          : Effect.asVoid(FiberMap.run(inProgress, key, answer(message)))
      }

      yield* Stream.runForEach(lines, (line) =>
        line.trim() === ""
          ? Effect.void
          : Option.match(parse(line), { onNone: () => send(JsonRpc.unparsable), onSome: take }),
      )
      yield* Effect.timeoutOption(FiberMap.awaitEmpty(inProgress), grace)
    }),
  )
