/** Programs of the benchmark in processes of their own, asked over the IPC channel. */
import { Effect, Queue, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Profile from "./Profile.js"

export interface Memory {
  readonly rss: number
  readonly heapUsed: number
}

/** What every child answers. */
export interface Common {
  /** Microseconds of CPU so far, of all its threads. */
  readonly cpu: { readonly asked: null; readonly answer: number }
  /** After a collection. */
  readonly memory: { readonly asked: null; readonly answer: Memory }
  readonly profileStart: { readonly asked: null; readonly answer: null }
  readonly profileStop: { readonly asked: null; readonly answer: Profile.Profile }
}

/** Questions by name, each with what is sent and what comes back. */
export type Questions = Readonly<Record<string, { readonly asked: unknown; readonly answer: unknown }>>

export interface Child<Ready, Q> {
  readonly ready: Ready
  readonly ask: <K extends keyof (Q & Common) & string>(
    question: K,
    ...asked: (Q & Common)[K] extends { readonly asked: infer A } ? (A extends null ? [] : [asked: A]) : never
  ) => Effect.Effect<(Q & Common)[K] extends { readonly answer: infer A } ? A : never>
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
export const start = <Ready, Q = Common>(
  program: string,
  options: unknown,
): Effect.Effect<Child<Ready, Q>, never, Scope.Scope> =>
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
    const ask = (question: string, asked: unknown = null) =>
      Effect.zipRight(
        Effect.sync(() => child.send({ question, asked })),
        answerOf(child),
      )
    return { ready, ask: ask as Child<Ready, Q>["ask"] }
  })

/** The options that the child was started with. */
export const options = <A>(): A => JSON.parse(process.argv[2] ?? "null") as A

export const memory: Effect.Effect<Memory> = Effect.sync(() => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  return { heapUsed, rss }
})

const cpu: Effect.Effect<number> = Effect.sync(() => {
  const { system, user } = process.cpuUsage()
  return system + user
})

type Answers<Q extends Questions> = {
  readonly [K in keyof Q]: (asked: Q[K]["asked"]) => Effect.Effect<Q[K]["answer"], unknown>
}

interface Asked {
  readonly question: string
  readonly asked: unknown
}

/** In the child: says that it is ready, and answers until it is killed. */
export const answer = <Q extends Questions>(ready: unknown, answers: Answers<Q>) =>
  Effect.gen(function* () {
    const profile = yield* Profile.make
    const all: Readonly<Record<string, (asked: never) => Effect.Effect<unknown, unknown>>> = {
      cpu: () => cpu,
      memory: () => memory,
      profileStart: () => profile.start,
      profileStop: () => profile.stop,
      ...answers,
    }
    const questions = yield* Queue.unbounded<Asked>()
    const send = (message: unknown) => Effect.sync(() => process.send?.(message))
    process.on("message", (asked: Asked) => questions.unsafeOffer(asked))
    // Whoever started it is gone.
    process.on("disconnect", () => process.exit())
    yield* send(ready)
    return yield* Queue.take(questions).pipe(
      Effect.flatMap(
        ({ asked, question }) =>
          all[question]?.(asked as never) ?? Effect.dieMessage(`Nothing answers ${question}`),
      ),
      Effect.flatMap(send),
      Effect.forever,
      Effect.orDie,
    )
  })
