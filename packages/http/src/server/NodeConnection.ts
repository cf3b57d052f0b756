/** The connection of a request of Node.js. */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Predicate } from "effect"

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
