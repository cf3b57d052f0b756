/** Operations of a worker, many to a request. Where the server has no exchanges, each goes by its own endpoint. */
import {
  ControlPlaneError,
  ControlPlaneUnavailable as Unavailable,
  type Ids,
  TraceContext,
} from "@runlease/core"
import * as BatchQueue from "@runlease/core/BatchQueue"
import * as Detached from "@runlease/core/Detached"
import { Cause, Clock, Context, Effect, Either, Exit, FiberSet, type Schema, Scope, Tracer } from "effect"
import type * as Refusal from "../contract/Refusal.js"
import { group } from "../Api/Exchange.js"
import * as Api from "../Api/Operations.js"
import { Connections } from "./Connections.js"
import * as Endpoints from "./Endpoints.js"
import { Credentials, failureOf, lacks, read, Transport } from "./Transport.js"

type Failure = Refusal.Refusal | ControlPlaneError.ControlPlaneError

/** One sort of operation: how it is named in errors, and how its answer is read. */
export interface Kind<A> {
  readonly name: string
  readonly read: (answer: Api.Answer) => Either.Either<A, Failure>
}

/** `name` is the port's method. */
export const kind = <A, I>(name: string, success: Schema.Schema<A, I>): Kind<A> => ({
  name,
  read: ({ body, retry_after, status }) =>
    status >= 200 && status < 300
      ? read(name, success, body)
      : Either.left(
          failureOf(name, {
            status,
            body,
            ...(retry_after === undefined ? {} : { headers: { "retry-after": String(retry_after) } }),
          }),
        ),
})

export interface Operation<A> {
  readonly kind: Kind<A>
  readonly workerId: Ids.WorkerId
  readonly sent: typeof Api.Operation.Encoded
  /** Undoes an answer whose caller has gone. */
  readonly onAbandoned?: ((answer: A) => Effect.Effect<void>) | undefined
}

export class Exchange extends Context.Tag("@runlease/http/client/Exchange")<
  Exchange,
  {
    /** Sends an operation with the worker's next exchange; runs `otherwise` where the server has none. */
    readonly perform: <A, E>(
      operation: Operation<A>,
      otherwise: Effect.Effect<A, E>,
    ) => Effect.Effect<A, E | Failure>
  }
>() {}

/** Of a server without exchanges. */
export const none: Context.Tag.Service<Exchange> = { perform: (_, otherwise) => otherwise }

/**
 * The largest number of exchanges of one worker in flight: while one is answered, the worker continues with the runs of the
 * other.
 */
const inFlight = 2

/** The largest number of characters of operations in one exchange. */
const maxLength = 1_048_576

/** The time that the client waits at its close for abandoned answers to be undone. */
const undoWithin = "1 second"

interface Item {
  readonly name: string
  readonly text: string
  /** Whether it goes while an exchange is in flight. */
  readonly overtakes: boolean
  readonly onAbandoned: (answer: Api.Answer) => void
}

type Queue = BatchQueue.BatchQueue<Item, Exit.Exit<Api.Answer, Failure>>

const fitting = (items: ReadonlyArray<Item>): number => {
  if (items.length === 1) return 1
  let length = 0
  const over = items.findIndex(({ text }, index) => {
    length += text.length
    return index === Api.maxOperations || (index > 0 && length > maxLength)
  })
  return over === -1 ? items.length : over
}

const operation = "Exchange.perform"

const mismatched = () =>
  new ControlPlaneError.ControlPlaneUnsupported({
    operation,
    message: "The control plane's answers are not as many as its requests",
  })

/** The failure of an exchange is that of each of its operations. */
const named = (
  operation: string,
  error: ControlPlaneError.ControlPlaneError,
): ControlPlaneError.ControlPlaneError => {
  const { message } = error
  switch (error._tag) {
    case "ControlPlaneRefused":
      return new ControlPlaneError.ControlPlaneRefused({ operation, message })
    case "ControlPlaneUnsupported":
      return new ControlPlaneError.ControlPlaneUnsupported({ operation, message })
    case "ControlPlaneUnavailable": {
      const { retryable, retryAfterMillis } = error
      return new Unavailable.ControlPlaneUnavailable({
        operation,
        message,
        retryable,
        ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
      })
    }
  }
}

/** A closed queue and a cut exchange fail alike. */
const failed = ({ name }: Item, cause: Cause.Cause<Failure> | "closed"): Exit.Exit<Api.Answer, Failure> =>
  cause === "closed" ? Exit.fail(Unavailable.closed(name)) : Exit.failCause(cause)

export const make: Effect.Effect<
  Context.Tag.Service<Exchange>,
  never,
  Connections | Credentials | Scope.Scope | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const connections = yield* Connections
  const credentials = yield* Credentials
  const scope = yield* Effect.scope
  let available = true

  const undoing = yield* FiberSet.make()
  const undo = yield* FiberSet.runtime(undoing)<never>()
  yield* Effect.addFinalizer(() =>
    // The network runs in real time, whatever the Clock is.
    Detached.detached(Effect.timeoutOption(FiberSet.awaitEmpty(undoing), undoWithin)).pipe(
      Effect.withClock(Clock.make()),
    ),
  )

  const byRequest = (workerId: Ids.WorkerId, operations: string) =>
    Effect.zipLeft(
      transport.request({
        operation,
        method: "POST",
        path: Endpoints.address(group, "exchange", { worker_id: workerId }),
        token: credentials.of(workerId).token,
        text: `{${operations}}`,
        success: Api.Answers,
      }),
      connections.answered,
    )

  const send = Effect.fnUntraced(function* (workerId: Ids.WorkerId, items: ReadonlyArray<Item>) {
    const text = `"operations":[${items.map(({ text }) => text).join(",")}]`
    const connection = connections.of(workerId)
    const { answers } = yield* connection === undefined
      ? byRequest(workerId, text)
      : // A worker repeats an operation whose answer was lost, so the server finds those that it has done.
        Effect.catchTag(connection.request({ operation, text, success: Api.Answers }), "ConnectionLost", () =>
          byRequest(workerId, text),
        )
    if (answers.length !== items.length) return yield* mismatched()
    return { verdicts: answers.map((answer) => Exit.succeed(answer)), after: Effect.void }
  })

  // An exchange is sent with the token of its worker, so each worker has its own queue.
  const queues = new Map<Ids.WorkerId, Queue>()
  const makeQueue = (workerId: Ids.WorkerId): Effect.Effect<Queue> =>
    BatchQueue.make<Item, Exit.Exit<Api.Answer, Failure>, Failure>({
      send: (items) => send(workerId, items),
      fitting,
      inFlight,
      overtakes: ({ overtakes }) => overtakes,
      gather: Effect.yieldNow(),
      isolates: () => false,
      cut: true,
      failed,
      abandoned: (item, exit) => Effect.sync(() => Exit.map(exit, item.onAbandoned)),
    }).pipe(
      Scope.extend(scope),
      // The queue outlives the operation that makes it, so its requests are not in the span of that.
      Effect.mapInputContext((context: Context.Context<never>) => Context.omit(Tracer.ParentSpan)(context)),
      Effect.tap((queue) => Effect.sync(() => queues.set(workerId, queue))),
    )

  return {
    perform: <A, E>({ kind, onAbandoned, sent, workerId }: Operation<A>, otherwise: Effect.Effect<A, E>) => {
      /** The result of an operation whose exchange has an answer, or none. */
      const settle = (exit: Exit.Exit<Api.Answer, Failure>): Effect.Effect<A, E | Failure> => {
        if (Exit.isSuccess(exit)) return kind.read(exit.value)
        return Either.match(Cause.failureOrCause(exit.cause), {
          onRight: Effect.failCause,
          onLeft: (failure) => {
            if (failure._tag !== "Refusal") return Effect.fail(named(kind.name, failure))
            if (!lacks(failure)) return Effect.fail(failure)
            available = false
            return otherwise
          },
        })
      }

      const sendBy = (queue: Queue, traceparent: string | undefined): Effect.Effect<A, E | Failure> =>
        Effect.async((resume) => {
          const item: Item = {
            name: kind.name,
            text: JSON.stringify(traceparent === undefined ? sent : { ...sent, traceparent }),
            // Events follow each other, so those that wait for an answer share the next exchange and cost the server less.
            overtakes: sent.operation !== "append",
            onAbandoned: (answer) => {
              if (onAbandoned !== undefined) {
                Either.map(kind.read(answer), (value) => undo(onAbandoned(value)))
              }
            },
          }
          return queue.add(item, (exit) => resume(settle(exit)))
        })

      return Effect.withFiberRuntime((fiber): Effect.Effect<A, E | Failure> => {
        if (!available) return otherwise
        const queue = queues.get(workerId)
        // An exchange has operations of many runs, so each of them names its own span.
        const span = TraceContext.ofFiber(fiber)
        const traceparent = span && TraceContext.toHeader(span)
        return queue === undefined
          ? Effect.flatMap(makeQueue(workerId), (made) => sendBy(made, traceparent))
          : sendBy(queue, traceparent)
      })
    },
  }
})
