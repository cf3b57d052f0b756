/** Programs of the benchmark in separate processes, called over the IPC channel. */
import { Effect, Queue, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { getHeapSpaceStatistics } from "node:v8"
import * as Profile from "./Profile.js"

/** Bytes. `oldSpace`: those of the heap that have survived some collections. */
export interface Memory {
  readonly rss: number
  readonly heapUsed: number
  readonly oldSpace: number
}

/** Milliseconds. */
export interface Loop {
  readonly busy: number
  readonly idle: number
}

/** The calls that every child serves. */
export interface Common {
  /** Microseconds of CPU that all threads have used so far. */
  readonly cpu: { readonly input: null; readonly output: number }
  /** How long the event loop was busy and how long it was idle so far. */
  readonly loop: { readonly input: null; readonly output: Loop }
  /** Memory after a garbage collection. */
  readonly memory: { readonly input: null; readonly output: Memory }
  readonly profileStart: { readonly input: null; readonly output: null }
  readonly profileStop: { readonly input: null; readonly output: Profile.Profile }
}

/** Calls by name, each with its input and output. */
export type Calls = Readonly<Record<string, { readonly input: unknown; readonly output: unknown }>>

export interface Child<Ready, Q> {
  readonly ready: Ready
  readonly call: <K extends keyof (Q & Common) & string>(
    name: K,
    ...input: (Q & Common)[K] extends { readonly input: infer A } ? (A extends null ? [] : [input: A]) : never
  ) => Effect.Effect<(Q & Common)[K] extends { readonly output: infer A } ? A : never>
}

const outputOf = (child: ChildProcess) =>
  Effect.async<unknown>((resume) => {
    const failed = (code: number | null) =>
      resume(Effect.dieMessage(`A process of the benchmark ended with ${code}`))
    child.once("exit", failed)
    child.once("message", (message) => {
      child.off("exit", failed)
      resume(Effect.succeed(message))
    })
  })

/** Those of the image of `runlease`. The peers have them too. */
const nodeFlags = ["--expose-gc", "--max-semi-space-size=64", "--no-allocation-site-pretenuring"]

/** Starts a program of this folder, with the packages of `checkout` where that is given. The Scope kills it. */
export const start = <Ready, Q = Common>(
  program: string,
  options: unknown,
  checkout?: string,
): Effect.Effect<Child<Ready, Q>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = fileURLToPath(new URL(program, import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        fork(path, [JSON.stringify(options)], {
          execArgv: [...process.execArgv.filter((flag) => !nodeFlags.includes(flag)), ...nodeFlags],
          env: { ...process.env, ...(checkout !== undefined && { RUNLEASE_BENCH_CHECKOUT: checkout }) },
        }),
      ),
      (started) => Effect.sync(() => started.kill("SIGKILL")),
    )
    const ready = (yield* outputOf(child)) as Ready
    const call = (name: string, input: unknown = null) =>
      Effect.zipRight(
        Effect.sync(() => child.send({ name, input })),
        outputOf(child),
      )
    return { ready, call: call as Child<Ready, Q>["call"] }
  })

/** In the child: the options of `start`. */
export const options = <A>(): A => JSON.parse(process.argv[2] ?? "null") as A

export const memory: Effect.Effect<Memory> = Effect.sync(() => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  const old = getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")
  return { heapUsed, oldSpace: old?.space_used_size ?? 0, rss }
})

const cpu: Effect.Effect<number> = Effect.sync(() => {
  const { system, user } = process.cpuUsage()
  return system + user
})

const loop: Effect.Effect<Loop> = Effect.sync(() => {
  const { active, idle } = performance.eventLoopUtilization()
  return { busy: active, idle }
})

type Handlers<Q extends Calls> = {
  readonly [K in keyof Q]: (input: Q[K]["input"]) => Effect.Effect<Q[K]["output"], unknown>
}

interface Call {
  readonly name: string
  readonly input: unknown
}

/** In the child: reports that it is ready, and serves calls until it is killed. */
export const serve = <Q extends Calls>(ready: unknown, handlers: Handlers<Q>) =>
  Effect.gen(function* () {
    const profile = yield* Profile.make
    const all: Readonly<Record<string, (input: never) => Effect.Effect<unknown, unknown>>> = {
      cpu: () => cpu,
      loop: () => loop,
      memory: () => memory,
      profileStart: () => profile.start,
      profileStop: () => profile.stop,
      ...handlers,
    }
    const calls = yield* Queue.unbounded<Call>()
    const send = (message: unknown) => Effect.sync(() => process.send?.(message))
    process.on("message", (call: Call) => calls.unsafeOffer(call))
    // The parent has ended.
    process.on("disconnect", () => process.exit())
    yield* send(ready)
    return yield* Queue.take(calls).pipe(
      Effect.flatMap(
        ({ input, name }) =>
          all[name]?.(input as never) ?? Effect.dieMessage(`There is no handler of ${name}`),
      ),
      Effect.flatMap(send),
      Effect.forever,
      Effect.orDie,
    )
  })
