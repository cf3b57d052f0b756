import { Socket } from "@effect/platform"
import { NodeSocket } from "@effect/platform-node"
import { Deferred, Effect, Queue, type Scope } from "effect"
import { protocol, protocolOf } from "../src/Api/Connection.js"
import { Served } from "./serving.js"

export interface Connected {
  readonly send: (frame: unknown) => Effect.Effect<void>
  readonly sendBytes: (frame: Uint8Array) => Effect.Effect<void>
  /** The next frame of the server. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  readonly next: Effect.Effect<any>
  /** The code with which the connection ends. */
  readonly ended: Effect.Effect<number>
}

/** A WebSocket whose frames the test writes; undefined where the server refuses it. */
export const connect = (
  workerId: string,
  token: string,
  protocols: Array<string> = [protocol, protocolOf(token)],
): Effect.Effect<Connected | undefined, never, Served | Scope.Scope> =>
  Effect.gen(function* () {
    const { url } = yield* Served
    const construct = yield* Socket.WebSocketConstructor
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() =>
        construct(`${url.replace("http", "ws")}/agent-workers/workers/${workerId}/connection`, protocols),
      ),
      (socket) => Effect.sync(() => socket.close()),
    )
    const frames = yield* Queue.unbounded<unknown>()
    const ended = yield* Deferred.make<number>()
    const isOpen = yield* Effect.async<boolean>((resume) => {
      socket.addEventListener("open", () => resume(Effect.succeed(true)))
      socket.addEventListener("error", () => resume(Effect.succeed(false)))
    }).pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          socket.addEventListener("close", ({ code }) => Deferred.unsafeDone(ended, Effect.succeed(code)))
          socket.addEventListener("message", ({ data }) => Queue.unsafeOffer(frames, JSON.parse(data)))
        }),
      ),
    )
    const connected: Connected = {
      send: (frame) =>
        Effect.sync(() => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame))),
      sendBytes: (frame) => Effect.sync(() => socket.send(frame)),
      next: Queue.take(frames),
      ended: Deferred.await(ended),
    }
    return isOpen ? connected : undefined
  }).pipe(Effect.provide(NodeSocket.layerWebSocketConstructor))
