/**
 * Connects an agent's stdin and stdout to the SDK's stream of messages.
 *
 * The SDK reads without limit, so this module reads one message at a time, after the one before is handled. A slow log then
 * slows the agent down. Session updates are handled here, since the SDK does not wait for their handlers and drops kinds
 * that it does not know.
 */
import type { AnyMessage, Stream as AcpStream } from "@agentclientprotocol/sdk"
import { Executor } from "@runlease/core"
import { Lines, type ProcessGroup } from "@runlease/process"
import { Chunk, Deferred, Effect, FiberSet, Option, Predicate, Schema, type Scope, Stream } from "effect"
import * as Failure from "./Failure.js"

export interface Options {
  readonly command: string
  readonly maxMessageBytes: number
  /** Handles the parameters of a `session/update`. The next message is read when it is done. */
  readonly onUpdate: (params: unknown) => Effect.Effect<void>
}

export interface Wire {
  readonly stream: AcpStream
  /** Succeeds when all of the agent's stdout is handled. Fails when the output was not the protocol. */
  readonly ended: Deferred.Deferred<void, Executor.ExecutorError>
}

/** How many lines that are no message are skipped, such as banners and warnings. */
const maxNoise = 16

const parse = Schema.decodeUnknownOption(Schema.parseJson(Schema.Unknown))

const isMessage = (value: unknown): value is AnyMessage & Readonly<Record<string, unknown>> =>
  Predicate.isRecord(value) && value["jsonrpc"] === "2.0"

export const make = Effect.fnUntraced(function* (
  group: ProcessGroup.ProcessGroup,
  options: Options,
): Effect.fn.Return<Wire, never, Scope.Scope> {
  const ended = yield* Deferred.make<void, Executor.ExecutorError>()
  const run = yield* FiberSet.makeRuntimePromise<never, unknown, never>()
  const pull = yield* Stream.toPull(Lines.split(options.maxMessageBytes)(group.stdout))
  let lines: ReadonlyArray<Lines.Line> = []
  let noise = 0

  const nextLine: Effect.Effect<Lines.Line, Option.Option<Executor.ExecutorError>> = Effect.suspend(() => {
    const [line, ...rest] = lines
    if (line === undefined) {
      return Effect.zipRight(
        Effect.map(pull, (chunk) => {
          lines = Chunk.toReadonlyArray(chunk)
        }),
        nextLine,
      )
    }
    lines = rest
    return Effect.succeed(line)
  })

  const onNoise = (line: Lines.Line): Effect.Effect<void, Option.Option<Executor.ExecutorError>> => {
    noise += 1
    const excerpt = JSON.stringify(line.text.slice(0, 200))
    return noise > maxNoise
      ? Effect.fail(
          Option.some(
            Failure.of(
              "agent_protocol_error",
              `${options.command} writes lines to stdout that are not the Agent Client Protocol, such as ${excerpt}; check that its arguments make it speak ACP`,
            ),
          ),
        )
      : Effect.logWarning(`${options.command} wrote a line that is no message: ${excerpt}`)
  }

  const next: Effect.Effect<AnyMessage, Option.Option<Executor.ExecutorError>> = Effect.gen(function* () {
    while (true) {
      const line = yield* nextLine
      if (line.end === "limit") {
        return yield* Effect.fail(
          Option.some(
            Failure.of(
              "agent_message_too_large",
              `${options.command} wrote a message of more than ${options.maxMessageBytes} bytes`,
            ),
          ),
        )
      }
      if (line.text.trim() === "") continue
      const message = Option.getOrUndefined(parse(line.text))
      if (!isMessage(message)) yield* onNoise(line)
      else if (message["method"] === "session/update" && !("id" in message))
        yield* options.onUpdate(message["params"])
      else return message
    }
  })

  const readable = new ReadableStream<AnyMessage>(
    {
      pull: (controller) =>
        run(
          Effect.matchEffect(next, {
            onSuccess: (message) => Effect.sync(() => controller.enqueue(message)),
            onFailure: (failure) =>
              Effect.zipRight(
                Option.match(failure, {
                  onNone: () => Deferred.succeed(ended, undefined),
                  onSome: (error) => Deferred.fail(ended, error),
                }),
                Effect.sync(() => controller.close()),
              ),
          }),
        ).then(() => undefined),
    },
    { highWaterMark: 0 },
  )
  const writable = new WritableStream<AnyMessage>({
    write: (message) => run(group.write(`${JSON.stringify(message)}\n`)).then(() => undefined),
  })
  return { stream: { readable, writable }, ended }
})
