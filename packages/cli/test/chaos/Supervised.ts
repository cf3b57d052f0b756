/**
 * Processes that are started again whenever they end, as a service manager does.
 */
import type { Recorder } from "../../../testkit/src/simulation/Recorder.js"
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The arguments of Node that start it, and its environment. `incarnation` names the process. */
export interface Settings {
  readonly name: string
  readonly folder: string
  readonly args: ReadonlyArray<string>
  readonly env: (incarnation: string) => Readonly<Record<string, string>>
  readonly recorder: Pick<Recorder, "happened">
  /** Called when it has ended although it was sent no signal, with its exit code. */
  readonly unexpected: (sentence: string, code: number | null) => void
}

export interface Supervised {
  readonly name: string
  /** Ends it with a signal; it comes back `millis` after it is gone. False if it does not run. */
  readonly end: (signal: "SIGKILL" | "SIGTERM", millis: number) => boolean
  /** Stops it where it is. False if it does not run, or is stopped. */
  readonly pause: () => boolean
  readonly resume: () => void
  /** Lets it end by SIGTERM, for good. Gives its exit code. */
  readonly close: Effect.Effect<number | null>
}

/** How long a process that has ended by itself is gone, in milliseconds. */
const restartDelay = 1_000

const lastLines = (file: string): string =>
  readFileSync(file, "utf8").trim().split("\n").slice(-3).join(" | ")

/** Starts a process. The Scope kills it. */
export const make = (settings: Settings): Effect.Effect<Supervised, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { args, env, folder, name, recorder, unexpected } = settings
      let nth = 0
      let child: ChildProcess | undefined
      let paused = false
      let signal: string | undefined
      let comesBackAfter = restartDelay
      let timer: NodeJS.Timeout | undefined
      let closed = false
      const incarnation = () => `${name}#${nth}`

      const start = (): void => {
        nth += 1
        const log = join(folder, `${incarnation()}.log`)
        const output = openSync(log, "a")
        const started = spawn(process.execPath, args, {
          cwd: folder,
          env: { PATH: process.env["PATH"]!, HOME: folder, NO_COLOR: "1", ...env(incarnation()) },
          stdio: ["ignore", output, output],
        })
        closeSync(output)
        child = started
        paused = false
        signal = undefined
        comesBackAfter = restartDelay
        recorder.happened({ _tag: "Started", process: incarnation() })
        started.once("exit", (code, by) => {
          recorder.happened({ _tag: "Ended", process: incarnation(), how: String(by ?? code) })
          if (signal === undefined && !closed) {
            unexpected(`${incarnation()} ended with ${by ?? code}, sent no signal: ${lastLines(log)}`, code)
          }
          child = undefined
          if (!closed) timer = setTimeout(start, comesBackAfter)
        })
      }
      const resume = (): void => {
        if (!paused || child === undefined) return
        paused = false
        recorder.happened({ _tag: "Resumed", process: incarnation() })
        child.kill("SIGCONT")
      }
      start()
      return {
        name,
        end: (by, millis) => {
          if (child === undefined) return false
          signal = by
          comesBackAfter = millis
          child.kill(by)
          return true
        },
        pause: () => {
          if (child === undefined || paused) return false
          paused = true
          recorder.happened({ _tag: "Paused", process: incarnation(), clock: "runs" })
          return child.kill("SIGSTOP")
        },
        resume,
        close: Effect.async<number | null>((done) => {
          closed = true
          clearTimeout(timer)
          if (child === undefined) return done(Effect.succeed(null))
          child.once("exit", (code) => done(Effect.succeed(code)))
          resume()
          child.kill("SIGTERM")
        }),
        kill: () => {
          closed = true
          clearTimeout(timer)
          child?.kill("SIGKILL")
        },
      }
    }),
    ({ kill }) => Effect.sync(kill),
  )

/** Ends once the server of a URL takes requests. */
export const untilReady = (url: string): Effect.Effect<void> =>
  Effect.tryPromise((signal) => fetch(`${url}/readyz`, { signal })).pipe(
    Effect.map(({ ok }) => ok),
    Effect.orElseSucceed(() => false),
    Effect.delay("100 millis"),
    Effect.repeat({ until: (ok) => ok }),
    Effect.asVoid,
  )
