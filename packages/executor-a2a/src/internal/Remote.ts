/** A remote agent of A2A: its client as Effects, and its failures as those of an executor. */
import type { Message, SendMessageRequest, StreamResponse, Task } from "@a2a-js/sdk"
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  type RequestOptions,
  RestTransportFactory,
} from "@a2a-js/sdk/client"
import { Executor } from "@runlease/core"
import { BoundedFetch, SameOriginFetch } from "@runlease/core/executor"
import { Data, Duration, Effect, Option, Redacted, Stream } from "effect"

/** How the agent is reached. `origins`: those that get its requests besides that of `url`. */
export interface Address {
  readonly url: string
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  readonly origins: ReadonlyArray<string>
}

/** The card of the agent names an address of another origin, which got no request. */
class OriginRefused extends Data.TaggedError("OriginRefused")<{
  readonly origin: string
  readonly own: string
}> {
  override get message() {
    return `The card of the agent at ${this.own} names an address at ${this.origin}, which gets none of its requests; add it to origins if it is the agent's`
  }
}

/** The server of the agent could not answer. */
class HttpFailure extends Data.TaggedError("HttpFailure")<{
  readonly status: number
  readonly retryAfter: Option.Option<Duration.Duration>
}> {
  override get message() {
    return `The agent's server answered ${this.status}`
  }
}

const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

const retryAfterOf = ({ headers }: Response): Option.Option<Duration.Duration> => {
  const seconds = Number(headers.get("retry-after") ?? "")
  return seconds > 0 ? Option.some(Duration.seconds(Math.min(seconds, 3600))) : Option.none()
}

const plain = (headers: Address["headers"]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Redacted.isRedacted(value) ? Redacted.value(value) : value,
    ]),
  )

const send = SameOriginFetch.make()

/** `fetch` with the headers of the agent, to the origins that may have them. It fails where a later request may be answered. */
const fetching = ({ headers, origins, url }: Address): typeof fetch => {
  const own = new URL(url).origin
  const trusted = new Set([own, ...origins.map((each) => new URL(each).origin)])
  return async (input, init) => {
    const { origin } = new URL(input instanceof Request ? input.url : input)
    if (!trusted.has(origin)) throw new OriginRefused({ origin, own })
    const response = await send(input, {
      ...init,
      headers: { ...(init?.headers as Record<string, string> | undefined), ...plain(headers) },
    })
    if (!passing.has(response.status)) return response
    await response.body?.cancel()
    throw new HttpFailure({ status: response.status, retryAfter: retryAfterOf(response) })
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "")

/** An error of A2A has its own name; the runtime's have not. */
const isAnswer = (error: unknown): boolean =>
  nameOf(error).endsWith("Error") && !["Error", "TypeError"].includes(nameOf(error))

const causeOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? error.cause : error

/** A name of A2A as a code: `TaskNotFoundError` is `a2a_task_not_found`. */
const codeOf = (error: unknown): string =>
  `a2a_${nameOf(error)
    .replace(/^(Rest|JsonRpc)/, "")
    .replace(/Error$/, "")
    .replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? "" : "_"}${letter.toLowerCase()}`)}`

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Whether the agent refuses to do it, in contrast to one that could not be reached. */
export const isUnsupported = ({ code }: Executor.ExecutorError): boolean =>
  code === "a2a_unsupported_operation"

/** A failure after which a later attempt may succeed. */
export const unreachable = (message: string, cause?: unknown): Executor.ExecutorError =>
  new Executor.ExecutorError({ code: "unreachable", message, retryable: true, cause })

const toFailure = (thrown: unknown): Executor.ExecutorError => {
  const tooLarge = BoundedFetch.failureOf(thrown)
  if (tooLarge !== undefined) return tooLarge
  const error = causeOf(thrown)
  if (error instanceof HttpFailure) {
    return new Executor.ExecutorError({
      code: `http_${error.status}`,
      message: error.message,
      retryable: true,
      ...Option.match(error.retryAfter, { onNone: () => ({}), onSome: (retryAfter) => ({ retryAfter }) }),
    })
  }
  const refused = error instanceof OriginRefused ? error : SameOriginFetch.refusalIn(thrown)
  if (refused !== undefined) {
    return new Executor.ExecutorError({ code: "other_origin", message: refused.message })
  }
  return isAnswer(thrown)
    ? new Executor.ExecutorError({ code: codeOf(thrown), message: messageOf(thrown), cause: thrown })
    : unreachable(`The agent cannot be reached: ${messageOf(error)}`, thrown)
}

type Failing<A> = Effect.Effect<A, Executor.ExecutorError>

export interface Remote {
  readonly send: (request: SendMessageRequest) => Failing<Message | Task>
  readonly task: (id: string) => Failing<Task>
  readonly follow: (id: string) => Stream.Stream<StreamResponse, Executor.ExecutorError>
  readonly cancel: (id: string) => Failing<Task>
}

/** Values whose reader ends the request when it leaves: a generator would first wait for the value that is under way. */
const abortable = <A>(
  values: (signal: AbortSignal) => AsyncGenerator<A, void, undefined>,
): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => {
    const controller = new AbortController()
    const iterator = values(controller.signal)
    return {
      next: () => iterator.next(),
      return: () => {
        controller.abort()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  },
})

const remoteOf = (client: Client): Remote => {
  const call = <A>(request: (options: RequestOptions) => Promise<A>): Failing<A> =>
    Effect.tryPromise({ try: (signal) => request({ signal }), catch: toFailure })
  return {
    send: (request) => call((options) => client.sendMessage(request, options)),
    task: (id) => call((options) => client.getTask({ tenant: "", id }, options)),
    cancel: (id) => call((options) => client.cancelTask({ tenant: "", id, metadata: undefined }, options)),
    follow: (id) =>
      Stream.fromAsyncIterable(
        abortable((signal) => client.resubscribeTask({ tenant: "", id }, { signal })),
        toFailure,
      ),
  }
}

/** Reads the card of the agent, and connects by the first of its interfaces that the client has. */
export const connect = (address: Address): Failing<Remote> =>
  Effect.tryPromise({
    try: (signal) => {
      const fetchImpl = BoundedFetch.make(fetching(address))
      const fetchCard: typeof fetch = (input, init) => fetchImpl(input, { ...init, signal })
      return new ClientFactory(
        ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
          cardResolver: new DefaultAgentCardResolver({ fetchImpl: fetchCard }),
          transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
        }),
      ).createFromUrl(address.url)
    },
    catch: toFailure,
  }).pipe(Effect.map(remoteOf))
