/**
 * `runlease tokens`: makes tokens that a page in a browser may have, and refuses all of them.
 */
import { Command, Options } from "@effect/cli"
import { BrowserToken, BrowserTokens, Ids, Labels } from "@runlease/core"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { Array, Console, DateTime, Effect, Option, Redacted } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import * as Settings from "../input/Settings.js"
import { usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"

const common = { connection: Settings.connection, json: Settings.json }

const flags = {
  ...common,
  scope: Options.choice("scope", BrowserToken.Scope.literals).pipe(
    Options.withDescription("What the page may do there; may be repeated"),
    Options.repeated,
  ),
  conversation: Flag.text("conversation", Ids.ConversationId).pipe(
    Options.withDescription("Bind it to this conversation, which need not exist yet"),
    Options.optional,
  ),
  thread: Flag.text("thread", Ids.text(1024)).pipe(
    Options.withDescription("Bind it to this thread of an AG-UI client, by its name"),
    Options.optional,
  ),
  run: Flag.text("run", Ids.RunId).pipe(
    Options.withDescription("Bind it to this run, without its children"),
    Options.optional,
  ),
  label: Flag.labels("label").pipe(
    Options.withDescription("Bind it to the runs with this label, as name=value"),
  ),
  agent: Flag.texts("agent", Ids.AgentId).pipe(
    Options.withDescription("For the runs of this agent alone; may be repeated"),
  ),
  expires: Flag.duration("expires", { minimum: "1 second", maximum: "24 hours" }).pipe(
    Options.withDescription("How long it is valid, such as 1h; 15 minutes when absent"),
    Options.optional,
  ),
}

type TokenOptions = Command.Command.ParseConfig<typeof flags>

/** All that the flags bind the token to: one thing, where they are right. */
const boundsOf = ({
  conversation,
  label = Labels.none,
  run,
  thread,
}: TokenOptions): ReadonlyArray<BrowserTokens.BoundTo> => [
  ...Option.toArray(conversation).map((conversationId) => ({
    _tag: "Conversation" as const,
    conversationId,
  })),
  ...Option.toArray(thread).map((threadId) => ({ _tag: "Thread" as const, threadId })),
  ...Option.toArray(run).map((runId) => ({ _tag: "Run" as const, runId })),
  ...Labels.entries(label).map(([name, value]) => ({ _tag: "Label" as const, name, value })),
]

const newToken = Effect.fnUntraced(function* (options: TokenOptions) {
  const { agent, expires, scope } = options
  const [boundTo, ...others] = boundsOf(options)
  if (boundTo === undefined || others.length > 0) {
    return yield* usage(
      boundTo === undefined ? "Nothing was named" : "A token is bound to one thing",
      "Give one of --conversation ID, --thread NAME, --run RUN and --label NAME=VALUE.",
    )
  }
  const scopes = Array.dedupe(scope)
  if (!Array.isNonEmptyArray(scopes)) {
    return yield* usage(
      "The scope is missing",
      "Give --scope read, --scope write or --scope stop, or several.",
    )
  }
  return {
    boundTo,
    scopes,
    ...(agent.length === 0 ? {} : { agentIds: agent }),
    expiresIn: Option.getOrUndefined(expires),
  } satisfies BrowserTokens.NewToken
})

const create = Command.make("create", flags, (options) =>
  Effect.gen(function* () {
    const wanted = yield* newToken(options)
    const tokens = yield* BrowserTokens.BrowserTokens
    const { expiresAt, token } = yield* Effect.catchTag(
      tokens.issue(wanted),
      "InvalidBrowserToken",
      ({ field, message }) => usage(`${SnakeCase.snakeCase(field)}: ${message}`),
    )
    if (options.json) {
      return yield* Output.json({
        token: Redacted.value(token),
        scopes: wanted.scopes,
        expires_at: DateTime.formatIso(expiresAt),
      })
    }
    yield* Console.error(`To ${wanted.scopes.join(" and ")}, until ${DateTime.formatIso(expiresAt)}:`)
    yield* Console.log(Redacted.value(token))
  }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "Make a token for a page in a browser: bound to one conversation, thread, run or label, for some minutes.",
    [
      "runlease tokens create --conversation ID --scope read --scope write",
      "runlease tokens create --thread support-7 --scope read --scope write --scope stop --agent support",
      "runlease tokens create --run report-1 --scope read --expires 1h",
      "runlease tokens create --label customer=42 --scope read",
    ],
  ),
)

const rotate = Command.make("rotate", common, ({ connection, json }) =>
  Effect.gen(function* () {
    const tokens = yield* BrowserTokens.BrowserTokens
    yield* tokens.rotate
    yield* json
      ? Output.json({ rotated: true })
      : Console.log(`Every token that project ${connection.project} has made for a browser is refused now`)
  }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Refuse every token that the project has made for a browser, by a new key to sign with. API keys and workers stay as they are.",
    ["runlease tokens rotate"],
  ),
)

export const command = Command.make("tokens").pipe(
  Describe.command("Make tokens for pages in a browser, which may have no API key."),
  Command.withSubcommands([create, rotate]),
)
