import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { until } from "./FaultRoom.js"
import { folder, serve } from "./Processes.js"

/** A connection to a server, the text received on it, and whether it is closed. */
const open = (url: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<Socket>((resume) => {
        const socket = connect(Number(new URL(url).port), "127.0.0.1", () => resume(Effect.succeed(socket)))
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy()),
    ),
    (socket) => {
      const came = { text: "", closed: false }
      socket.setEncoding("utf8").on("data", (text: string) => (came.text += text))
      socket.on("close", () => (came.closed = true))
      return { came, send: (text: string) => Effect.sync(() => void socket.write(text)) }
    },
  )

/** Whether connections to the port are refused. */
const deaf = (url: string) =>
  Effect.async<boolean>((resume) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
      socket.destroy()
      resume(Effect.succeed(false))
    })
    socket.on("error", () => resume(Effect.succeed(true)))
  })

layer(NodeContext.layer, { excludeTestServices: true })("a server that ends", (it) => {
  it.scoped("refuses requests that still arrive on an open connection, and waits for no silent one", () =>
    Effect.gen(function* () {
      const { env, server } = yield* serve(yield* folder)
      const half = yield* open(env.RUNLEASE_URL)
      const silent = yield* open(env.RUNLEASE_URL)
      for (const { send } of [half, silent]) yield* send("GET /healthz HTTP/1.1\r\nhost: here\r\n")
      // The server has received the earlier request when it answers the later one.
      const whole = yield* open(env.RUNLEASE_URL)
      yield* whole.send("GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
      yield* until(
        Effect.sync(() => whole.came.text),
        (text) => text.startsWith("HTTP/1.1 200"),
      )
      yield* server.signal("SIGTERM")
      yield* until(deaf(env.RUNLEASE_URL), (is) => is)
      yield* half.send("\r\n")
      expect((yield* server.ended).code).toBe(0)
      yield* until(
        Effect.sync(() => half.came.closed && silent.came.closed && whole.came.closed),
        (closed) => closed,
      )
      expect(half.came.text).toMatch(/^HTTP\/1.1 503 .*\r\nconnection: close\r\n.*"error":"unavailable"/is)
      expect(silent.came.text).toBe("")
    }),
  )
})
