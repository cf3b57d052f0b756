import { Effect, Redacted, type Scope } from "effect"
import * as net from "node:net"

/**
 * The URL of a proxy in front of a server, such as a database. `serve` gets each client, and connects to the server where it wants. The Scope ends all of
 * their connections.
 */
export const make = (
  target: Redacted.Redacted,
  serve: (client: net.Socket, connect: () => net.Socket) => void,
): Effect.Effect<Redacted.Redacted, never, Scope.Scope> =>
  Effect.gen(function* () {
    const direct = new URL(Redacted.value(target))
    const sockets = new Set<net.Socket>()
    const track = (socket: net.Socket): net.Socket => {
      sockets.add(socket.setNoDelay().on("error", () => socket.destroy()))
      return socket
    }
    const proxy = net.createServer((client) =>
      serve(track(client), () => track(net.connect(Number(direct.port), direct.hostname))),
    )
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void proxy.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          proxy.close()
        }),
    )
    const address = proxy.address()
    const through = new URL(direct)
    through.hostname = "127.0.0.1"
    through.port = String(typeof address === "object" && address !== null ? address.port : 0)
    return Redacted.make(through.href)
  })
