/**
 * Runs the command in a folder of its own: as a separate process, as a user does, or within the process of the test.
 */
import { FileSystem, Path } from "@effect/platform"
import { NodeContext, NodeStream } from "@effect/platform-node"
import { Context, Deferred, Effect, Layer, Option, Schema, Stream, SubscriptionRef } from "effect"
// It starts its service in the folder in which it was loaded. A command within the process has a folder that goes with its test, and later
// files of the process bundle too.
import "esbuild"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { pathToFileURL } from "node:url"
import { expect, inject } from "vitest"
import type * as InProcess from "./InProcess.js"

/** A running process of `runlease`. */
export interface Running {
  readonly pid: number
  /** Waits for the first line of stdout that passes. Fails when the process ends without it. */
  readonly line: (test: (line: string) => boolean) => Effect.Effect<string, Error>
  /** Like `line`, on stderr. */
  readonly errorLine: (test: (line: string) => boolean) => Effect.Effect<string, Error>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

/** The exit code of a process and its whole output. `code` is null after a signal. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Settings {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

/** Fails with `what` after four minutes: before the limit of a test, which would not say what it waited for. */
export const awaited =
  (what: Effect.Effect<string>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Error, R> =>
    Effect.flatten(
      Effect.timeoutTo(self, {
        duration: "4 minutes",
        onTimeout: () =>
          Effect.flatMap(what, (text) => Effect.fail(new Error(`After four minutes: ${text}`))),
        onSuccess: Effect.succeed,
      }),
    )

/** No other variables of this process, so that the command reads none of its settings. */
const environmentOf = ({ cwd, env }: Settings): Readonly<Record<string, string>> => ({
  PATH: process.env["PATH"]!,
  HOME: cwd,
  NO_COLOR: "1",
  ...env,
})

/** Starts `runlease`. Closing the Scope kills it. */
export const start = Effect.fnUntraced(function* (args: ReadonlyArray<string>, settings: Settings) {
  const child = spawn(process.execPath, [inject("runlease"), ...args], {
    cwd: settings.cwd,
    env: environmentOf(settings),
    stdio: "pipe",
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
  child.stdin.end(settings.stdin ?? "")

  const stdout = yield* SubscriptionRef.make({ text: "", closed: false })
  const stderr = yield* SubscriptionRef.make({ text: "", closed: false })
  const collect = (pipe: NodeJS.ReadableStream, into: typeof stdout) =>
    NodeStream.fromReadable<Error>(
      () => pipe,
      (error) => new Error(String(error)),
    ).pipe(
      Stream.decodeText(),
      Stream.runForEach((text) => SubscriptionRef.update(into, (all) => ({ ...all, text: all.text + text }))),
      Effect.ignore,
      Effect.zipRight(SubscriptionRef.update(into, (all) => ({ ...all, closed: true }))),
      Effect.forkScoped,
    )
  yield* collect(child.stdout, stdout)
  yield* collect(child.stderr, stderr)

  const code = yield* Deferred.make<number | null>()
  child.once("close", (exitCode) => Deferred.unsafeDone(code, Effect.succeed(exitCode)))

  const printed = Effect.zipWith(
    SubscriptionRef.get(stdout),
    SubscriptionRef.get(stderr),
    (out, errors) => `${out.text}\n${errors.text}`,
  )
  const withoutLine = (verb: string) =>
    Effect.map(printed, (text) => `runlease ${args.join(" ")} ${verb} without the line: ${text}`)
  const lineOf = (ref: typeof stdout) => (test: (line: string) => boolean) =>
    Effect.suspend(() => {
      let tested = 0
      return ref.changes.pipe(
        Stream.filterMap(({ closed, text }) => {
          // Each line is tested once, as some outputs have thousands.
          const end = text.lastIndexOf("\n") + 1
          const line = text.slice(tested, end).split("\n").slice(0, -1).find(test)
          tested = end
          return line === undefined && !closed ? Option.none() : Option.some(line)
        }),
        Stream.runHead,
        Effect.flatten,
        Effect.orDie,
        Effect.flatMap((line) =>
          line === undefined
            ? Effect.flatMap(withoutLine("ended"), (message) => Effect.fail(new Error(message)))
            : Effect.succeed(line),
        ),
        awaited(withoutLine("is")),
      )
    })

  const running: Running = {
    pid: child.pid!,
    line: lineOf(stdout),
    errorLine: lineOf(stderr),
    signal: (signal) => Effect.sync(() => child.kill(signal)),
    ended: Effect.gen(function* () {
      const exitCode = yield* Deferred.await(code)
      const until = (ref: typeof stdout) =>
        ref.changes.pipe(
          Stream.filter(({ closed }) => closed),
          Stream.runHead,
          Effect.flatten,
          Effect.orDie,
        )
      return { code: exitCode, stdout: (yield* until(stdout)).text, stderr: (yield* until(stderr)).text }
    }),
  }
  return running
})

/** Runs `runlease` to its end, as a process. */
export const runProcess = (args: ReadonlyArray<string>, settings: Settings): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(start(args, settings), ({ ended }) => ended))

const inTurn = Effect.unsafeMakeSemaphore(1)

/**
 * Runs `runlease` to its end within this process, after the commands that run so already. It takes a twentieth of the CPU time of a
 * process, and gives the same: `in-process.test.ts` compares both. A command that loads a module, has a terminal, gets a signal or
 * is waited for by the next command needs a process.
 */
export const run = (args: ReadonlyArray<string>, settings: Settings): Effect.Effect<Ended> =>
  Effect.async<Ended>((resume, signal) => {
    const surroundings = () => ({
      script: inject("runlease"),
      cwd: settings.cwd,
      env: environmentOf(settings),
      stdin: settings.stdin ?? "",
    })
    const ended = import(pathToFileURL(inject("runleaseInProcess")).href).then(
      ({ run: runWithin }: typeof InProcess) => runWithin(args, surroundings(), signal),
    )
    const over = ended.then(
      (outcome) => resume(Effect.succeed(outcome)),
      (error: unknown) => resume(Effect.die(error)),
    )
    return Effect.promise(() => over)
  }).pipe(awaited(Effect.succeed(`runlease ${args.join(" ")} runs`)), Effect.orDie, inTurn.withPermits(1))

/** Checks that `runlease worker` refuses each of these flags with that message, and this exit code. */
export const refuseToWork = (
  refusals: ReadonlyArray<readonly [flags: ReadonlyArray<string>, message: string]>,
  exitCode: number,
  settings: Settings,
): Effect.Effect<void> =>
  Effect.forEach(
    refusals,
    ([flags, message]) =>
      Effect.map(run(["worker", ...flags], settings), ({ code, stderr }) => {
        expect(stderr).toContain(message)
        expect(code).toBe(exitCode)
      }),
    { concurrency: 2, discard: true },
  )

/** A temporary folder, removed with the Scope. */
export const folder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** Writes a file into a folder and returns its path. */
export const write = Effect.fnUntraced(function* (cwd: string, name: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(cwd, name)
  yield* fs.writeFileString(file, text)
  return file
})

const Json = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))

/** Parses a JSON line. */
export const json = Schema.decodeUnknownSync(Json)

/** The JSON lines of an output. */
export const jsonLines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => json(line))

/** Whether a JSON line has these values. */
export const has =
  (expected: Readonly<Record<string, unknown>>) =>
  (line: string): boolean => {
    if (!line.startsWith("{")) return false
    const actual = json(line)
    return Object.entries(expected).every(([key, value]) => actual[key] === value)
  }

/** Starts a server on a free port with a database of its own. Returns it with the environment of its clients. */
export const serve = Effect.fnUntraced(function* (cwd: string, ...flags: ReadonlyArray<string>) {
  const server = yield* start(["serve", "--port", "0", "--json", ...flags], { cwd })
  const ready = json(yield* server.line(() => true))
  const env = { RUNLEASE_URL: String(ready["url"]), RUNLEASE_API_KEY: String(ready["api_key"]) }
  return { server, ready, env }
})

/** A folder, a server in it, and the environment of its clients. */
export const room = Effect.flatMap(folder, (cwd) => Effect.map(serve(cwd), (parts) => ({ cwd, ...parts })))

/** The environment variables of a client. Its project is `default` unless it is named. */
export type Env = Readonly<Record<"RUNLEASE_URL" | "RUNLEASE_API_KEY", string>> & {
  readonly RUNLEASE_PROJECT?: string
}

/** A server that all tests of a file share. */
export class Served extends Context.Tag("cli/test/Served")<
  Served,
  { readonly cwd: string; readonly env: Env }
>() {
  static readonly layerWith = (...flags: ReadonlyArray<string>) =>
    Layer.scoped(
      Served,
      Effect.flatMap(folder, (cwd) => Effect.map(serve(cwd, ...flags), ({ env }) => ({ cwd, env }))),
    ).pipe(Layer.provideMerge(NodeContext.layer))

  static readonly layer = Served.layerWith()
}

/** Creates something of the server with its first key, which is admin of every project. */
const create = (env: Env, path: string, body: object) =>
  Effect.promise(async () => {
    const response = await fetch(env.RUNLEASE_URL + path, {
      method: "POST",
      headers: { authorization: `Bearer ${env.RUNLEASE_API_KEY}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    })
    expect(response.status).toBe(201)
    return json(await response.text())
  })

/** A folder, a project of its own on the server that the tests of a file share, and the environment of its clients, whose key is an admin's. */
export const project = Effect.gen(function* () {
  const { env } = yield* Served
  const cwd = yield* folder
  const slug = randomUUID()
  yield* create(env, "/projects", { slug })
  const { token } = yield* create(env, `/projects/${slug}/keys`, { name: "test", admin: true })
  const own = { RUNLEASE_URL: env.RUNLEASE_URL, RUNLEASE_API_KEY: String(token), RUNLEASE_PROJECT: slug }
  return { cwd, env: own }
})

/** The subcommands of a command in a project of its own. `refusal` may fail, and the others may not. */
export const commandsOf = (name: string) =>
  Effect.map(project, ({ cwd, env }) => {
    const refusal = (...args: ReadonlyArray<string>) => run([name, ...args], { cwd, env })
    const command = (...args: ReadonlyArray<string>) =>
      Effect.map(refusal(...args), ({ code, stderr, stdout }) => {
        expect({ args, code, stderr }).toMatchObject({ args, code: 0 })
        return stdout
      })
    const lines = (...args: ReadonlyArray<string>) => Effect.map(command(...args, "--json"), jsonLines)
    return { cwd, env, refusal, command, lines }
  })
