/**
 * Networks that fail: proxies between a worker and its server.
 */
import { Effect } from "effect"
import { createServer as createHttpServer, request, type Server as HttpServer } from "node:http"
import { setTimeout } from "node:timers/promises"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

const listen = (server: Server) =>
  Effect.async<string>((resume) => {
    server.listen(0, "127.0.0.1", () =>
      resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
    )
  })

/** Listens until the Scope closes, and gives the address. */
const serve = (server: HttpServer) =>
  Effect.acquireRelease(listen(server), () =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }),
  )

/** A TCP proxy that can be paused (nothing answers), cut (nothing connects), made worse, and healed. */
export const network = Effect.fnUntraced(function* (target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let state: "open" | "paused" | "cut" | "mute" | "losing" = "open"
  let delay = 0
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy())
    return socket
  }
  const carry = (from: Socket, to: Socket, isAnswer: boolean) => {
    from.on("data", (chunk: Buffer) => {
      if (isAnswer && state === "mute") return
      if (isAnswer && state === "losing") {
        from.destroy()
        to.destroy()
        return
      }
      if (delay > 0) {
        void setTimeout(delay).then(() => to.writable && to.write(chunk))
        return
      }
      if (to.write(chunk)) return
      from.pause()
      to.once("drain", () => state !== "paused" && from.resume())
    })
    from.on("end", () => to.end()).on("close", () => to.destroySoon())
  }
  const forward = (client: Socket) => {
    const upstream = track(connect(Number(port), hostname))
    carry(client, upstream, false)
    carry(upstream, client, true)
    client.resume()
  }
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    if (state === "cut") socket.destroy()
    else if (state === "paused") track(socket)
    else forward(track(socket))
  })
  const drop = Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  yield* Effect.addFinalizer(() =>
    Effect.zipRight(
      drop,
      Effect.sync(() => server.close()),
    ),
  )
  const url = yield* listen(server)
  const enter = (next: typeof state, millis = 0) =>
    Effect.sync(() => {
      state = next
      delay = millis
    })
  return {
    url,
    /** Bytes in flight stay there, and new connections get no answer. */
    pause: Effect.zipRight(
      enter("paused"),
      Effect.sync(() => sockets.forEach((socket) => socket.pause())),
    ),
    /** Closes every connection and refuses new ones. */
    cut: Effect.zipRight(enter("cut"), drop),
    /** Carries requests, and drops all that is answered: each connection is half open. */
    mute: enter("mute"),
    /** Carries requests, and closes each connection at its next answer, which is lost. */
    lose: enter("losing"),
    /** Carries everything so many milliseconds later. */
    slow: (millis: number) => enter("open", millis),
    /** Accepts connections again, after closing the old ones. */
    heal: Effect.zipRight(drop, enter("open")),
  }
})

/**
 * An HTTP proxy. For each request `fate` decides: `pass` forwards it, `404` answers it without the server, `cut` forwards
 * it and drops the server's answer.
 */
export const gateway = Effect.fnUntraced(function* (
  target: string,
  fate: (method: string, path: string) => "pass" | "404" | "cut",
) {
  const server = createHttpServer((incoming, outgoing) => {
    const decision = fate(incoming.method!, incoming.url!)
    if (decision === "404") {
      outgoing.writeHead(404).end()
      return
    }
    const forward = request(
      new URL(incoming.url!, target),
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        if (decision === "cut") {
          answer.resume().on("end", () => outgoing.destroy())
          return
        }
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.on("error", () => outgoing.destroy()).pipe(outgoing)
      },
    )
    forward.on("error", () => outgoing.destroy())
    outgoing.on("close", () => forward.destroy())
    incoming.pipe(forward)
  })
  return { url: yield* serve(server) }
})

/** A request at a proxy, or its answer, with the text of its body. */
export interface Seen {
  readonly phase: "request" | "answer"
  readonly method: string
  readonly path: string
  readonly text: string
}

const textOf = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString("utf8")
}

/**
 * An HTTP proxy that shows each request before it is forwarded, and each answer before it is given. Both wait for `look`. Event streams
 * are shown when they begin.
 */
export const holding = Effect.fnUntraced(function* (
  target: string,
  look: (seen: Seen) => void | Promise<void>,
) {
  const server = createHttpServer((incoming, outgoing) => {
    const method = incoming.method!
    const path = incoming.url!
    incoming.on("error", () => outgoing.destroy())
    void (async () => {
      const sent = await textOf(incoming)
      await look({ phase: "request", method, path, text: sent })
      if (outgoing.destroyed) return
      const forward = request(new URL(path, target), { method, headers: incoming.headers }, (answer) => {
        answer.on("error", () => outgoing.destroy())
        const isStream = answer.headers["content-type"]?.startsWith("text/event-stream") === true
        void (async () => {
          const text = isStream ? "" : await textOf(answer)
          await look({ phase: "answer", method, path, text })
          outgoing.writeHead(answer.statusCode!, answer.headers)
          if (isStream) answer.pipe(outgoing)
          else outgoing.end(text)
        })().catch(() => outgoing.destroy())
      })
      forward.on("error", () => outgoing.destroy())
      outgoing.on("close", () => forward.destroy())
      forward.end(sent)
    })().catch(() => outgoing.destroy())
  })
  return { url: yield* serve(server) }
})

/** An HTTP proxy that changes answers: after `delay` milliseconds it sends what `change` makes of the headers and the text. */
export const distorting = Effect.fnUntraced(function* (
  target: string,
  options: {
    readonly delay?: number
    readonly change?: (headers: Record<string, unknown>, text: string) => string
  },
) {
  const change = options.change ?? ((_headers, text) => text)
  const server = createHttpServer((incoming, outgoing) => {
    void (async () => {
      const { authorization } = incoming.headers
      const answer = await fetch(new URL(incoming.url!, target), {
        headers: authorization === undefined ? {} : { authorization },
      })
      const headers: Record<string, unknown> = {
        "content-type": answer.headers.get("content-type"),
        date: answer.headers.get("date"),
      }
      const text = change(headers, await answer.text())
      if (options.delay !== undefined) await setTimeout(options.delay)
      outgoing.writeHead(answer.status, headers as Record<string, string>).end(text)
    })()
  })
  return { url: yield* serve(server) }
})
