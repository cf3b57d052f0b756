/**
 * `runlease dev`: everything on this machine, for somebody who writes an agent.
 */
import { Command, Options } from "@effect/cli"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Path from "@effect/platform/Path"
import { WorkerMetadata, WorkerRegistry } from "@runlease/core"
import { Console, type Context, Deferred, Effect, Option, Redacted } from "effect"
import * as ExecutorFlags from "../executors/ExecutorFlags.js"
import * as Describe from "../help/Describe.js"
import * as Database from "../input/Database.js"
import * as ApiKeys from "../input/ApiKeys.js"
import * as Flag from "../input/Flag.js"
import * as Settings from "../input/Settings.js"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as PayloadExample from "../output/PayloadExample.js"
import * as Browser from "../self/Browser.js"
import * as Self from "../self/Self.js"
import * as DevWorker from "./DevWorker.js"
import * as LocalServer from "./LocalServer.js"
import * as SignInLink from "./SignInLink.js"
import * as WorkerCommand from "./WorkerCommand.js"

/** The file in the folder of `runlease dev` that says where the one that runs in it listens. */
const fileName = ".runlease/dev.url"

/** Whether a server at that address takes the key of this folder: another program may listen there by now. */
const answers = (url: string, apiKey: Redacted.Redacted) =>
  HttpClientRequest.get(`${url}/session`).pipe(
    HttpClientRequest.bearerToken(apiKey),
    HttpClient.execute,
    Effect.map(({ status }) => status === 200),
    Effect.scoped,
    Effect.timeout("2 seconds"),
    Effect.orElseSucceed(() => false),
    Effect.provide(FetchHttpClient.layer),
  )

/** Fails when `runlease dev` runs in this folder already. */
const checkFree = Effect.fnUntraced(function* (apiKey: Redacted.Redacted) {
  const fs = yield* FileSystem.FileSystem
  const url = yield* Effect.option(Effect.map(fs.readFileString(fileName), (text) => text.trim()))
  if (Option.isNone(url) || !URL.canParse(url.value) || !(yield* answers(url.value, apiKey))) return
  return yield* new CommandFailure({
    message: `runlease dev runs in this folder already: ${url.value}/`,
    hint: "End it first, or start this one in another folder.",
    exitCode: ExitCode.error,
  })
})

/** Says where this one listens, until the Scope closes. */
const occupy = Effect.fnUntraced(function* (url: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(path.dirname(fileName), { recursive: true, mode: 0o700 })
  yield* Effect.acquireRelease(fs.writeFileString(fileName, `${url}\n`), () =>
    Effect.ignore(fs.remove(fileName)),
  )
})

/** What the newest worker says of itself. */
const metadata = Effect.gen(function* () {
  const registry = yield* WorkerRegistry.WorkerRegistry
  const { items } = yield* registry.list({ limit: 1 })
  return Option.getOrUndefined(WorkerMetadata.of(items[0]?.metadata))
}).pipe(Effect.orElseSucceed(() => undefined))

/** Prints the command for the agent that the command line names, else for the first one of the worker. */
const printed = Effect.fnUntraced(function* (url: string, named: string | undefined) {
  const worker = yield* metadata
  const agent = named ?? worker?.agents?.[0] ?? "any"
  const input = PayloadExample.of(worker?.forms?.[agent])
  const key = Option.isSome(yield* ApiKeys.configured) ? "" : `RUNLEASE_API_KEY=$(cat ${ApiKeys.devFile}) `
  const address = url === Settings.defaultUrl ? "" : ` --url ${url}`
  const runlease = yield* Self.invocation
  yield* Console.log(
    `Next, in another terminal: ${key}${runlease} submit${address} --agent ${agent} --watch ${input}`,
  )
})

const host = "127.0.0.1"

const options = {
  executor: ExecutorFlags.options,
  ...WorkerCommand.claiming,
  port: Flag.whole("port", { minimum: 0, maximum: 65_535, setting: "RUNLEASE_PORT" }).pipe(
    Options.withDescription("The port of the dashboard and the API, 0 for a free one"),
    Options.withDefault(4400),
  ),
  database: Database.option,
  rest: ExecutorFlags.args,
}

/** The flags that the worker does not have. */
const own = ["--port", "--database"]

/** The arguments behind `dev`, without its own flags: they are the worker's. */
export const workerArgs = (argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const args = argv.slice(argv.indexOf("dev") + 1)
  const end = args.includes("--") ? args.indexOf("--") : args.length
  return args.filter((arg, at) => {
    if (at >= end) return true
    const isValue = at > 0 && own.includes(args[at - 1]!)
    return !isValue && !own.some((flag) => arg === flag || arg.startsWith(`${flag}=`))
  })
}

/** The agent that works when the command line names none: it repeats its prompt. */
const echo = ["--command", "printenv", "--", "RUNLEASE_PROMPT"]

/** Fails where a module cannot come to be, since there is no folder to wait for it in. */
const checkFolder = Effect.fnUntraced(function* (module: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = path.dirname(path.resolve(module))
  if (yield* Effect.orElseSucceed(fs.exists(folder), () => false)) return
  return yield* usage(`--module: the folder ${folder} does not exist`, "Check the path of the module.")
})

export const command = Command.make(
  "dev",
  options,
  Effect.fnUntraced(function* (parsed) {
    const paint = yield* Output.paint
    const database = yield* Database.parse(parsed.database)
    const executorArgs = workerArgs(process.argv)
    const module = Option.getOrUndefined(parsed.executor.module.module)
    // A mistake in the flags of the executor ends the command before anything starts. A module is loaded by the worker alone.
    if (executorArgs.length > 0) {
      const executor = yield* ExecutorFlags.selected(parsed.executor, parsed.rest)
      yield* module === undefined ? executor : checkFolder(module)
    }
    const apiKey = yield* ApiKeys.ofDev
    yield* checkFree(apiKey)
    const signIn = yield* SignInLink.make
    const work = Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const url = LocalServer.urlOf(address)
      const served = yield* Deferred.make<Context.Context<WorkerRegistry.WorkerRegistry>>()
      const serve = Effect.gen(function* () {
        const DevServer = yield* Effect.promise(() => import("./DevServer.js"))
        const store = yield* DevServer.start({ apiKey, database, signIn })
        yield* occupy(url)
        yield* Console.log(
          [
            `${paint("bold", "Runlease")}: ${paint("cyan", `${url}/`)}`,
            `  sign in   ${paint("cyan", signIn.of(url))} (works once)`,
            `  database  ${database.shown}`,
            `  API key   ${Redacted.value(apiKey)}`,
            "",
          ].join("\n"),
        )
        yield* Deferred.succeed(served, store)
        yield* Browser.open(signIn.of(url))
        return yield* Effect.never
      })
      const next = Effect.flatMap(Deferred.await(served), (store) =>
        Effect.provide(printed(url, parsed.agent[0]), store),
      )
      // The worker loads as long as the server does. Until the server is ready, the listener answers that the worker has to try again.
      const worker = DevWorker.run({
        url,
        apiKey,
        args: executorArgs.length === 0 ? echo : executorArgs,
        module,
        whenServed: Deferred.await(served),
        whenReady: next,
      })
      const code = yield* Effect.raceFirst(worker, serve)
      return yield* new CommandFailure({
        message: `The worker has ended with code ${code}`,
        exitCode: ExitCode.error,
      })
    })
    return yield* Effect.provide(Effect.scoped(work), LocalServer.listener({ host, port: parsed.port }))
  }),
).pipe(
  Describe.command(
    "Everything to write an agent with: a store, a server with its dashboard, a key, and a worker, in one process group. On a terminal it opens the dashboard in the browser, signed in; BROWSER=none opens nothing. A worker of --module starts again when the module or a file next to it changes. Without an executor it has an agent that repeats its prompt.",
    ["runlease dev --module ./agent.ts", "runlease dev --command ./agent.sh", "runlease dev"],
  ),
)
