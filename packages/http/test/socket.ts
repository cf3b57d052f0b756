import { Effect } from "effect"
import { connect, type Socket } from "node:net"

export interface Reply {
  /** 0 when the connection closed without an answer. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly hung: boolean
}

const dechunk = (text: string): string => {
  let rest = text
  let body = ""
  for (;;) {
    const end = rest.indexOf("\r\n")
    const size = Number.parseInt(rest.slice(0, end), 16)
    if (end < 0 || !(size > 0)) return body
    body += rest.slice(end + 2, end + 2 + size)
    rest = rest.slice(end + 2 + size + 2)
  }
}

const parse = (all: string, hung: boolean): Reply => {
  const received = all.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "")
  const split = received.indexOf("\r\n\r\n")
  const [first = "", ...lines] = received.slice(0, Math.max(split, 0)).split("\r\n")
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const body = split < 0 ? "" : received.slice(split + 4)
  return {
    status: Number(first.split(" ")[1] ?? 0),
    headers,
    text: headers["transfer-encoding"] === "chunked" ? dechunk(body) : body,
    hung,
  }
}

const isStream = (received: string) => /\r\ncontent-type: text\/event-stream/i.test(received)

/**
 * What comes back on a connection of its own for bytes as they are. An event stream is left once it has begun; a
 * connection that says nothing for `within` milliseconds hangs.
 */
export const exchange = (
  url: string,
  options: {
    readonly bytes: string | Uint8Array
    readonly within?: number
    readonly meanwhile?: (socket: Socket) => void
  },
): Effect.Effect<Reply> =>
  Effect.async((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let received = ""
    const done = (hung: boolean) => {
      socket.destroy()
      resume(Effect.succeed(parse(received, hung)))
    }
    socket.setEncoding("latin1")
    socket.setTimeout(options.within ?? 10_000, () => done(true))
    socket.on("data", (chunk) => {
      received += String(chunk)
      if (isStream(received)) done(false)
    })
    socket.on("error", () => done(false))
    socket.on("close", () => done(false))
    socket.write(options.bytes)
    options.meanwhile?.(socket)
    return Effect.sync(() => socket.destroy())
  })

export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string | Uint8Array
  /** What the header says, when it is not what is sent. */
  readonly length?: number
}

/** A request as bytes, its headers as they are. */
export const request = ({ body, headers = [], length, method, path }: Sent): Uint8Array => {
  const sent = body === undefined ? undefined : Buffer.from(body)
  const announced = length ?? sent?.length
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: localhost",
    "Connection: close",
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(announced === undefined ? [] : [`Content-Length: ${announced}`]),
  ]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), sent ?? Buffer.alloc(0)])
}
