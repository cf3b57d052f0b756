/**
 * The connection of a request of Node.js.
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Predicate } from "effect"

interface Connection {
  readonly destroy: () => void
}

const isConnection = (value: unknown): value is Connection =>
  Predicate.hasProperty(value, "destroy") && Predicate.isFunction(value.destroy)

/** Whether the connection of a request is encrypted, as far as this process sees. */
export const isEncrypted = ({ source }: HttpServerRequest.HttpServerRequest): boolean =>
  Predicate.hasProperty(source, "socket") &&
  Predicate.hasProperty(source.socket, "encrypted") &&
  source.socket.encrypted === true

/** Ends the connection of a request at once, with what its client has not taken. Does nothing on other platforms. */
export const cut =
  ({ source }: HttpServerRequest.HttpServerRequest): (() => void) =>
  () => {
    if (Predicate.hasProperty(source, "socket") && isConnection(source.socket)) source.socket.destroy()
  }
