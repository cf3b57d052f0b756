/**
 * `runlease webhook-sources`: services whose signed messages begin runs.
 */
import { Command, Options } from "@effect/cli"
import { Ids, WebhookSource, WebhookSources } from "@runlease/core"
import { Console, Duration, Effect, Option, Redacted } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { positional } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as TextInput from "../input/TextInput.js"
import * as Output from "../output/Output.js"
import * as SourceLines from "../output/SourceLines.js"
import * as WebhookClient from "./WebhookClient.js"

const common = { connection: Settings.connection, json: Settings.json }

const sourceName = positional("source", WebhookSource.SourceName, "The source's name, such as github-issues")

const secretFile = Options.text("secret-file").pipe(
  Options.withDescription(
    "A file with the secret that the service has, or - for stdin; one is made when absent",
  ),
  Options.optional,
)

/** The secret in a file, without the line break at its end. */
const secretOf = (file: Option.Option<string>) =>
  Effect.transposeMapOption(file, (path) =>
    Effect.map(TextInput.read(path), (text) => Redacted.make(text.replace(/\r?\n$/, ""))),
  )

const addressOf = ({ url }: Settings.Connection, { path }: WebhookSource.Source): string =>
  `${Settings.shown(url).replace(/\/$/, "")}${path}`

/** Prints a source, and the secret that was made of it, which no later command shows. */
const print = (
  { connection, json }: { readonly connection: Settings.Connection; readonly json: boolean },
  { secret, source }: WebhookSources.SourceWithSecret,
  sentence: string,
): Effect.Effect<void> => {
  const shown = secret && Redacted.value(secret)
  if (json) return Output.json({ ...SourceLines.toJson(source), secret: shown })
  const lines = [`${sentence} Its messages go to:`, `  ${addressOf(connection, source)}`]
  return Console.log(
    [...lines, ...(shown === null ? [] : ["Its secret, shown only now:", `  ${shown}`])].join("\n"),
  )
}

const define = Command.make(
  "define",
  {
    ...common,
    scheme: Options.choice("scheme", WebhookSource.SourceScheme.literals).pipe(
      Options.withDescription(
        "How the service signs: standard, as Standard Webhooks says; github, as GitHub does",
      ),
      Options.withDefault("standard" as const),
    ),
    agent: Flag.text("agent", Ids.AgentId).pipe(Options.withDescription("The agent of the runs")),
    events: Options.text("event").pipe(
      Options.repeated,
      Options.withDescription(
        "Only messages of these types begin a run, such as issues.opened, with commas or repeated; all when absent",
      ),
    ),
    prompt: Options.text("prompt").pipe(
      Options.withDescription(
        "The message of the user; {{payload.issue.title}} in it is a value of what was posted",
      ),
      Options.optional,
    ),
    secretFile,
    sourceName,
  },
  (options) =>
    Effect.gen(function* () {
      const secret = yield* secretOf(options.secretFile)
      const events = options.events.flatMap((text) => text.split(",")).map((type) => type.trim())
      const { define: defineSource } = yield* WebhookSources.WebhookSources
      const defined = yield* defineSource(options.sourceName, {
        scheme: options.scheme,
        agentId: options.agent,
        events: events.length === 0 ? null : events,
        prompt: Option.getOrNull(options.prompt),
        secret: Option.getOrUndefined(secret),
      })
      yield* print(options, defined, `Source ${options.sourceName} begins runs of ${options.agent}.`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Make a source, or give it another definition: a service whose signed messages each begin a run. Prints the address for the service, and the secret, once. The payload of a message is the input of its run.",
    [
      "runlease webhook-sources define github-issues --scheme github --agent fixer --event issues.opened --prompt 'Fix {{payload.issue.title}}'",
      "runlease webhook-sources define payments --agent clerk --secret-file ./whsec.txt",
    ],
  ),
)

const list = Command.make("list", { ...common, ...Flag.flags }, (options) =>
  Effect.gen(function* () {
    const sources = yield* WebhookSources.WebhookSources
    const { items, next } = yield* sources.list({
      limit: options.limit,
      cursor: Option.getOrUndefined(options.cursor),
    })
    if (options.json) {
      yield* Effect.forEach(items, (source) => Output.json(SourceLines.toJson(source)), { discard: true })
    } else if (items.length === 0) {
      yield* Console.log("No webhook sources. To make one: runlease help webhook-sources define")
    } else {
      yield* Console.log(
        Output.table(SourceLines.headings, items.map(SourceLines.toRow), yield* Output.paint),
      )
    }
    if (next !== null) yield* Console.error(`More with --cursor ${next}`)
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(Describe.command("List the webhook sources of the project, newest first."))

const show = Command.make("show", { ...common, sourceName }, (options) =>
  Effect.gen(function* () {
    const sources = yield* WebhookSources.WebhookSources
    const source = yield* sources.get(options.sourceName)
    yield* options.json
      ? Output.json(SourceLines.toJson(source))
      : Console.log(SourceLines.toText(source, addressOf(options.connection, source)))
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(Describe.command("Show one source, and the address for its service. Never its secret."))

const rotate = Command.make(
  "rotate",
  {
    ...common,
    expires: Flag.duration("expires", { minimum: 0, maximum: "7 days" }).pipe(
      Options.withDescription("How long messages by the old secret are accepted; 1d when absent"),
      Options.optional,
    ),
    secretFile,
    sourceName,
  },
  (options) =>
    Effect.gen(function* () {
      const secret = yield* secretOf(options.secretFile)
      const sources = yield* WebhookSources.WebhookSources
      const rotated = yield* sources.rotate(options.sourceName, {
        secret: Option.getOrUndefined(secret),
        expiresInSeconds: Option.getOrUndefined(
          Option.map(options.expires, (time) => Math.ceil(Duration.toSeconds(time))),
        ),
      })
      yield* print(options, rotated, `Source ${options.sourceName} has a new secret.`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Give a source a new secret. Messages by both are accepted until the old one expires, so change it at the service meanwhile.",
    [
      "runlease webhook-sources rotate github-issues",
      "runlease webhook-sources rotate payments --secret-file ./whsec.txt --expires 0",
    ],
  ),
)

const remove = Command.make("remove", { ...common, sourceName }, (options) =>
  Effect.gen(function* () {
    const sources = yield* WebhookSources.WebhookSources
    yield* sources.remove(options.sourceName)
    yield* options.json
      ? Output.json({ name: options.sourceName, deleted: true })
      : Console.log(`Removed source ${options.sourceName}; its messages are refused, and its runs stay`)
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(Describe.command("Remove a source for good. Its messages are refused; its runs stay."))

export const command = Command.make("webhook-sources").pipe(
  Describe.command("Services that post signed messages to a project: each message begins a run."),
  Command.withSubcommands([define, list, show, rotate, remove]),
)
