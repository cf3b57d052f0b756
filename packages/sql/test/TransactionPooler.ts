/**
 * A pooler of transactions: it hands its connections to PostgreSQL on from client to client, whenever no transaction is open.
 */
import type { Effect, Redacted, Scope } from "effect"
import type * as net from "node:net"
import * as TcpProxy from "./TcpProxy.js"

/**
 * `size`: its connections. `tracks`: whether a statement that a client has prepared is prepared again on the connections that it is
 * handed, so that a client finds its own statements alone.
 */
export interface Options {
  readonly size: number
  readonly tracks: boolean
}

/** A message of the protocol, whole. The first one of a client has no type. */
interface Message {
  readonly type: string
  readonly bytes: Buffer
}

/** Calls `receive` with each message of a stream of bytes. `untyped`: how many messages come first that have no type. */
const messages = (untyped: number, receive: (message: Message) => void) => {
  let left = Buffer.alloc(0)
  let first = untyped
  return (chunk: Buffer): void => {
    left = Buffer.concat([left, chunk])
    for (;;) {
      const at = first > 0 ? 0 : 1
      if (left.length < at + 4) return
      const size = at + left.readInt32BE(at)
      if (left.length < size) return
      const bytes = left.subarray(0, size)
      left = left.subarray(size)
      if (first > 0) first -= 1
      receive({ type: at === 0 ? "" : String.fromCharCode(bytes[0]!), bytes })
    }
  }
}

/** A message that prepares a statement has its name first, and one that binds it has the name of the portal before. */
const nameIn = ({ bytes, type }: Message): string => {
  const after = (from: number) => bytes.indexOf(0, from)
  const from = type === "B" ? after(5) + 1 : 5
  return bytes.toString("utf8", from, after(from))
}

interface Backend {
  readonly socket: net.Socket
  /** The names of statements that are prepared on it, and by which message. */
  readonly prepared: Map<string, Buffer>
  /** Whether each answer to a statement that was prepared goes to the client. */
  readonly answers: Array<boolean>
  client: Client | undefined
  /** The statements whose end is not answered. */
  open: number
}

interface Client {
  readonly socket: net.Socket
  readonly prepared: Map<string, Buffer>
  readonly waiting: Array<Message>
  backend: Backend | undefined
}

const closing = (name: string): Buffer => {
  const bytes = Buffer.alloc(7 + Buffer.byteLength(name))
  bytes.write("C", 0)
  bytes.writeInt32BE(bytes.length - 1, 1)
  bytes.write("S", 5)
  bytes.write(name, 6)
  return bytes
}

/** The URL of a pooler of transactions in front of a database. The Scope ends it. */
export const make = (
  database: Redacted.Redacted,
  { size, tracks }: Options,
): Effect.Effect<Redacted.Redacted, never, Scope.Scope> => {
  const free: Array<Backend> = []
  const queue: Array<Client> = []
  let backends = 0
  let greeting: Buffer = Buffer.alloc(0)

  const prepare = (backend: Backend, client: Client, message: Message): void => {
    const { bytes, type } = message
    const name = nameIn(message)
    if (type === "P") client.prepared.set(name, bytes)
    const own = client.prepared.get(name)
    if (tracks && name !== "" && own !== undefined && (type === "P" || backend.prepared.get(name) !== own)) {
      if (backend.prepared.has(name)) backend.socket.write(closing(name))
      backend.prepared.set(name, own)
      if (type === "B") {
        backend.socket.write(own)
        backend.answers.push(false)
      }
    }
    if (type === "P") backend.answers.push(true)
  }
  const send = (backend: Backend, client: Client, message: Message): void => {
    const { bytes, type } = message
    if (type === "Q" || type === "S") backend.open += 1
    if (type === "P" || type === "B") prepare(backend, client, message)
    backend.socket.write(bytes)
  }
  const assign = (): void => {
    while (queue.length > 0 && free.length > 0) {
      const client = queue.shift()!
      const backend = free.pop()!
      backend.client = client
      client.backend = backend
      for (const message of client.waiting.splice(0)) send(backend, client, message)
    }
  }
  const answer = (backend: Backend, { bytes, type }: Message): void => {
    const { client } = backend
    // Only this pooler closes statements.
    if (type === "3" || (type === "1" && backend.answers.shift() === false)) return
    client?.socket.write(bytes)
    if (type !== "Z") return
    backend.open -= 1
    if (backend.open > 0 || bytes.toString("latin1", 5) !== "I") return
    backend.answers.length = 0
    backend.client = undefined
    if (client !== undefined) client.backend = undefined
    free.push(backend)
    assign()
  }
  const open = (startup: Buffer, client: Client, socket: net.Socket): void => {
    backends += 1
    const backend: Backend = { socket, prepared: new Map(), answers: [], client, open: 1 }
    client.backend = backend
    let isGreeting = true
    const receive = messages(0, (message) => {
      if (isGreeting) {
        greeting = message.type === "R" ? message.bytes : Buffer.concat([greeting, message.bytes])
        isGreeting = message.type !== "Z"
      }
      answer(backend, message)
    })
    socket.on("data", receive)
    socket.write(startup)
  }
  return TcpProxy.make(database, (socket, connect) => {
    const client: Client = { socket, prepared: new Map(), waiting: [], backend: undefined }
    const receive = messages(1, (message) => {
      if (message.type === "X") {
        socket.end()
      } else if (message.type === "") {
        if (backends < size) open(message.bytes, client, connect())
        else socket.write(greeting)
      } else if (client.backend !== undefined) {
        send(client.backend, client, message)
      } else {
        client.waiting.push(message)
        if (!queue.includes(client)) queue.push(client)
        assign()
      }
    })
    socket.on("data", receive)
  })
}
