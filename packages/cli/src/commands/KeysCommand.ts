/**
 * `runlease keys`: manages a project's API keys. It needs an admin key.
 */
import { Command, Options } from "@effect/cli"
import { type Access, Ids } from "@runlease/core"
import { Console, DateTime, Duration, Effect, Option } from "effect"
import * as ApiClient from "../input/ApiClient.js"
import * as Flag from "../input/Flag.js"
import * as Describe from "../help/Describe.js"
import * as Output from "../output/Output.js"
import * as Settings from "../input/Settings.js"
import { positional } from "../input/PositionalText.js"

const common = { connection: Settings.connection, json: Settings.json }

const instantOf = (instant: DateTime.Utc): string =>
  DateTime.formatIso(instant).slice(0, 19).replace("T", " ")

const statusOf = ({ expiresAt, revokedAt }: Access.ApiKey, now: DateTime.Utc): string => {
  if (revokedAt !== null) return "revoked"
  return expiresAt !== null && DateTime.lessThanOrEqualTo(expiresAt, now) ? "expired" : "valid"
}

const create = Command.make(
  "create",
  {
    ...common,
    admin: Options.boolean("admin").pipe(
      Options.withDescription("Let the key manage projects and keys as well"),
    ),
    expires: Flag.duration("expires", { minimum: "1 second", maximum: "3650 days" }).pipe(
      Options.withDescription("How long the key is valid, such as 90d; until it is revoked when absent"),
      Options.optional,
    ),
    name: positional("name", Ids.visibleText(128), "What the key is for"),
  },
  (options) =>
    Effect.gen(function* () {
      const client = yield* ApiClient.make(options.connection)
      const { key, token } = yield* client.keys.createKey({
        path: { project_reference: options.connection.project },
        payload: {
          name: options.name,
          admin: options.admin,
          expires_in_seconds: Option.getOrUndefined(
            Option.map(options.expires, (time) => Math.ceil(Duration.toSeconds(time))),
          ),
        },
      })
      yield* options.json
        ? Output.json({ id: key.id, name: key.name, admin: key.admin, expires_at: key.expiresAt, token })
        : Console.log(`Key ${key.id}, shown only now:\n  export RUNLEASE_API_KEY=${token}`)
    }).pipe(ApiClient.provideHttpClient(options.connection)),
).pipe(
  Describe.command("Create an API key and show it once.", [
    "runlease keys create ci",
    "runlease keys create operator --admin",
    "runlease keys create deploy --expires 90d",
  ]),
)

const list = Command.make("list", common, (options) =>
  Effect.gen(function* () {
    const client = yield* ApiClient.make(options.connection)
    const { data } = yield* client.keys.keys({ path: { project_reference: options.connection.project } })
    const paint = yield* Output.paint
    const now = yield* DateTime.now
    if (options.json) {
      return yield* Effect.forEach(
        data,
        ({ admin, createdAt, expiresAt, id, name, revokedAt }) =>
          Output.json({
            id,
            name,
            admin,
            created_at: createdAt,
            expires_at: expiresAt,
            revoked: revokedAt !== null,
          }),
        { discard: true },
      )
    }
    yield* Console.log(
      Output.table(
        ["KEY", "NAME", "ADMIN", "CREATED", "EXPIRES", "STATUS"],
        data.map((key) => [
          key.id,
          key.name,
          key.admin ? "yes" : "no",
          instantOf(key.createdAt),
          key.expiresAt === null ? "never" : instantOf(key.expiresAt),
          statusOf(key, now),
        ]),
        paint,
      ),
    )
  }).pipe(ApiClient.provideHttpClient(options.connection)),
).pipe(Describe.command("List the project's API keys, never their tokens."))

const revoke = Command.make(
  "revoke",
  {
    ...common,
    id: positional("key-id", Ids.KeyId, "The key's id, as keys list shows it"),
  },
  (options) =>
    Effect.gen(function* () {
      const client = yield* ApiClient.make(options.connection)
      const { key } = yield* client.keys.revokeKey({
        path: { project_reference: options.connection.project, key_id: options.id },
      })
      yield* options.json ? Output.json({ id: key.id, revoked: true }) : Console.log(`Revoked ${key.id}`)
    }).pipe(ApiClient.provideHttpClient(options.connection)),
).pipe(
  Describe.command("Revoke an API key for good, with the tokens of the workers that it registered.", [
    "runlease keys revoke KEY-ID",
  ]),
)

export const command = Command.make("keys").pipe(
  Describe.command("Manage a project's API keys, with an admin key."),
  Command.withSubcommands([create, list, revoke]),
)
