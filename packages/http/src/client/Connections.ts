/**
 * The requests of each worker over one WebSocket, where the way to the server has one. Until it is open, and where none opens, they are HTTP
 * requests.
 *
 * Source: docs/decisions/0138-one-connection-a-worker.md
 */
import * as Socket from "@effect/platform/Socket"
import { ControlPlaneUnavailable as Unavailable, type ControlPlaneError, type Ids } from "@runlease/core"
import {
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Either,
  FiberSet,
  Option,
  Predicate,
  Random,
  Redacted,
  Schema,
  type Scope,
  Stream,
} from "effect"
import { protocol, protocolOf } from "../Api/Connection.js"
import { group } from "../Api/Exchange.js"
import type * as Refusal from "../contract/Refusal.js"
import * as Endpoints from "./Endpoints.js"
import { answerTimeout, Credentials, failureOf, maxAnswerBytes, read } from "./Transport.js"

/** The connection ended before an answer. The server may have done the request. */
export class ConnectionLost extends Data.TaggedError("ConnectionLost") {}

type Failure = ConnectionLost | ControlPlaneError.ControlPlaneError | Refusal.Refusal

/** `text` has the members of the frame as JSON, without its id. `wait`: how long the server may hold the answer. */
export interface Request<A, I> {
  readonly operation: string
  readonly text: string
  readonly success: Schema.Schema<A, I>
  readonly wait?: Duration.Duration | undefined
}

/** An open connection. */
export interface Connection {
  readonly request: <A, I>(request: Request<A, I>) => Effect.Effect<A, Failure>

  /** The signals of the worker, until the connection ends. */
  readonly signals: Stream.Stream<unknown, Failure>
}

export class Connections extends Context.Tag("@runlease/http/client/Connections")<
  Connections,
  {
    /** The open connection of a worker. One that has none begins to open it. */
    readonly of: (workerId: Ids.WorkerId) => Connection | undefined

    /** As `of`, once it is known whether a connection opens, within seconds. */
    readonly settled: (workerId: Ids.WorkerId) => Effect.Effect<Connection | undefined>

    /** Takes note of the leases of a worker: a connection from which nothing comes for a third of one is lost. */
    readonly leased: (workerId: Ids.WorkerId, lease: Duration.DurationInput) => void

    /** Takes note that an HTTP request was answered; says once where requests go when no connection opens. */
    readonly answered: Effect.Effect<void>
  }
>() {}

/** Of a server without connections. */
export const none: Context.Tag.Service<Connections> = {
  of: () => undefined,
  settled: () => Effect.succeed(undefined),
  leased: () => {},
  answered: Effect.void,
}

/** Milliseconds. How long a connection without a request stays open. */
const idleTime = 30_000

/** Milliseconds. After this, a connection that does not open delays nothing. */
const settleTime = 2_000

/** Milliseconds. The first pause after a connection that did not open, and the longest; each is twice the one before. */
const pauses = { first: 500, longest: 60_000 }

/** Milliseconds. A third of the lease that a worker has when it names none. */
const defaultQuiet = 20_000

/** Signals that wait for their reader. With more, its stream fails, and it begins another one. */
const maxSignals = 4_096

/** A network does not wait for anybody's Clock. */
const networkClock = Clock.make()

const millis = (): number => performance.now()

interface Reply {
  readonly id: number
  readonly status?: number
  readonly body?: unknown
  readonly retry_after?: number
  readonly signal?: unknown
}

/** A request without an answer. `dueAt` is in milliseconds. */
interface Pending {
  readonly dueAt: number
  readonly take: (reply: Reply | "lost" | "late") => void
}

const late = (operation: string) =>
  new Unavailable.ControlPlaneUnavailable({
    operation,
    message: "The control plane did not answer in time",
  })

/** What a reply says of an operation. */
const readReply = <A, I>(
  { operation, success }: Request<A, I>,
  reply: Reply | "lost" | "late",
): Either.Either<A, Failure> => {
  if (reply === "lost") return Either.left(new ConnectionLost())
  if (reply === "late") return Either.left(late(operation))
  const { body = null, retry_after, status = 0 } = reply
  if (status >= 200 && status < 300) return read(operation, success, body)
  return Either.left(
    failureOf(operation, {
      status,
      body,
      ...(retry_after === undefined ? {} : { headers: { "retry-after": String(retry_after) } }),
    }),
  )
}

/** A WebSocket from its beginning to its end. */
interface Line {
  readonly connection: Connection
  /** Whether the server has sent anything. One that ends before that counts as one that did not open. */
  readonly hasWorked: () => boolean
  state: "opening" | "open" | "ended"
  /** Open once the connection is, or has ended. */
  readonly settled: Effect.Latch
  readonly opened: () => void
  readonly took: (message: unknown) => void
  readonly ended: () => void
}

/** `quietOf`: for how many milliseconds nothing may come while an answer is awaited. */
const makeLine = (socket: globalThis.WebSocket, quietOf: () => number): Line => {
  const pending = new Map<number, Pending>()
  let next = 0
  let lookedAt = millis()
  let receivedAt = lookedAt
  let usedAt = lookedAt
  let isPinged = false
  let hasWorked = false

  const settleAll = (): void => {
    const all = Array.from(pending.values())
    pending.clear()
    for (const { take } of all) take("lost")
  }

  const end = (code?: number): void => {
    if (line.state === "ended") return
    line.state = "ended"
    clearInterval(timer)
    line.settled.unsafeOpen()
    socket.close(code)
    settleAll()
  }

  const look = (): void => {
    const now = millis()
    const sinceLook = now - lookedAt
    lookedAt = now
    // The event loop stood still: what has arrived meanwhile is not read yet.
    if (sinceLook > 2 * interval) return
    for (const [id, { dueAt, take }] of pending) {
      if (now < dueAt) continue
      cancel(id)
      take("late")
    }
    if (line.state !== "open") return
    if (pending.size === 0) {
      if (now - usedAt > idleTime) end(1000)
      return
    }
    const silence = now - receivedAt
    const quiet = quietOf()
    if (silence > quiet) return end()
    if (silence > quiet / 2 && !isPinged) {
      isPinged = true
      socket.send(`{"id":${next++},"operations":[]}`)
    }
  }
  const interval = Math.min(1000, quietOf() / 4)
  const timer: { unref?: () => void } & ReturnType<typeof setInterval> = setInterval(look, interval)
  timer.unref?.()

  /** Sends a request; the function that it returns cancels it. */
  const send = (text: string, dueIn: number, take: Pending["take"]): (() => void) => {
    if (line.state !== "open") {
      take("lost")
      return () => {}
    }
    const id = next++
    const now = millis()
    if (pending.size === 0) receivedAt = now
    usedAt = now
    pending.set(id, { dueAt: now + dueIn, take })
    socket.send(`{"id":${id},${text}}`)
    return () => cancel(id)
  }

  const cancel = (id: number): void => {
    if (pending.delete(id) && line.state === "open") socket.send(`{"id":${id},"cancel":true}`)
  }

  const request: Connection["request"] = (request) =>
    Effect.async((resume) => {
      const dueIn = Duration.toMillis(answerTimeout) + Duration.toMillis(request.wait ?? Duration.zero)
      const undo = send(request.text, dueIn, (reply) => resume(readReply(request, reply)))
      return Effect.sync(undo)
    })

  const signals = Stream.asyncPush<unknown, Failure>(
    (emit) =>
      Effect.acquireRelease(
        Effect.sync(() =>
          send(`"signals":true`, Infinity, (reply) => {
            if (typeof reply === "object" && "signal" in reply) {
              if (!emit.single(reply.signal)) emit.fail(new ConnectionLost())
              return
            }
            const answer = readReply(
              { operation: "Leases.signals", text: "", success: Schema.Unknown },
              reply,
            )
            emit.fail(Either.isLeft(answer) ? answer.left : new ConnectionLost())
          }),
        ),
        (undo) => Effect.sync(undo),
      ),
    { bufferSize: maxSignals, strategy: "dropping" },
  )

  const line: Line = {
    connection: { request, signals },
    hasWorked: () => hasWorked,
    state: "opening",
    settled: Effect.unsafeMakeLatch(false),
    opened: () => {
      if (line.state === "ended") return
      line.state = "open"
      line.settled.unsafeOpen()
    },
    took: (message) => {
      receivedAt = usedAt = millis()
      isPinged = false
      hasWorked = true
      if (typeof message !== "string" || message.length > maxAnswerBytes) return end()
      const reply = parseReply(message)
      if (reply === undefined) return end()
      const waiting = pending.get(reply.id)
      // Of a request that was cancelled.
      if (waiting === undefined) return
      if (reply.signal === undefined) pending.delete(reply.id)
      waiting.take(reply)
    },
    ended: () => end(),
  }
  return line
}

const parseReply = (text: string): Reply | undefined => {
  try {
    const reply: unknown = JSON.parse(text)
    return Predicate.hasProperty(reply, "id") && typeof reply.id === "number" ? (reply as Reply) : undefined
  } catch {
    return undefined
  }
}

/** The pauses of one worker between connections that do not open. */
interface Attempts {
  failures: number
  notBefore: number
}

/** The constructor of the context, or of the platform. */
const constructorOf = Effect.map(Effect.serviceOption(Socket.WebSocketConstructor), (provided) =>
  Option.getOrElse(provided, () =>
    "WebSocket" in globalThis
      ? (url: string, protocols?: string | Array<string>) => new globalThis.WebSocket(url, protocols)
      : undefined,
  ),
)

export const make = (options: {
  readonly baseUrl: string
  readonly token: Redacted.Redacted
}): Effect.Effect<Context.Tag.Service<Connections>, never, Credentials | Scope.Scope> =>
  Effect.gen(function* () {
    const construct = yield* constructorOf
    if (construct === undefined) return none
    const credentials = yield* Credentials
    const run = yield* FiberSet.makeRuntime<never>()
    const root = options.baseUrl.replace(/^http/, "ws").replace(/\/+$/, "")
    const lines = new Map<Ids.WorkerId, Line>()
    const attempts = new Map<Ids.WorkerId, Attempts>()
    const quiets = new Map<Ids.WorkerId, number>()
    /** Whether the last connection did not open, and whether the log says so. */
    let isRefused = false
    let isSaid = false

    const note = (workerId: Ids.WorkerId, line: Line) =>
      Effect.map(Random.nextRange(0.75, 1.25), (factor) => {
        lines.delete(workerId)
        if (line.hasWorked()) return void attempts.delete(workerId)
        const failures = (attempts.get(workerId)?.failures ?? 0) + 1
        const pause = factor * Math.min(pauses.longest, pauses.first * 2 ** (failures - 1))
        attempts.set(workerId, { failures, notBefore: millis() + pause })
      })

    const begin = (workerId: Ids.WorkerId): Line | undefined => {
      const token = credentials.of(workerId).token ?? options.token
      let socket: globalThis.WebSocket
      try {
        socket = construct(`${root}${Endpoints.address(group, "connect", { worker_id: workerId })}`, [
          protocol,
          protocolOf(Redacted.value(token)),
        ])
      } catch {
        isRefused = true
        attempts.set(workerId, { failures: 1, notBefore: Infinity })
        return undefined
      }
      const line = makeLine(socket, () => quiets.get(workerId) ?? defaultQuiet)
      lines.set(workerId, line)
      let hasOpened = false
      run(
        Socket.fromWebSocket(
          Effect.acquireRelease(Effect.succeed(socket), (socket) => Effect.sync(() => socket.close())),
          { openTimeout: answerTimeout },
        ).pipe(
          Effect.flatMap((opened) =>
            opened.runRaw(line.took, {
              onOpen: Effect.sync(() => {
                hasOpened = true
                isRefused = isSaid = false
                line.opened()
              }),
            }),
          ),
          Effect.ignore,
          Effect.ensuring(
            Effect.map(note(workerId, line), () => {
              if (!hasOpened) isRefused = true
              line.ended()
            }),
          ),
          Effect.withClock(networkClock),
        ),
      )
      return line
    }

    const lineOf = (workerId: Ids.WorkerId): Line | undefined => {
      const before = lines.get(workerId)
      if (before !== undefined && before.state !== "ended") return before
      return millis() < (attempts.get(workerId)?.notBefore ?? 0) ? undefined : begin(workerId)
    }

    const openOf = (line: Line | undefined): Connection | undefined =>
      line?.state === "open" ? line.connection : undefined

    return {
      of: (workerId) => openOf(lineOf(workerId)),
      settled: (workerId) =>
        Effect.suspend(() => {
          const line = lineOf(workerId)
          if (line === undefined || line.state === "open") return Effect.succeed(openOf(line))
          return Effect.map(
            Effect.timeoutOption(line.settled.await, settleTime).pipe(Effect.withClock(networkClock)),
            () => openOf(line),
          )
        }),
      leased: (workerId, lease) => {
        const quiet = Duration.toMillis(lease) / 3
        quiets.set(workerId, Math.min(quiet, quiets.get(workerId) ?? Infinity))
      },
      answered: Effect.suspend(() => {
        if (!isRefused || isSaid) return Effect.void
        isSaid = true
        return Effect.logInfo(
          "No WebSocket to the control plane opens, so each exchange of a worker is an HTTP request; see whether a proxy refuses the upgrade",
        )
      }),
    }
  })
