/**
 * Networks that fail: what stands between a worker and its server.
 */
import { Effect } from "effect"
import { createServer as createHttpServer, request } from "node:http"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

const listening = (server: Server) =>
  Effect.async<string>((resume) => {
    server.listen(0, "127.0.0.1", () =>
      resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
    )
  })

/** A network whose bytes can be held back (nothing answers), cut (nothing connects) and healed. */
export const network = Effect.fnUntraced(function* (target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let state: "open" | "paused" | "cut" = "open"
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy())
    return socket
  }
  const join = (client: Socket) => {
    const upstream = keep(connect(Number(port), hostname))
    client.on("close", () => upstream.destroy()).pipe(upstream)
    upstream.on("close", () => client.destroy()).pipe(client)
  }
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    if (state === "cut") socket.destroy()
    else if (state === "paused") keep(socket)
    else join(keep(socket))
  })
  const drop = Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
  yield* Effect.addFinalizer(() =>
    Effect.zipRight(
      drop,
      Effect.sync(() => server.close()),
    ),
  )
  const url = yield* listening(server)
  const enter = (next: typeof state) => Effect.sync(() => void (state = next))
  return {
    url,
    /** What is on its way stays there; what connects is never answered. */
    pause: Effect.zipRight(
      enter("paused"),
      Effect.sync(() => sockets.forEach((socket) => socket.unpipe().pause())),
    ),
    /** Every connection ends, and none is made. */
    cut: Effect.zipRight(enter("cut"), drop),
    /** Connections are made again; those from before are gone. */
    heal: Effect.zipRight(drop, enter("open")),
  }
})

/**
 * A gateway: `404` answers a request itself, `cut` lets the server do what was asked and drops its answer, `pass`
 * does nothing.
 */
export const gateway = Effect.fnUntraced(function* (
  target: string,
  fate: (method: string, path: string) => "pass" | "404" | "cut",
) {
  const server = createHttpServer((incoming, outgoing) => {
    const what = fate(incoming.method!, incoming.url!)
    if (what === "404") {
      outgoing.writeHead(404).end()
      return
    }
    const forward = request(
      new URL(incoming.url!, target),
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        if (what === "cut") {
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
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    }),
  )
  return { url: yield* listening(server) }
})
