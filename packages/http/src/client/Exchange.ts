/**
 * Operations of a worker, many to a request. Where the server has no exchanges, each goes by its own endpoint.
 *
 * @since 0.1.0
 */
import { ControlPlaneUnavailable as Unavailable, Detached, type Ids } from "@runlease/core"
import { Clock, Context, Effect, Either, FiberSet, type Schema, Scope } from "effect"
import { type Answer, Answers, maxOperations, type Operation as Sent } from "../Api/Exchange.js"
import { Additions } from "./Extensions.js"
import * as Batches from "./Batches.js"
import { Credentials } from "./Credentials.js"
import { lacks, path, read, refusal, type Refused, Transport } from "./Transport.js"

type Failure = Refused | Unavailable.ControlPlaneUnavailable

/** One sort of operation: how it is named in errors, and how its answer is read. */
export interface Kind<A> {
  readonly name: string
  readonly read: (answer: Answer) => Either.Either<A, Failure>
}

/** `name` is the port's method. */
export const kind = <A, I>(name: string, success: Schema.Schema<A, I>): Kind<A> => {
  const readBody = read(name, success)
  return {
    name,
    read: ({ body, retry_after, status }) =>
      status >= 200 && status < 300
        ? readBody(body)
        : Either.left(
            refusal(name, {
              status,
              body,
              retryAfterMillis: retry_after === undefined ? undefined : retry_after * 1000,
            }),
          ),
  }
}

export interface Operation<A> {
  readonly kind: Kind<A>
  readonly workerId: Ids.WorkerId
  readonly sent: typeof Sent.Encoded
  /** Undoes what nobody is there to take, its caller being gone. */
  readonly onAbandoned?: ((answer: A) => Effect.Effect<void>) | undefined
}

export class Exchange extends Context.Tag("@runlease/http/client/Exchange")<
  Exchange,
  {
    /** Does an operation with the worker's next exchange; `otherwise` where the server has none. */
    readonly perform: <A, E>(
      operation: Operation<A>,
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
  readonly name: string
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

const mismatched = () =>
  new Unavailable.ControlPlaneUnavailable({
    operation: "Exchange.perform",
    retryable: false,
    message: "The control plane's answers are not as many as it was asked for",
  })

/** The failure of an exchange is that of each of its operations. */
const named = (
  operation: string,
  { message, retryable, retryAfterMillis }: Unavailable.ControlPlaneUnavailable,
) =>
  new Unavailable.ControlPlaneUnavailable({
    operation,
    message,
    retryable,
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
  })

const closed = ({ name }: Item) => Unavailable.closed(name)

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
    Detached.detached(Effect.timeoutOption(FiberSet.awaitEmpty(undoing), farewell)).pipe(
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
    return answers.length === items.length ? answers : yield* mismatched()
  })

  // A worker's operations share the worker's token, so each worker has exchanges of its own.
  const sending = new Map<Ids.WorkerId, (item: Item) => Effect.Effect<Answer, Failure>>()
  const sendBy = (workerId: Ids.WorkerId, item: Item): Effect.Effect<Answer, Failure> => {
    const known = sending.get(workerId)
    if (known !== undefined) return known(item)
    return Batches.make({
      send: (items: ReadonlyArray<Item>) => send(workerId, items),
      fitting,
      underWay,
      closed,
      onAbandoned: (abandoned, answer) => abandoned.onAbandoned(answer),
    }).pipe(
      Scope.extend(scope),
      Effect.flatMap((made) => {
        sending.set(workerId, made)
        return made(item)
      }),
    )
  }

  return {
    perform: <A, E>({ kind, onAbandoned, sent, workerId }: Operation<A>, otherwise: Effect.Effect<A, E>) =>
      Effect.suspend((): Effect.Effect<A, E | Failure> => {
        if (!available) return otherwise
        const item: Item = {
          name: kind.name,
          text: JSON.stringify(sent),
          onAbandoned: (answer) => {
            if (onAbandoned !== undefined) {
              Either.map(kind.read(answer), (given) => undo(onAbandoned(given)))
            }
          },
        }
        return Effect.matchEffect(sendBy(workerId, item), {
          onSuccess: kind.read,
          onFailure: (failure): Effect.Effect<A, E | Failure> => {
            if (failure._tag === "ControlPlaneUnavailable") return Effect.fail(named(kind.name, failure))
            if (!lacks(failure)) return Effect.fail(failure)
            available = false
            return otherwise
          },
        })
      }),
  }
})
