/** A receiver of webhooks on the loopback interface that fails one time in five, and remembers what came. */
import { Effect, type Scope } from "effect"
import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/**
 * What came under one `webhook-id`. `bodies`: the different ones. `late`: from the event to the first attempt, and `lateAccepted`: to the first
 * attempt that was answered by 2xx, in milliseconds.
 */
export interface Message {
  readonly bodies: Set<string>
  requests: number
  accepted: number
  readonly late: number
  lateAccepted: number | undefined
}

export interface Receiver {
  readonly url: string
  readonly messages: ReadonlyMap<string, Message>
  /** How many requests had no signature by the secret. */
  readonly unsigned: () => number
  /** Requests are counted once the secret is there. */
  secret: string
}

/** How a fifth of the requests fails: by an answer, or by none. */
const failures = ["500", "429", "reset"] as const

/** `random` gives numbers from 0 to 1. The Scope closes it. */
export const make = (random: () => number): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.gen(function* () {
    const messages = new Map<string, Message>()
    let unsigned = 0
    const isSigned = (headers: Readonly<Record<string, unknown>>, body: string): boolean => {
      const key = Buffer.from(receiver.secret.replace("whsec_", ""), "base64")
      const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`
      const signature = `v1,${createHmac("sha256", key).update(signed).digest("base64")}`
      return String(headers["webhook-signature"]).split(" ").includes(signature)
    }
    const server = createServer((request, response) => {
      const now = Date.now()
      let body = ""
      request.on("data", (chunk) => (body += String(chunk)))
      request.on("end", () => {
        const id = String(request.headers["webhook-id"])
        if (!isSigned(request.headers, body)) unsigned += 1
        const late = now - Date.parse((JSON.parse(body) as { readonly timestamp: string }).timestamp)
        const message: Message = messages.get(id) ?? {
          bodies: new Set(),
          requests: 0,
          accepted: 0,
          late,
          lateAccepted: undefined,
        }
        messages.set(id, message)
        message.bodies.add(body)
        message.requests += 1
        if (random() < 0.2) {
          const failure = failures[Math.floor(random() * failures.length)]
          if (failure === "reset") request.socket.destroy()
          else response.writeHead(Number(failure)).end()
          return
        }
        message.accepted += 1
        message.lateAccepted ??= late
        response.writeHead(204).end()
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        }),
    )
    const receiver: Receiver = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
      messages,
      unsigned: () => unsigned,
      secret: "",
    }
    return receiver
  })
