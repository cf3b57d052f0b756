/**
 * Operations of a worker, many to a request. Where the server has no exchanges, each goes by its own endpoint.
 *
 * @since 0.1.0
 */
import { ControlPlaneUnavailable as Unavailable, Finalizing, type Ids } from "@runlease/core"
import { Clock, Context, Effect, Either, FiberSet, type Schema, Scope } from "effect"
import { type Answer, Answers, maxOperations, type Operation as Sent } from "../Api/Exchange.js"
import { Additions } from "./Additions.js"
import * as Batches from "./Batches.js"
import { Credentials } from "./Credentials.js"
import { lacks, path, read, refusal, type Refused, Transport } from "./Transport.js"

type Failure = Refused | Unavailable.ControlPlaneUnavailable

export interface Operation<A, I> {
  /** The port's method, for errors. */
  readonly operation: string
  readonly workerId: Ids.WorkerId
  readonly sent: typeof Sent.Encoded
  readonly success: Schema.Schema<A, I>
  /** Undoes what nobody is there to take, its caller being gone. */
  readonly onAbandoned?: ((answer: A) => Effect.Effect<void>) | undefined
}

export class Exchange extends Context.Tag("@runlease/http/client/Exchange")<
  Exchange,
  {
    /** Does an operation with the worker's next exchange; `otherwise` where the server has none. */
    readonly perform: <A, I, E>(
      operation: Operation<A, I>,
      otherwise: Effect.Effect<A, E>,
    ) => Effect.Effect<A, E | Failure>
  }
>() {}

/** How many exchanges of a worker are under way at most. */
const underWay = 2

/** How many characters of operations go into one exchange. */
const maxLength = 1_048_576

/** How long what is abandoned may take to be undone when the client closes. */
const farewell = "1 second"

interface Item {
  readonly operation: string
  readonly text: string
  readonly onAbandoned: (answer: Answer) => void
}

const fitting = (items: ReadonlyArray<Item>): number => {
  let length = 0
  const over = items.findIndex(({ text }, index) => {
    length += text.length
    return index === maxOperations || (index > 0 && length > maxLength)
  })
  return over === -1 ? items.length : over
}

const mismatched = new Unavailable.ControlPlaneUnavailable({
  operation: "Exchange.perform",
  retryable: false,
  message: "The control plane's answers are not as many as it was asked for",
})

/** The failure of an exchange is that of each of its operations. */
const named = (operation: string, { message, retryable, ...failure }: Unavailable.ControlPlaneUnavailable) =>
  new Unavailable.ControlPlaneUnavailable({ ...failure, operation, message, retryable })

const closed = ({ operation }: Item) => Unavailable.closed(operation)

const readAnswer = <A, I>(operation: string, success: Schema.Schema<A, I>) => {
  const readBody = read(operation, success)
  return ({ body, retry_after, status }: Answer): Either.Either<A, Failure> =>
    status >= 200 && status < 300
      ? readBody(body)
      : Either.left(
          refusal(operation, {
            status,
            body,
            retryAfterMillis: retry_after === undefined ? undefined : retry_after * 1000,
          }),
        )
}

export const make: Effect.Effect<
  Context.Tag.Service<Exchange>,
  never,
  Additions | Credentials | Scope.Scope | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const credentials = yield* Credentials
  const scope = yield* Effect.scope
  let available = yield* Additions

  const undoing = yield* FiberSet.make()
  const undo = yield* FiberSet.runtime(undoing)<never>()
  yield* Effect.addFinalizer(() =>
    // A network does not wait for anybody's Clock: this one is always real.
    Finalizing.apart(Effect.timeoutOption(FiberSet.awaitEmpty(undoing), farewell)).pipe(
      Effect.withClock(Clock.make()),
    ),
  )

  const send = Effect.fnUntraced(function* (workerId: Ids.WorkerId, items: ReadonlyArray<Item>) {
    const { token } = yield* credentials.of(workerId)
    const { answers } = yield* transport.request({
      operation: "Exchange.perform",
      method: "POST",
      path: path`/agent-workers/workers/${workerId}/exchange`,
      token,
      text: `{"operations":[${items.map(({ text }) => text).join(",")}]}`,
      success: Answers,
    })
    return answers.length === items.length ? answers : yield* mismatched
  })

  // A worker's operations share the worker's token, so each worker has exchanges of its own.
  const sending = new Map<Ids.WorkerId, (item: Item) => Effect.Effect<Answer, Failure>>()
  const sendingOf = (workerId: Ids.WorkerId) =>
    Effect.gen(function* () {
      const known = sending.get(workerId)
      if (known !== undefined) return known
      const made = yield* Batches.make({
        send: (items: ReadonlyArray<Item>) => send(workerId, items),
        fitting,
        underWay,
        closed,
        onAbandoned: (item, answer) => item.onAbandoned(answer),
      }).pipe(Scope.extend(scope))
      sending.set(workerId, made)
      return made
    })

  return {
    perform: <A, I, E>(operation: Operation<A, I>, otherwise: Effect.Effect<A, E>) =>
      Effect.suspend((): Effect.Effect<A, E | Failure> => {
        if (!available) return otherwise
        const readOne = readAnswer(operation.operation, operation.success)
        const { onAbandoned } = operation
        const item: Item = {
          operation: operation.operation,
          text: JSON.stringify(operation.sent),
          onAbandoned: (answer) => {
            if (onAbandoned === undefined) return
            Either.map(readOne(answer), (given) => undo(onAbandoned(given)))
          },
        }
        return Effect.flatMap(sendingOf(operation.workerId), (sendOne) => sendOne(item)).pipe(
          Effect.matchEffect({
            onSuccess: readOne,
            onFailure: (failure): Effect.Effect<A, E | Failure> => {
              if (failure._tag === "ControlPlaneUnavailable") {
                return Effect.fail(named(operation.operation, failure))
              }
              if (!lacks(failure)) return Effect.fail(failure)
              available = false
              return otherwise
            },
          }),
        )
      }),
  }
})
