/**
 * The settings of the commands: from a flag, else from the environment, else from a file.
 *
 * The file is `runlease.json` in the working folder, or the one that `--config FILE` names; `SettingsFile` has its keys.
 */
import { Options } from "@effect/cli"
import { ControlPlaneUnavailable } from "@runlease/core"
import type * as RenewalRounds from "@runlease/core/RenewalRounds"
import { Config, ConfigProvider, Effect, Layer, Option, type Redacted } from "effect"
import { readFileSync } from "node:fs"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import type * as Clients from "./Clients.js"
import * as ApiKeys from "./ApiKeys.js"
import * as Flag from "./Flag.js"
import * as Describe from "../help/Describe.js"
import * as SettingsFile from "./SettingsFile.js"

const defaultFile = "runlease.json"

const readFile = (
  name: string,
  required: boolean,
): Effect.Effect<ReadonlyMap<string, string>, CommandFailure> =>
  Effect.try({
    try: () => readFileSync(name, "utf8"),
    catch: (error) => error as NodeJS.ErrnoException,
  }).pipe(
    Effect.matchEffect({
      onFailure: (error) =>
        error.code === "ENOENT" && !required
          ? Effect.succeed(new Map<string, string>())
          : Effect.fail(usage(`The settings in ${name} cannot be read: ${error.message}`)),
      onSuccess: (text) => SettingsFile.parse(name, text),
    }),
  )

/** Splits `--config FILE` from the other arguments. */
const configFlag = (args: ReadonlyArray<string>) => {
  const end = args.indexOf("--")
  const index = args.findIndex(
    (arg, at) => (end < 0 || at < end) && (arg === "--config" || arg.startsWith("--config=")),
  )
  if (index < 0) return { file: undefined, rest: args }
  const arg = args[index]!
  return arg === "--config"
    ? { file: args[index + 1], rest: args.toSpliced(index, 2) }
    : { file: arg.slice("--config=".length), rest: args.toSpliced(index, 1) }
}

/**
 * The provider of the settings that flags fall back to, and the arguments without `--config`.
 */
export const load = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const { file, rest } = configFlag(args)
  const named = file ?? (yield* Effect.orDie(Config.withDefault(Config.string("RUNLEASE_CONFIG"), "")))
  const path = named === "" ? defaultFile : named
  const environment = ConfigProvider.fromEnv()
  const settings = new Map<string, string>()
  for (const [key, value] of yield* readFile(path, named !== "")) {
    const setting = `RUNLEASE_${key.toUpperCase()}`
    // The environment goes first; then the source of the file's setting does not apply either.
    if (yield* Effect.isSuccess(environment.load(Config.string(setting)))) continue
    settings.set(setting, value).set(Flag.sourceOf(setting), `${key} in ${path}`)
  }
  const provider = ConfigProvider.orElse(environment, () => ConfigProvider.fromMap(settings))
  return { provider, args: rest }
})

/** The URL of the control plane when no setting names one. */
export const defaultUrl = "http://127.0.0.1:4400"

const url = Flag.httpUrl("url", "RUNLEASE_URL").pipe(
  Options.withDescription("The control plane"),
  Options.withDefault(defaultUrl),
)

const apiKey = Options.redacted("api-key").pipe(
  Options.withDescription("An API key of the project; the variable keeps it off the command line"),
  Options.withFallbackConfig(ApiKeys.environmentKey),
  Options.optional,
)

const project = Options.text("project").pipe(
  Options.withDescription("The project, by slug or id"),
  Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_PROJECT")),
  Options.withDefault("default"),
)

/** The flags that name the control plane and the key for it. */
export const connection = Describe.inGroup("Control plane")(Options.all({ url, apiKey, project }))

export type Connection = {
  readonly url: string
  readonly apiKey: Option.Option<Redacted.Redacted>
  readonly project: string
}

/** The API key of the connection. Fails with a hint when there is none. */
export const requireKey = (settings: Connection): Effect.Effect<Redacted.Redacted, CommandFailure> =>
  Option.match(settings.apiKey, {
    onNone: () =>
      Effect.fail(
        usage(
          "The API key is missing",
          "Set RUNLEASE_API_KEY, or api_key in runlease.json; `runlease serve` shows the first key once.",
        ),
      ),
    onSome: (key) => ApiKeys.check(key, "The value of --api-key, RUNLEASE_API_KEY or api_key"),
  })

/** Commands that need no client load none. */
const clients = Effect.promise(() => import("./Clients.js"))

type Ports = Clients.Ports

/** The ports of the project over HTTP. Fails when the connection has no key. */
export const client = (settings: Connection): Layer.Layer<Ports, CommandFailure> =>
  Layer.unwrapEffect(
    Effect.zipWith(requireKey(settings), clients, (token, { client }) => client({ ...settings, token })),
  )

/** As `client`, for a worker: its leases are renewed on a thread. */
export const workerClient = (
  settings: Connection,
  renewal: Clients.Renewal,
): Layer.Layer<Ports | RenewalRounds.RenewalRounds, CommandFailure> =>
  Layer.unwrapEffect(
    Effect.zipWith(requireKey(settings), clients, (token, { workerClient }) =>
      workerClient({ ...settings, token }, renewal),
    ),
  )

/** The URL without user, password and query. */
export const shown = (url: string): string => {
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`
}

/** The failure of a command whose control plane does not answer. */
export const unreachable = (settings: Connection, message: string): CommandFailure =>
  new CommandFailure({
    message: message.includes(new URL(settings.url).origin) ? message : `${message} (${shown(settings.url)})`,
    hint: "Check that the server runs there; --url or RUNLEASE_URL names another.",
    exitCode: ExitCode.unavailable,
  })

/** Provides the ports over the connection. An unreachable control plane becomes a `CommandFailure` that names its URL. */
export const withClient =
  (settings: Connection) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provide(client(settings)),
      Effect.mapError((error) =>
        error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable && error.retryable
          ? unreachable(settings, error.message)
          : error,
      ),
    )

/** `--json`: JSON lines instead of text for people. */
export const json = Options.boolean("json").pipe(Options.withDescription("Print JSON lines, for machines"))
