/** Starts an agent's process and connects to it. */
import * as acp from "@agentclientprotocol/sdk"
import { Executor } from "@runlease/core"
import { Diagnostics, ProcessGroup } from "@runlease/process"
import { Deferred, Effect, Either, Fiber, FiberSet, Option, Predicate, type Scope } from "effect"
import * as Failure from "./Failure.js"
import * as Wire from "./Wire.js"

type Handler<M extends acp.ClientRequestMethod> = (
  params: acp.ClientRequestParamsByMethod[M],
) => Effect.Effect<acp.ClientRequestResponsesByMethod[M], acp.RequestError>

/** The requests that the agent may send to its client. */
export interface Handlers {
  readonly requestPermission: Handler<"session/request_permission">
  readonly createElicitation: Handler<"elicitation/create">
  readonly readTextFile: Handler<"fs/read_text_file">
  readonly writeTextFile: Handler<"fs/write_text_file">
  readonly createTerminal: Handler<"terminal/create">
  readonly terminalOutput: Handler<"terminal/output">
  readonly waitForTerminalExit: Handler<"terminal/wait_for_exit">
  readonly killTerminal: Handler<"terminal/kill">
  readonly releaseTerminal: Handler<"terminal/release">
}

export interface Options extends ProcessGroup.Options {
  readonly name: string
  readonly secrets: ReadonlyArray<string>
  readonly maxMessageBytes: number
  readonly onUpdate: (params: unknown) => Effect.Effect<void>
  readonly handlers: Handlers
}

export interface Agent {
  readonly request: <M extends acp.AgentRequestMethod>(
    method: M,
    params: acp.AgentRequestParamsByMethod[M],
  ) => Effect.Effect<acp.AgentRequestResponsesByMethod[M], Failure.RequestRefused | Executor.ExecutorError>
  readonly notify: <M extends acp.AgentNotificationMethod>(
    method: M,
    params: acp.AgentNotificationParamsByMethod[M],
  ) => Effect.Effect<void>
  /** Fails once the agent has ended or has broken the protocol, after all of its earlier messages. */
  readonly down: Effect.Effect<never, Executor.ExecutorError>
  readonly group: ProcessGroup.ProcessGroup
}

/** How long an agent may run on after it has closed its stdout. */
const exitGrace = "2 seconds"

type Run = <A>(effect: Effect.Effect<A>) => Promise<A>

/** Fails with the protocol's error when the agent withdraws its request. */
const withdrawal = (signal: AbortSignal): Effect.Effect<never, acp.RequestError> =>
  Effect.async((resume) => {
    const abort = () => resume(Effect.fail(acp.RequestError.requestCancelled()))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })

const connect = (handlers: Handlers, wire: Wire.Wire, run: Run): acp.ClientConnection => {
  const answer =
    <P, A>(handler: (params: P) => Effect.Effect<A, acp.RequestError>) =>
    ({ params, signal }: { readonly params: P; readonly signal: AbortSignal }): Promise<A> =>
      run(Effect.either(Effect.raceFirst(handler(params), withdrawal(signal)))).then(
        Either.getOrThrowWith((error) => error),
      )
  return acp
    .client({ name: "runlease" })
    .onRequest("session/request_permission", answer(handlers.requestPermission))
    .onRequest("elicitation/create", answer(handlers.createElicitation))
    .onRequest("fs/read_text_file", answer(handlers.readTextFile))
    .onRequest("fs/write_text_file", answer(handlers.writeTextFile))
    .onRequest("terminal/create", answer(handlers.createTerminal))
    .onRequest("terminal/output", answer(handlers.terminalOutput))
    .onRequest("terminal/wait_for_exit", answer(handlers.waitForTerminalExit))
    .onRequest("terminal/kill", answer(handlers.killTerminal))
    .onRequest("terminal/release", answer(handlers.releaseTerminal))
    .connect(wire.stream)
}

/** Starts an agent. The Scope ends its process group, as `ProcessGroup` describes. */
export const start = Effect.fn("AcpExecutor.start")(function* (
  options: Options,
): Effect.fn.Return<Agent, Executor.ExecutorError, Scope.Scope> {
  const { name } = options
  const group = yield* ProcessGroup.make(options)
  const stderr = yield* Effect.forkScoped(Diagnostics.log(group.stderr, options.secrets))
  const wire = yield* Wire.make(group, {
    command: name,
    maxMessageBytes: options.maxMessageBytes,
    onUpdate: options.onUpdate,
  })
  const run = yield* FiberSet.makeRuntimePromise()
  const connection = connect(options.handlers, wire, run)
  yield* Effect.addFinalizer(() => Effect.sync(() => connection.close()))

  const down = Effect.gen(function* () {
    yield* Deferred.await(wire.ended)
    const ending = yield* Effect.timeoutOption(group.ending, exitGrace)
    if (Option.isNone(ending)) {
      return yield* Failure.of("agent_silent", `${name} closed its stdout and did not exit`, {
        retryable: true,
      })
    }
    const { code, signal } = ending.value
    const tail = yield* Fiber.join(stderr)
    return yield* Failure.of(
      code === null ? "agent_killed" : "agent_exited",
      `${name} ${code === null ? `was ended by ${signal}` : `exited with code ${code}`} before it was done${tail === "" ? "" : `; the end of its stderr:\n${tail}`}`,
      { retryable: true },
    )
  })

  return {
    group,
    down,
    request: (method, params) =>
      Effect.tryPromise({
        // An answer that is no object counts as an empty object.
        try: () =>
          connection.agent
            .request(method, params)
            .then((answer) => (Predicate.isRecord(answer) ? answer : ({} as typeof answer))),
        catch: (error) => error,
      }).pipe(
        Effect.catchAll((error): Effect.Effect<never, Failure.RequestRefused | Executor.ExecutorError> => {
          if (error instanceof acp.RequestError) {
            const { code, data, message } = error
            return new Failure.RequestRefused({ method, code, message, data })
          }
          // Without a connection, the reason is why the agent went down.
          if (connection.signal.aborted) return down
          const message = `${name} sent an invalid answer to ${method}`
          return Failure.of("agent_protocol_error", message, { cause: error })
        }),
        Effect.raceFirst(down),
      ),
    notify: (method, params) =>
      Effect.ignore(Effect.tryPromise(() => connection.agent.notify(method, params))),
  }
})
