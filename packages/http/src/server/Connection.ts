/**
 * The requests of one worker over one WebSocket: its exchanges, the claims that wait, and its signals. The handlers are those of the endpoints.
 *
 * The caller is found once, when the connection begins, and looked at again every two seconds. A frame is bounded as the body of a request is,
 * and counts for the rate of its caller as a request does.
 *
 * Source: docs/decisions/0138-one-connection-a-worker.md
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Socket from "@effect/platform/Socket"
import type { Ids } from "@runlease/core"
import { Tracing } from "@runlease/core/executor"
import { Clock, Context, Deferred, Effect, Either, type Exit, Fiber, Runtime, Stream, Tracer } from "effect"
import { closing, Frame, maxUnanswered } from "../Api/Connection.js"
import type { Answer } from "../Api/Operations.js"
import { maxBytes, maxDepth } from "../contract/Body.js"
import { CurrentPrincipal, sharesOf } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import type * as Verdicts from "../contract/Verdicts.js"
import * as Decoder from "../Wire/Decoder.js"
import * as Bodies from "./Bodies.js"
import { RateLimit, withOffered } from "./Callers.js"
import { Revocation, Shutdown } from "./LongRequests.js"
import * as NodeConnection from "./NodeConnection.js"
import { OpenStreams } from "./OpenStreams.js"
import { ProjectPortsCache } from "./ProjectPorts.js"
import * as SameOrigin from "./SameOrigin.js"
import * as ServerMetrics from "./ServerMetrics.js"

const upgradeRequired = Refusal.make(
  426,
  "upgrade_required",
  "A WebSocket begins here: send Upgrade: websocket, or send the requests of the worker to their own endpoints",
  { field: "upgrade" },
)

/** Bytes that wait for a client to read them, with which it gets no signal more and loses its connection. */
const maxUnread = 4 * 1024 * 1024

/** Every 15 seconds there is a look at each connection. One whose client was silent for more looks than these is cut. */
const silentLooks = 3

/** Frames up to this size are not counted, as bodies are not. */
const uncounted = 16 * 1024

type Failure = Verdicts.PortError | Refusal.Refusal

type Handling<A> = Effect.Effect<A, Failure, CurrentPrincipal | ProjectPortsCache>

/** What is done for a worker. */
export interface Handlers {
  readonly exchange: (workerId: Ids.WorkerId, sent: ReadonlyArray<unknown>) => Handling<unknown>
  readonly claim: (
    workerId: Ids.WorkerId,
    payload: Extract<Frame, { readonly claim: unknown }>["claim"],
  ) => Handling<unknown>
  readonly signals: (workerId: Ids.WorkerId) => Handling<Stream.Stream<unknown, Failure>>
  readonly answerOf: (exit: Exit.Exit<unknown, Failure>) => Effect.Effect<Answer>
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** As `closing.policy`, for a frame that is not text. */
const notText = 1003

const route = "/agent-workers/workers/:worker_id/connection"

/** How long a client may take to shake hands. The library says nothing of a handshake that fails. */
const handshake = "10 seconds"

// A network does not wait for anybody's Clock: this one is always real.
const networkClock = Clock.make()

/** Opens the connection of a worker, which outlives its request. */
export const make = (handlers: Handlers) =>
  Effect.gen(function* () {
    const rateLimit = yield* RateLimit
    const { isRevoked } = yield* Revocation
    const shutdown = yield* Shutdown
    const streams = yield* OpenStreams
    const budget = yield* Bodies.BodyBudget

    const serve = Effect.fnUntraced(function* (
      workerId: Ids.WorkerId,
      request: HttpServerRequest.HttpServerRequest,
      socket: Socket.Socket,
      opened: Deferred.Deferred<void>,
    ) {
      const services = Context.pick(
        CurrentPrincipal,
        ProjectPortsCache,
      )(yield* Effect.context<CurrentPrincipal | ProjectPortsCache>())
      const principal = Context.get(services, CurrentPrincipal)
      const shares = sharesOf(principal)
      const isTraced = Tracing.hasReader(yield* Effect.tracer)
      const clock = yield* Effect.clock
      const write = yield* socket.writer
      const fork = Runtime.runFork(yield* Effect.runtime<never>())
      const cut = NodeConnection.cut(request)
      const endSoon = NodeConnection.close(request)
      const unsent = NodeConnection.unsent(request)
      const draining = yield* Deferred.make<void>()

      /** The requests without an answer. */
      const running = new Map<number, Fiber.RuntimeFiber<unknown, unknown>>()
      /** How many answers the client had not read at the last look. */
      let unread = 0
      /** How often the connection was looked at since the last frame. */
      let silent = 0
      /** The bytes of the frame that arrives. */
      let arriving = 0
      let ended = false

      /** Ends the connection. What arrives after that is not done. */
      const end = (code: number, reason: string) =>
        Effect.suspend(() => {
          ended = true
          return Effect.zipRight(
            Effect.ignore(write(new Socket.CloseEvent(code, reason))),
            Effect.sync(endSoon),
          )
        })
      const endIfDrained = Effect.suspend(() =>
        shutdown.unsafeHasBegun() && running.size === 0 && !ended
          ? end(closing.goingAway, "The server shuts down")
          : Effect.void,
      )

      // The library buffers a frame of any size.
      const unmeasure = NodeConnection.onData(request, (bytes) => {
        arriving += bytes
        const fits = arriving <= uncounted || budget.take({ shares, request }, bytes)
        if (!fits || arriving > maxBytes + uncounted) cut()
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          unmeasure()
          budget.release(request)
        }),
      )
      yield* shutdown.onBegun(() => {
        Deferred.unsafeDone(draining, Effect.void)
        fork(endIfDrained)
      })
      yield* shutdown.onOverdue(cut)
      yield* streams.add({
        comment: () => {
          silent += 1
          if (silent > silentLooks) cut()
        },
        end: () => void fork(end(closing.policy, "The token is not valid any more")),
        isRevoked: Effect.provide(
          isRevoked,
          Context.make(CurrentPrincipal, principal).pipe(
            Context.add(HttpServerRequest.HttpServerRequest, request),
          ),
        ),
      })

      /** Does a request, and sends its answer; none to one that was cancelled. */
      const respond = <R>(id: number, name: string, handling: Effect.Effect<unknown, Failure, R>) =>
        Effect.withFiberRuntime<void, never, R>((fiber) => {
          running.set(id, fiber)
          const begunAt = clock.unsafeCurrentTimeNanos()
          const traced = isTraced
            ? Effect.withSpan(handling, name, {
                kind: "server",
                root: true,
                attributes: { "http.route": route },
              })
            : handling
          return Effect.exit(traced).pipe(
            Effect.flatMap(handlers.answerOf),
            Effect.flatMap((answer) => {
              running.delete(id)
              unread += 1
              ServerMetrics.requests.add(1, ServerMetrics.byStatus(String(answer.status)))
              ServerMetrics.requestTime.add(Number(clock.unsafeCurrentTimeNanos() - begunAt) / 1e9)
              return Effect.zipRight(Effect.ignore(write(JSON.stringify({ id, ...answer }))), endIfDrained)
            }),
            Effect.onInterrupt(() => Effect.sync(() => running.delete(id))),
          )
        })

      const untilDrained = <A, B, E, R>(handling: Effect.Effect<A, E, R>, otherwise: B) =>
        Effect.raceFirst(handling, Effect.as(Deferred.await(draining), otherwise))

      const follow = (id: number) =>
        Effect.flatMap(handlers.signals(workerId), (signals) =>
          Stream.runForEach(signals, (signal) =>
            unsent() > maxUnread
              ? end(closing.policy, "The client does not read its signals")
              : Effect.ignore(write(JSON.stringify({ id, signal }))),
          ),
        )

      const perform = (frame: Exclude<Frame, { readonly cancel: true }>) => {
        const { id } = frame
        if ("operations" in frame) {
          const { operations } = frame
          return operations.length === 0
            ? respond(id, "ping", Effect.succeed({ answers: [] }))
            : respond(id, "exchange", limited(handlers.exchange(workerId, operations)))
        }
        return "claim" in frame
          ? respond(id, "claim", limited(untilDrained(handlers.claim(workerId, frame.claim), { runs: [] })))
          : respond(id, "signals", limited(untilDrained(follow(id), null)))
      }
      const limited = <A, E, R>(handling: Effect.Effect<A, E, R>) =>
        Effect.provide(Effect.zipRight(rateLimit.take(principal, request), handling), services)

      /** Counts the memory of a large frame while it is handled. */
      const counted = <A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>, id: number) =>
        bytes <= uncounted
          ? effect
          : Effect.scoped(
              Effect.flatMap(budget.hold(shares, bytes), (holds) =>
                holds ? effect : respond(id, "exchange", Effect.fail(Bodies.tooMuchAtOnce)),
              ),
            )

      const take = (data: string | Uint8Array) => {
        if (ended) return undefined
        silent = 0
        arriving = 0
        budget.release(request)
        if (typeof data !== "string") return end(notText, "A frame is text")
        const bytes = Bodies.parsedBytes(data, maxDepth)
        const frame = bytes === undefined ? undefined : Decoder.decode(Frame, parse(data))
        if (frame === undefined || bytes === undefined || Either.isLeft(frame)) {
          return end(closing.malformed, "This is no frame")
        }
        const sent = frame.right
        const before = running.get(sent.id)
        if ("cancel" in sent) return before && Fiber.interruptFork(before)
        if (before !== undefined) return end(closing.policy, "A request without an answer has that id")
        if (unsent() === 0) unread = 0
        return running.size + unread >= maxUnanswered
          ? end(closing.policy, `At most ${maxUnanswered} requests may be without an answer`)
          : counted(bytes, perform(sent), sent.id)
      }

      yield* socket.runRaw(take, { onOpen: Deferred.succeed(opened, undefined) })
    })

    return Effect.fnUntraced(function* (workerId: Ids.WorkerId) {
      const request = withOffered(yield* HttpServerRequest.HttpServerRequest)
      yield* SameOrigin.checkHandshake(request)
      const socket = yield* Effect.mapError(request.upgrade, () => upgradeRequired)
      const opened = yield* Deferred.make<void>()
      const serving = yield* serve(workerId, request, socket, opened).pipe(
        Effect.scoped,
        Effect.ignore,
        Effect.interruptible,
        Effect.mapInputContext((context: Context.Context<CurrentPrincipal | ProjectPortsCache>) =>
          Context.omit(Tracer.ParentSpan)(context),
        ),
        Effect.forkDaemon,
      )
      yield* Effect.raceFirst(Deferred.await(opened), Fiber.await(serving)).pipe(
        Effect.timeoutFail({ duration: handshake, onTimeout: () => upgradeRequired }),
        Effect.withClock(networkClock),
        Effect.onError(() => Fiber.interruptFork(serving)),
      )
      return HttpServerResponse.empty({ status: 101 })
    })
  })
