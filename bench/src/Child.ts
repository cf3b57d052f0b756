/** Programs of the benchmark in processes of their own, asked over the IPC channel. */
import { Effect, Queue, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Group } from "./Profile.js"

export interface Memory {
  readonly rss: number
  readonly heapUsed: number
}

/** What a child may be asked, and what it answers. */
export interface Questions {
  /** Microseconds of CPU so far, of all its threads. */
  readonly cpu: number
  /** After a collection. */
  readonly memory: Memory
  readonly inFlight: number
  readonly profileStart: null
  readonly profileStop: ReadonlyArray<Group>
}

export interface Child<Ready> {
  readonly ready: Ready
  readonly ask: <Q extends keyof Questions>(question: Q) => Effect.Effect<Questions[Q]>
}

const answerOf = (child: ChildProcess) =>
  Effect.async<unknown>((resume) => {
    const failed = (code: number | null) =>
      resume(Effect.dieMessage(`A process of the benchmark ended with ${code}`))
    child.once("exit", failed)
    child.once("message", (message) => {
      child.off("exit", failed)
      resume(Effect.succeed(message))
    })
  })

/** Starts a program of this folder; it is killed when the Scope closes. */
export const start = <Ready>(
  program: string,
  options: unknown,
): Effect.Effect<Child<Ready>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = fileURLToPath(new URL(program, import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        fork(path, [JSON.stringify(options)], {
          execArgv: [...process.execArgv.filter((flag) => flag !== "--expose-gc"), "--expose-gc"],
        }),
      ),
      (started) => Effect.sync(() => started.kill("SIGKILL")),
    )
    const ready = (yield* answerOf(child)) as Ready
    return {
      ready,
      ask: <Q extends keyof Questions>(question: Q) =>
        Effect.zipRight(
          Effect.sync(() => child.send(question)),
          answerOf(child),
        ) as Effect.Effect<Questions[Q]>,
    }
  })

/** The options that the child was started with. */
export const options = <A>(): A => JSON.parse(process.argv[2] ?? "null") as A

export const memory: Effect.Effect<Memory> = Effect.sync(() => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  return { heapUsed, rss }
})

export const cpu: Effect.Effect<number> = Effect.sync(() => {
  const { system, user } = process.cpuUsage()
  return system + user
})

/** In the child: says that it is ready, and answers until it is killed. */
export const answer = (
  ready: unknown,
  answers: { readonly [Q in keyof Questions]?: Effect.Effect<Questions[Q]> },
): Effect.Effect<never> =>
  Effect.gen(function* () {
    const all: { readonly [question: string]: Effect.Effect<unknown> } = { cpu, memory, ...answers }
    const questions = yield* Queue.unbounded<string>()
    const send = (message: unknown) => Effect.sync(() => process.send?.(message))
    process.on("message", (question: string) => questions.unsafeOffer(question))
    // Whoever started it is gone.
    process.on("disconnect", () => process.exit())
    yield* send(ready)
    return yield* Queue.take(questions).pipe(
      Effect.flatMap((question) => all[question] ?? Effect.dieMessage(`Nothing answers ${question}`)),
      Effect.flatMap(send),
      Effect.forever,
    )
  })
