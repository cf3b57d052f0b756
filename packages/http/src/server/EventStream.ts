/** Server-sent events: LF framing, the first bytes at once, a comment now and then so that no proxy times out. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Chunk, Effect, Runtime, type Scope, Stream } from "effect"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as NodeConnection from "./NodeConnection.js"
import { OpenStreams } from "./OpenStreams.js"
import * as ResponseBody from "./ResponseBody.js"
import { isRevokedLater, type Revocation, Shutdown } from "./LongRequests.js"
import * as StreamTurns from "./StreamTurns.js"
import { writeSize } from "./ViewRing.js"

const encoder = new TextEncoder()

const comment = encoder.encode(":\n\n")

/** One event from JSON text. That holds no line breaks, so it is one `data` line. */
export const frame = (json: string, id?: number): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${json}\n\n`

/** One event with a name, by which a browser finds its listeners. */
export const namedFrame = (name: string, json: string, id?: number): string =>
  `event: ${name}\n${frame(json, id)}`

/** What a stream needs in addition to its request. */
export type Services =
  | OpenStreams
  | Revocation
  | Shutdown
  | CurrentPrincipal
  | StreamTurns.StreamTurns
  | HttpServerRequest.HttpServerRequest
  | Scope.Scope

export interface EventStream {
  readonly isReady: () => boolean
  /** Writes frames to a client that is ready. */
  readonly write: (frames: Uint8Array) => void
  /** Calls it in a separate turn, for large frames. */
  readonly takeTurn: (write: () => void) => void
  /** Ends the stream, and drops what the client has not read yet. */
  readonly end: () => void
}

export interface Opened {
  readonly stream: EventStream
  readonly response: HttpServerResponse.HttpServerResponse
}

/**
 * The options of a stream apart from its frames. `cuts`: a stream that the server ends early loses its connection, since its client would take the
 * end for that of what it follows.
 */
export interface Manner {
  readonly headers?: Readonly<Record<string, string>>
  readonly cuts?: boolean
}

/**
 * Opens a stream, which ends when the server shuts down or the caller's token is revoked. A client that has not read the
 * end some seconds after a shutdown has begun loses its connection. `onReady` is called each time that its client takes
 * frames again.
 */
export const open = (
  onReady: () => void,
  { cuts = false, headers = {} }: Manner = {},
): Effect.Effect<Opened, never, Services> =>
  Effect.gen(function* () {
    const shutdown = yield* Shutdown
    const streams = yield* OpenStreams
    const httpRequest = yield* HttpServerRequest.HttpServerRequest
    const principal = yield* CurrentPrincipal
    const body = ResponseBody.make(comment, onReady)
    const { projectId } = principal
    const turns = yield* StreamTurns.StreamTurns
    const close = NodeConnection.close(httpRequest)
    const cut = NodeConnection.cut(httpRequest)
    const endEarly = cuts ? cut : body.end
    // Its connection is idle after the end, and would keep the server.
    yield* shutdown.onBegun(() => {
      body.readable.once("close", close)
      endEarly()
    })
    yield* shutdown.onOverdue(cut)
    yield* streams.add({
      comment: () => {
        if (body.isReady()) body.write(comment)
      },
      end: endEarly,
      isRevoked: yield* isRevokedLater,
    })
    return {
      stream: { ...body, takeTurn: (write) => turns.take(projectId, write) },
      response: HttpServerResponse.raw(body.readable, {
        contentType: "text/event-stream",
        // No `connection: close`: the fetch of Node 20 takes a stream with it that was cut off for one that has ended.
        headers: { "cache-control": "no-cache", "x-accel-buffering": "no", ...headers },
      }),
    }
  })

/** Successive frames as texts of one write each. */
const writesOf = (frames: Chunk.Chunk<string>): ReadonlyArray<string> => {
  const writes: Array<string> = []
  let text = ""
  for (const next of frames) {
    if (text !== "" && text.length + next.length > writeSize) {
      writes.push(text)
      text = ""
    }
    text += next
  }
  return text === "" ? writes : [...writes, text]
}

/** Opens a stream, and has what writes frames to it until they end, and its end. `onReady` is called each time that its client takes frames. */
const opened = (onReady: (write: (text: string) => boolean) => void) =>
  Effect.gen(function* () {
    const ready = yield* Effect.makeLatch()
    const { response, stream } = yield* open(() => {
      ready.unsafeOpen()
      onReady(writeNow)
    })
    /** Writes to a client that takes frames now; false for another. */
    const writeNow = (text: string): boolean => {
      if (!stream.isReady()) return false
      stream.write(encoder.encode(text))
      if (!stream.isReady()) ready.unsafeClose()
      return true
    }
    const write = (text: string) =>
      Effect.gen(function* () {
        if (text.length >= StreamTurns.largeWrite) yield* StreamTurns.next
        yield* ready.await
        writeNow(text)
      })
    const writeAll = (chunk: Chunk.Chunk<string>) => Effect.forEach(writesOf(chunk), write, { discard: true })
    const send = <E, R>(frames: Stream.Stream<string, E, R>) =>
      Stream.runForEachChunk(frames, writeAll).pipe(
        Effect.catchAllCause((cause) => Effect.logWarning("An event stream ended early", cause)),
        Effect.ensuring(Effect.sync(stream.end)),
      )
    return { response, send, writeNow }
  })

/**
 * The response that sends frames until they end. A failure on the way ends it: a client that reconnects continues from the
 * last id it saw.
 */
export const respond = <E, R = never>(
  frames: Stream.Stream<string, E, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Services | R> =>
  Effect.gen(function* () {
    const { response, send } = yield* opened(() => {})
    yield* Effect.forkScoped(send(frames))
    return response
  })

/** How many of the newest frames a client has that takes them slowly, where frames do not wait for it. */
const capacity = 16

/**
 * The response that sends one frame, once `begin` has called `done`, and ends. Until then it has no fiber; what `begin` sends before is small,
 * and all but the newest is dropped for a client that does not take it.
 */
export const respondOnce = (
  begin: (done: () => void, send: (frame: string) => void) => Effect.Effect<void, never, Scope.Scope>,
  frame: Effect.Effect<string>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Services> =>
  Effect.gen(function* () {
    const left: Array<string> = []
    const { response, send, writeNow } = yield* opened((write) => {
      while (left[0] !== undefined && write(left[0])) left.shift()
    })
    const scope = yield* Effect.scope
    const fork = Runtime.runFork(yield* Effect.runtime<StreamTurns.StreamTurns | CurrentPrincipal>())
    yield* begin(
      () => {
        fork(
          Effect.suspend(() =>
            send(Stream.concat(Stream.fromIterable(left.splice(0)), Stream.fromEffect(frame))),
          ),
          { scope },
        )
      },
      (early) => {
        if (left.length > 0 || !writeNow(early)) left.push(early)
        if (left.length > capacity) left.shift()
      },
    )
    return response
  })
