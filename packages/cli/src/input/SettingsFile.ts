/**
 * The contents of a settings file: `runlease.json`, or the file that `--config FILE` names. Its JSON schema is
 * `runlease.schema.json` in the package's `assets`.
 */
import { Either, ParseResult, Schema } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import { didYouMean } from "../help/Suggestion.js"

const text = (description: string) => Schema.optional(Schema.String.annotations({ description }))

const whole = (description: string, minimum: number, maximum: number) =>
  Schema.optional(Schema.Int.pipe(Schema.between(minimum, maximum)).annotations({ description }))

const truth = (description: string) => Schema.optional(Schema.Boolean.annotations({ description }))

/** The keys are the names of the environment variables without `RUNLEASE_`, in lower case. */
export const SettingsFile = Schema.Struct({
  $schema: text("Where the JSON schema of this file is, for an editor."),
  url: text("The control plane that commands speak with, such as http://127.0.0.1:4400."),
  api_key: text(
    "The API key that commands and workers speak with. For serve: the first key of project default.",
  ),
  project: text("The project, by slug or id; default when absent."),
  host: text("serve: the address to listen on; 127.0.0.1 when absent."),
  port: whole("serve: the port to listen on, 0 for a free one; 4400 when absent.", 0, 65_535),
  database: text(
    "serve, backup: sqlite:PATH or postgres://USER@HOST/NAME; sqlite:.runlease/runlease.sqlite when absent.",
  ),
  keep_finished: text("serve: how long finished runs stay, such as 30d; for ever when absent."),
  rate_limit: whole(
    "serve: requests a second of each API key and each worker, 0 for no limit; 5000 when absent.",
    0,
    1_000_000,
  ),
  body_memory: whole(
    "serve: MiB that the bodies of all requests may take at once; 256 when absent.",
    1,
    1_048_576,
  ),
  open_requests: whole(
    "serve: requests that may wait or stream at once; one for each 160 KiB of the heap when absent.",
    16,
    1_048_576,
  ),
  cors_origin: text(
    "serve: origins of pages that may call the API from a browser, with commas, or *; none when absent.",
  ),
  public_url: text(
    "serve: the address of the server for third parties, in callbacks; that of each request when absent.",
  ),
  webhook_allow: text(
    "serve: networks that webhooks may go to besides public addresses, with commas, such as 10.0.0.0/8.",
  ),
  metrics: truth("serve: whether GET /metrics answers anyone, for Prometheus; false when absent."),
  log_requests: truth("serve: whether each request is logged; false when absent."),
  log_format: text("serve, worker: the log on stderr, text or json; text when absent."),
  metrics_port: whole("worker: the port where GET /metrics answers, for Prometheus.", 0, 65_535),
  metrics_host: text("worker: the address of that port; 127.0.0.1 when absent."),
  postgres_max_connections: whole("serve: the most connections to PostgreSQL.", 1, 10_000),
  postgres_connect_timeout: text(
    "serve: how long a connection to PostgreSQL may take to open, such as 5 seconds.",
  ),
  postgres_statement_timeout: text("serve: how long a statement may take in PostgreSQL."),
  postgres_lock_timeout: text("serve: how long a statement may wait for a lock in PostgreSQL."),
  postgres_idle_in_transaction_timeout: text("serve: how long a transaction may be idle in PostgreSQL."),
  concurrency: whole("worker: how many runs to work on at once; 10 when absent.", 1, 10_000),
  claim_ahead: whole(
    "worker: how many runs may wait at the worker for a slot; three times concurrency when absent.",
    0,
    500,
  ),
  version: text("worker: the version of the code that works on runs, which pinned runs stay with."),
  lease: text("worker: how long a lease lasts, 5s to 300s; 60s when absent."),
  stall_limit: text(
    "worker: how long an executor may block the event loop before its leases lapse, such as 2m; twice the lease and a minute at least when absent.",
  ),
  ag_ui_authorization: text("worker --ag-ui: the Authorization header for the remote agent."),
  a2a_authorization: text("worker --a2a: the Authorization header for the remote agent."),
}).annotations({
  title: "runlease.json",
  description:
    "Settings of the runlease command. A flag goes before the environment, and that before this file.",
})

const decode = Schema.decodeUnknownEither(
  Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
)

const example =
  'A settings file is a JSON object of names and values, such as {"url": "http://127.0.0.1:4400"}.'

const isValue = Schema.is(Schema.Union(Schema.String, Schema.Number, Schema.Boolean))

/**
 * Parses the text of a settings file to its values by key. A text is accepted where the schema has a number: the flag that
 * reads the value checks it, and names the file in its error.
 */
export const parse = (
  name: string,
  content: string,
): Either.Either<ReadonlyMap<string, string>, CommandFailure> =>
  decode(content).pipe(
    Either.mapLeft((error) =>
      usage(
        `The settings in ${name} are not understood: ${ParseResult.TreeFormatter.formatErrorSync(error)}`,
        example,
      ),
    ),
    Either.flatMap((settings) => {
      const keys = Object.keys(SettingsFile.fields)
      const entries = Object.entries(settings)
      const unknown = entries.find(([key]) => !keys.includes(key))
      if (unknown !== undefined) {
        return Either.left(
          usage(
            `${name} has no setting ${JSON.stringify(unknown[0])}${didYouMean(unknown[0], keys)}`,
            `Its settings: ${keys.filter((key) => key !== "$schema").join(", ")}.`,
          ),
        )
      }
      const other = entries.find(([, value]) => !isValue(value))
      if (other !== undefined) {
        return Either.left(usage(`${other[0]} in ${name} is neither a text nor a number`, example))
      }
      return Either.right(
        new Map(entries.filter(([key]) => key !== "$schema").map(([key, value]) => [key, String(value)])),
      )
    }),
  )
