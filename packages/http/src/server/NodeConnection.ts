/** The connection of a request of Node.js. */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Predicate } from "effect"
import type { Duplex } from "node:stream"

/** Calls a method of the socket of a request. Does nothing on other platforms. */
const callSocket =
  (method: "destroy" | "destroySoon") =>
  ({ source }: HttpServerRequest.HttpServerRequest): (() => void) =>
  () => {
    if (!Predicate.hasProperty(source, "socket") || !Predicate.hasProperty(source.socket, method)) return
    const { socket } = source
    if (Predicate.isFunction(socket[method])) socket[method]()
  }

/** Whether the connection of a request is encrypted, as far as this process sees. */
export const isEncrypted = ({ source }: HttpServerRequest.HttpServerRequest): boolean =>
  Predicate.hasProperty(source, "socket") &&
  Predicate.hasProperty(source.socket, "encrypted") &&
  source.socket.encrypted === true

/** Ends the connection of a request at once, with what its client has not read. Does nothing on other platforms. */
export const cut = callSocket("destroy")

/** Ends the connection of a request once its client has what is written. Does nothing on other platforms. */
export const close = callSocket("destroySoon")

const socketOf = ({ source }: HttpServerRequest.HttpServerRequest): Duplex | undefined =>
  Predicate.hasProperty(source, "socket") ? (source.socket as Duplex) : undefined

/** How many bytes of a request's connection its client has not taken; 0 on other platforms. */
export const unsent = (request: HttpServerRequest.HttpServerRequest): (() => number) => {
  const socket = socketOf(request)
  return () => socket?.writableLength ?? 0
}

/**
 * Calls `listener` with the number of bytes of each piece that arrives, until the returned function is called. Does nothing on other
 * platforms.
 */
export const onData = (
  request: HttpServerRequest.HttpServerRequest,
  listener: (bytes: number) => void,
): (() => void) => {
  const socket = socketOf(request)
  const onChunk = ({ length }: Uint8Array) => listener(length)
  socket?.on("data", onChunk)
  return () => void socket?.off("data", onChunk)
}
