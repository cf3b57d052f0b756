/** A transport with requests in addition to those of its client, which refuses results that it does not know, such as tasks. */
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client"
import { Predicate } from "effect"

/** The error with which a server answers a request. */
export class RpcError extends Error {
  readonly code: unknown
  constructor(code: unknown, message: string) {
    super(message)
    this.code = code
  }
}

interface Waiting {
  readonly resolve: (result: Record<string, unknown>) => void
  readonly reject: (error: unknown) => void
}

export interface Tapped {
  readonly transport: Transport
  readonly request: (
    method: string,
    params: Record<string, unknown>,
    signal: AbortSignal,
  ) => Promise<Record<string, unknown>>
}

export const tap = (inner: Transport): Tapped => {
  const waiting = new Map<unknown, Waiting>()
  let count = 0

  const take = (message: object): boolean => {
    const id = "id" in message ? message.id : undefined
    const request = waiting.get(id)
    if (request === undefined) return false
    waiting.delete(id)
    if ("result" in message && Predicate.isRecord(message.result)) request.resolve(message.result)
    else {
      const error = "error" in message && Predicate.isRecord(message.error) ? message.error : {}
      request.reject(new RpcError(error["code"], String(error["message"] ?? "it answered with no result")))
    }
    return true
  }

  const transport: Transport = {
    start: () => {
      // A transport has one listener of each kind.
      Object.assign(inner, {
        onmessage: ((message, extra) => {
          if (!take(message)) transport.onmessage?.(message, extra)
        }) satisfies Transport["onmessage"],
        onerror: ((error) => transport.onerror?.(error)) satisfies Transport["onerror"],
        onclose: () => {
          for (const { reject } of waiting.values()) reject(new Error("the connection was closed"))
          waiting.clear()
          transport.onclose?.()
        },
      })
      return inner.start()
    },
    send: (message, options) => inner.send(message, options),
    close: () => inner.close(),
    setProtocolVersion: (version) => inner.setProtocolVersion?.(version),
    setSupportedProtocolVersions: (versions) => inner.setSupportedProtocolVersions?.(versions),
    get hasPerRequestStream() {
      return inner.hasPerRequestStream ?? false
    },
    get sessionId() {
      return inner.sessionId
    },
  }

  return {
    transport,
    request: (method, params, signal) =>
      new Promise((resolve, reject) => {
        const id = `runlease-${(count += 1)}`
        const fail = (error: unknown) => {
          waiting.delete(id)
          reject(error)
        }
        waiting.set(id, { resolve, reject })
        signal.addEventListener("abort", () => fail(signal.reason), { once: true })
        const message: JSONRPCMessage = { jsonrpc: "2.0", id, method, params }
        // A stream that ends before its answer has none.
        const onRequestStreamEnd = () => fail(new Error("its answer broke off"))
        inner.send(message, { requestSignal: signal, onRequestStreamEnd }).catch(fail)
      }),
  }
}
