/**
 * `runlease serve`: runs the control plane on this machine.
 */
import { Command, HelpDoc, Options, ValidationError } from "@effect/cli"
import * as HttpServer from "@effect/platform/HttpServer"
import { Dashboard } from "@runlease/dashboard"
import { Docs } from "@runlease/docs"
import * as Server from "@runlease/http/Server"
import * as WebhookSender from "@runlease/http/WebhookSender"
import { Retention } from "@runlease/store"
import { Config, Console, Effect, Layer, Option, Redacted } from "effect"
import { getHeapStatistics } from "node:v8"
import * as Describe from "../help/Describe.js"
import * as ApiKeys from "../input/ApiKeys.js"
import * as Database from "../input/Database.js"
import * as Flag from "../input/Flag.js"
import * as Settings from "../input/Settings.js"
import * as Output from "../output/Output.js"
import * as Self from "../self/Self.js"
import * as QueueDepth from "../telemetry/QueueDepth.js"
import * as MetricsListener from "../telemetry/MetricsListener.js"
import * as Telemetry from "../telemetry/Telemetry.js"
import { faces } from "./Faces.js"
import * as LocalServer from "./LocalServer.js"
import * as LocalStore from "./LocalStore.js"

const corsSetting = "RUNLEASE_CORS_ORIGIN"

const origin = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,]+$/i

const isAllowed = (text: string): boolean => text === "*" || text === "null" || origin.test(text)

/** The origins of the flag, which may be repeated or contain commas; else those of the setting. */
const corsOrigins: Options.Options<ReadonlyArray<string>> = Options.text("cors-origin").pipe(
  Options.withDescription(
    `An origin whose pages may call the API, or *; repeatable, or with commas (${corsSetting})`,
  ),
  Options.repeated,
  Options.mapEffect((flags) =>
    Effect.gen(function* () {
      const texts =
        flags.length > 0
          ? flags
          : [yield* Effect.orElseSucceed(Config.withDefault(Config.string(corsSetting), ""), () => "")]
      const origins = texts.flatMap((text) => text.split(",")).map((text) => text.trim())
      const wrong = origins.find((text) => text !== "" && !isAllowed(text))
      if (wrong !== undefined) {
        return yield* Effect.fail(
          ValidationError.invalidValue(
            HelpDoc.p(
              `${flags.length > 0 ? "--cors-origin" : corsSetting} takes origins such as https://app.example.com, without a path, or *, not ${JSON.stringify(wrong)}`,
            ),
          ),
        )
      }
      return origins.filter((text) => text !== "")
    }),
  ),
)

/** The address of the server as third parties reach it. */
const publicUrl = Options.text("public-url").pipe(
  Options.withDescription(
    "The address of this server for third parties, in callbacks; that of each request when absent",
  ),
  Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_PUBLIC_URL")),
  Options.filterMap(
    (text) => Option.filter(Option.some(text), () => /^https?:\/\/[^\s/?#]+[^\s?#]*$/i.test(text)),
    "--public-url takes an address such as https://runs.example.com",
  ),
  Options.optional,
)

const host = Options.text("host").pipe(
  Options.withDescription("The address to listen on"),
  Options.withFallbackConfig(Config.nonEmptyString("RUNLEASE_HOST")),
  Options.withDefault("127.0.0.1"),
)

const port = Flag.whole("port", { minimum: 0, maximum: 65_535, setting: "RUNLEASE_PORT" }).pipe(
  Options.withDescription("The port to listen on, 0 for a free one"),
  Options.withDefault(4400),
)

const synchronous = Options.choice("synchronous", ["normal", "full"]).pipe(
  Options.withDescription("For SQLite: full also survives a loss of power, and waits for the disk"),
  Options.withDefault("normal" as const),
)

const keepFinished = Flag.duration("keep-finished", {
  minimum: "1 minute",
  maximum: "36500 days",
  setting: "RUNLEASE_KEEP_FINISHED",
}).pipe(
  Options.withDescription("How long finished runs stay, such as 30d; for ever when absent"),
  Options.optional,
)

const rateLimit = Flag.whole("rate-limit", {
  minimum: 0,
  maximum: 1_000_000,
  setting: "RUNLEASE_RATE_LIMIT",
}).pipe(
  Options.withDescription("Requests a second of each API key and each worker, 0 for no limit"),
  Options.withDefault(5000),
)

const bodyMemory = Flag.whole("body-memory", {
  minimum: 64,
  maximum: 1_048_576,
  setting: "RUNLEASE_BODY_MEMORY",
}).pipe(
  Options.withDescription(
    "MiB of all request bodies at once, a quarter for each key and worker, three quarters for each project",
  ),
  Options.withDefault(256),
)

/** Bytes of the heap for each request that may be open: a wait takes up to half of that. */
const heapOfRequest = 160 * 1024

const openRequests = Flag.whole("open-requests", {
  minimum: 16,
  maximum: 1_048_576,
  setting: "RUNLEASE_OPEN_REQUESTS",
}).pipe(
  Options.withDescription(
    "Requests that may wait or stream at once, a quarter for each key, three quarters for each project; one for each 160 KiB of the heap when absent",
  ),
  Options.optional,
)

const telemetry = Describe.grouped("Telemetry", {
  metrics: Flag.boolean("metrics", "RUNLEASE_METRICS").pipe(
    Options.withDescription("Answer GET /metrics to anyone, for Prometheus"),
  ),
  metricsPort: Flag.whole("metrics-port", { minimum: 0, maximum: 65_535 }).pipe(
    Options.withDescription("Answer GET /metrics on this port, which has nothing else"),
    Options.optional,
  ),
  metricsHost: Options.text("metrics-host").pipe(
    Options.withDescription("The address of that port"),
    Options.withDefault("127.0.0.1"),
  ),
  logRequests: Flag.boolean("log-requests", "RUNLEASE_LOG_REQUESTS").pipe(
    Options.withDescription("Log each request: method, path, status, time, caller, request id"),
  ),
  logFormat: Telemetry.logFormat,
})

/** The `--url` flag for commands on this machine; empty when the default URL already reaches the server. */
const urlFlag = (url: string): string => {
  const reachable = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
  return reachable === Settings.defaultUrl ? "" : ` --url ${reachable}`
}

/** Prints where the server listens, and `key` if the server made one. */
const announce = (
  options: { readonly json: boolean; readonly database: string },
  key: Option.Option<Redacted.Redacted>,
) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const url = LocalServer.urlOf(address)
      if (options.json) {
        return yield* Output.json({
          url,
          database: options.database,
          ...(Option.isSome(key) ? { api_key: Redacted.value(key.value) } : {}),
        })
      }
      const paint = yield* Output.paint
      const runlease = yield* Self.invocation
      yield* Console.log(
        [
          `${paint("bold", "Runlease")} listens on ${paint("cyan", url)}`,
          `  dashboard ${url}/`,
          `  database  ${options.database}`,
          `  docs      ${url}/docs`,
          ...(Option.isSome(key)
            ? [
                "",
                "The first API key of project default, shown only now:",
                `  export RUNLEASE_API_KEY=${Redacted.value(key.value)}`,
              ]
            : []),
          "",
          "Next, in other terminals:",
          `  ${runlease} worker${urlFlag(url)} --command printenv -- RUNLEASE_PROMPT`,
          `  ${runlease} submit${urlFlag(url)} --agent echo --watch hello`,
        ].join("\n"),
      )
    }),
  )

export const command = Command.make(
  "serve",
  {
    host,
    port,
    database: Database.option,
    synchronous,
    keepFinished,
    rateLimit,
    bodyMemory,
    openRequests,
    corsOrigins,
    publicUrl,
    json: Settings.json,
    ...telemetry,
  },
  Effect.fnUntraced(function* (options) {
    const database = yield* Database.parse(options.database)
    const listener = LocalServer.listener(options)
    const { layer: exporting, measures } = yield* Telemetry.make({
      service: "runlease-server",
      logFormat: options.logFormat,
      scraped: options.metrics || Option.isSome(options.metricsPort),
    })
    const metrics = Option.match(options.metricsPort, {
      onNone: () => Layer.empty,
      onSome: (port) => MetricsListener.layer({ host: options.metricsHost, port }),
    })
    const docs = yield* Docs.inFront()
    const dashboard = yield* Dashboard.inFront()
    const server = Server.layerWith({
      rateLimit: options.rateLimit === 0 ? Infinity : options.rateLimit,
      bodyMemory: options.bodyMemory * 1024 * 1024,
      openRequests: Option.getOrElse(options.openRequests, () =>
        Math.floor(getHeapStatistics().heap_size_limit / heapOfRequest),
      ),
      corsOrigins: options.corsOrigins,
      publicUrl: Option.getOrUndefined(options.publicUrl),
      faces,
      inFront: (api) => docs(dashboard(api)),
      logRequests: options.logRequests,
      metrics: options.metrics ? yield* Telemetry.metricsPage : undefined,
    })
    const retention = Option.match(options.keepFinished, {
      onNone: () => Layer.empty,
      onSome: (time) => Retention.layerWith({ keepFinished: time }),
    })
    // The server answers only after its key is stored, and prints its address only after it answers.
    const serving = Layer.unwrapEffect(
      Effect.map(ApiKeys.initial, (key) =>
        announce({ json: options.json || options.logFormat === "json", database: database.shown }, key).pipe(
          Layer.provideMerge(server),
        ),
      ),
    )
    yield* Layer.mergeAll(
      serving,
      retention,
      WebhookSender.layerConfig,
      metrics,
      measures
        ? Layer.mergeAll(QueueDepth.ofStatuses, QueueDepth.ofLimits, QueueDepth.ofMessages)
        : Layer.empty,
    ).pipe(
      Layer.provide(LocalStore.controlPlane(database, options.synchronous)),
      Layer.provide(listener),
      Layer.launch,
      Effect.provide(exporting),
    )
  }),
).pipe(
  Describe.command(
    "Run the control plane: the HTTP API over runs in one SQLite file, or in a PostgreSQL database that any number of servers share. RUNLEASE_API_KEY sets the first key of project default; without it one is made and shown once. SIGTERM ends the server gracefully.",
    [
      "runlease serve",
      "runlease serve --port 4400 --database sqlite:.runlease/runlease.sqlite",
      "RUNLEASE_DATABASE=postgres://me:secret@host/runlease runlease serve",
    ],
  ),
)
