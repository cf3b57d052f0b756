/** Runs the commands of an agent's requests, each in its own process group. They end with the run. */
import { RequestError } from "@agentclientprotocol/sdk"
import type * as acp from "@agentclientprotocol/sdk"
import { Ids } from "@runlease/core"
import { ProcessGroup } from "@runlease/process"
import { type Duration, Effect, ExecutionStrategy, Exit, Fiber, Option, Scope, Stream } from "effect"
import * as Truncation from "./Truncation.js"
import * as Confinement from "./Confinement.js"

export interface Options {
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  readonly killAfter: Duration.Duration
  readonly guardPath: string
  /** The prefix of the marks of its processes. */
  readonly mark: string
}

interface Terminal {
  readonly group: ProcessGroup.ProcessGroup
  readonly scope: Scope.CloseableScope
  readonly output: () => Pick<acp.TerminalOutputResponse, "output" | "truncated">
  /** Ends once all output of the command has been read. */
  readonly read: Fiber.Fiber<void>
}

const maxTerminals = 32
const maxOutputBytes = 1024 * 1024

/** Stores the last `limit` bytes of an output, from a character boundary on. */
const makeTail = (limit: number) => {
  let chunks: Array<Uint8Array> = []
  let size = 0
  let truncated = false
  const whole = () => {
    const bytes = Buffer.concat(chunks)
    let from = Math.max(0, bytes.length - limit)
    if (from > 0 || truncated) while (from < bytes.length && (bytes[from]! & 0xc0) === 0x80) from += 1
    return bytes.subarray(from)
  }
  return {
    add: (chunk: Uint8Array) => {
      chunks.push(chunk)
      size += chunk.length
      if (size <= limit * 2 && chunks.length < 1024) return
      truncated ||= size > limit
      const tail = whole()
      chunks = [tail]
      size = tail.length
    },
    output: () => ({ output: whole().toString("utf8"), truncated: truncated || size > limit }),
  }
}

/** A command without arguments is a line for the shell, since agents pass on what their model wrote. */
const programOf = ({ args, command }: acp.CreateTerminalRequest) =>
  args === undefined || args.length === 0 ? { command: "/bin/sh", args: ["-c", command] } : { command, args }

const exitOf = ({ code, signal }: ProcessGroup.Ending) => ({ exitCode: code, signal })

export const make = Effect.fnUntraced(function* (options: Options) {
  const parent = yield* Effect.scope
  const terminals = new Map<string, Terminal>()
  /** The outputs of the terminals that were released last. */
  const released = new Map<string, string>()

  const find = (id: string): Effect.Effect<Terminal, RequestError> => {
    const terminal = terminals.get(id)
    return terminal === undefined ? Effect.fail(RequestError.resourceNotFound(id)) : Effect.succeed(terminal)
  }

  const start = Effect.fnUntraced(function* (request: acp.CreateTerminalRequest) {
    if (terminals.size >= maxTerminals) {
      return yield* Effect.fail(
        Confinement.refuse(`There are ${maxTerminals} terminals already; release some`),
      )
    }
    const cwd = yield* Confinement.resolve(options.root, request.cwd ?? options.root)
    const id = yield* Ids.uuidV7
    const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
    const group = yield* ProcessGroup.make({
      ...programOf(request),
      cwd,
      env: {
        ...options.env,
        ...Object.fromEntries((request.env ?? []).map(({ name, value }) => [name, value])),
      },
      input: "",
      killAfter: options.killAfter,
      guardPath: options.guardPath,
      mark: `${options.mark}.${id}`,
    }).pipe(
      Scope.extend(scope),
      Effect.mapError(({ message }) => Confinement.refuse(message)),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
    )
    const tail = makeTail(Math.min(request.outputByteLimit ?? maxOutputBytes, maxOutputBytes))
    const read = yield* Stream.merge(group.stdout, group.stderr).pipe(
      Stream.runForEach((chunk) => Effect.sync(() => tail.add(chunk))),
      Effect.interruptible,
      Effect.forkIn(scope),
    )
    terminals.set(id, { group, scope, read, output: tail.output })
    return { terminalId: id }
  })

  const ending = ({ group, read }: Terminal) => Effect.zipRight(Fiber.join(read), group.ending)

  const handlers = {
    createTerminal: (request: acp.CreateTerminalRequest) => Effect.uninterruptible(start(request)),

    terminalOutput: ({ terminalId }: acp.TerminalOutputRequest) =>
      Effect.gen(function* () {
        const terminal = yield* find(terminalId)
        const over = yield* Fiber.poll(terminal.read)
        const exitStatus = Option.isNone(over) ? null : exitOf(yield* terminal.group.ending)
        return { ...terminal.output(), exitStatus }
      }),

    waitForTerminalExit: ({ terminalId }: acp.WaitForTerminalExitRequest) =>
      Effect.map(Effect.flatMap(find(terminalId), ending), exitOf),

    killTerminal: ({ terminalId }: acp.KillTerminalRequest) =>
      Effect.as(
        Effect.flatMap(find(terminalId), ({ group }) => group.end),
        {},
      ),

    releaseTerminal: ({ terminalId }: acp.ReleaseTerminalRequest) =>
      Effect.gen(function* () {
        const { output, scope } = yield* find(terminalId)
        terminals.delete(terminalId)
        yield* Scope.close(scope, Exit.void)
        released.set(terminalId, Truncation.text(output().output))
        for (const id of Array.from(released.keys()).slice(0, -maxTerminals)) released.delete(id)
        return {}
      }),
  }

  return {
    handlers,
    /** The output of a terminal so far, also after its release. Undefined for an unknown terminal. */
    outputOf: (terminalId: string): string | undefined =>
      terminals.get(terminalId)?.output().output ?? released.get(terminalId),
  }
})
