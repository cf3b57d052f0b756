/**
 * `runlease conversations`: lists, shows, changes, branches and deletes conversations.
 */
import { Command, Options } from "@effect/cli"
import { Conversations, Ids } from "@runlease/core"
import { Console, DateTime, Effect, Option } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { positional } from "../input/PositionalText.js"
import * as RunFilterFlags from "../input/RunFilterFlags.js"
import * as Settings from "../input/Settings.js"
import * as ConversationLines from "../output/ConversationLines.js"
import * as Output from "../output/Output.js"

const common = { connection: Settings.connection, json: Settings.json }

const conversationId = positional(
  "conversation-id",
  Ids.ConversationId,
  "The conversation's id, as conversations list shows it",
)

const list = Command.make(
  "list",
  {
    ...common,
    text: Flag.text("text", Ids.visibleText(200)).pipe(
      Options.withDescription("Only conversations with this text in their title"),
      Options.optional,
    ),
    agent: Flag.texts("agent", Ids.AgentId).pipe(
      Options.withDescription("Only conversations with a run of this agent; may be repeated"),
    ),
    where: RunFilterFlags.whereMetadata,
    since: Flag.past("since").pipe(
      Options.withDescription(
        "Only conversations that were updated from then on, as 2h or 2026-02-01T09:00:00Z",
      ),
      Options.optional,
    ),
    until: Flag.past("until").pipe(
      Options.withDescription("Only conversations that were not updated since then"),
      Options.optional,
    ),
    ...Flag.flags,
  },
  (options) =>
    Effect.gen(function* () {
      const conversations = yield* Conversations.Conversations
      const instantOf = RunFilterFlags.instantOf(yield* DateTime.now)
      const page = yield* conversations.list({
        limit: options.limit,
        agentId: options.agent,
        metadata: options.where,
        cursor: Option.getOrUndefined(options.cursor),
        text: Option.getOrUndefined(options.text),
        from: Option.getOrUndefined(Option.map(options.since, instantOf)),
        to: Option.getOrUndefined(Option.map(options.until, instantOf)),
      })
      if (options.json) {
        yield* Effect.forEach(page.items, (each) => Output.json(ConversationLines.toJson(each)), {
          discard: true,
        })
      } else if (page.items.length > 0) {
        const rows = page.items.map(ConversationLines.toRow)
        yield* Console.log(Output.table(ConversationLines.headings, rows, yield* Output.paint))
      } else {
        yield* Console.log(
          page.next === null ? "No conversations" : "No conversations among those looked at so far",
        )
      }
      if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command(
    "List conversations, the one that was updated last first. A conversation that a run has made for itself is not among them.",
    [
      "runlease conversations list --text report",
      "runlease conversations list --agent writer --since 2d",
      "runlease conversations list --where metadata.customer.plan=gold",
    ],
  ),
)

const show = Command.make(
  "show",
  { ...common, conversationId, ...Flag.flags },
  ({ connection, conversationId: id, cursor, json, limit }) =>
    Effect.gen(function* () {
      const conversations = yield* Conversations.Conversations
      const conversation = yield* conversations.get(id)
      const { items, next } = yield* conversations.messages(id, {
        limit,
        cursor: Option.getOrUndefined(cursor),
      })
      if (json) {
        const messages = items.map((each) => ConversationLines.messageToJson(each))
        yield* Output.json({ ...ConversationLines.toJson(conversation), messages })
      } else {
        const texts = [ConversationLines.toText(conversation), ...items.map(ConversationLines.messageToText)]
        yield* Console.log(texts.join("\n\n"))
      }
      if (next !== null) yield* Console.error(`More with --cursor ${next}`)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Show a conversation and its messages, the oldest first.", [
    "runlease conversations show CONVERSATION",
  ]),
)

const rename = Command.make(
  "rename",
  {
    ...common,
    conversationId,
    title: positional("title", Ids.visibleText(512), "Its new title"),
  },
  ({ connection, conversationId: id, json, title }) =>
    Effect.gen(function* () {
      const conversations = yield* Conversations.Conversations
      const renamed = yield* conversations.update(id, { title })
      yield* json
        ? Output.json(ConversationLines.toJson(renamed))
        : Console.log(`Renamed ${renamed.id} to ${title}`)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Give a conversation another title.", [
    "runlease conversations rename CONVERSATION 'Weekly report'",
  ]),
)

const branch = Command.make(
  "branch",
  {
    ...common,
    conversationId,
    messageId: positional(
      "message-id",
      Ids.MessageId,
      "Its last message, as conversations show --json shows it",
    ),
    title: Flag.text("title", Ids.visibleText(512)).pipe(
      Options.withDescription("The title of the branch; that of the conversation when absent"),
      Options.optional,
    ),
  },
  ({ connection, conversationId: id, json, messageId, title }) =>
    Effect.gen(function* () {
      const conversations = yield* Conversations.Conversations
      const made = yield* conversations.branch(id, { messageId, title: Option.getOrUndefined(title) })
      yield* json
        ? Output.json(ConversationLines.toJson(made))
        : Console.log(`Conversation ${made.id} is the branch`)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Begin another conversation with copies of the messages up to one. Runs are not copied.", [
    "runlease conversations branch CONVERSATION MESSAGE --title 'By train'",
  ]),
)

const remove = Command.make(
  "remove",
  { ...common, conversationId },
  ({ connection, conversationId: id, json }) =>
    Effect.gen(function* () {
      const conversations = yield* Conversations.Conversations
      yield* conversations.remove(id)
      yield* json
        ? Output.json({ id, deleted: true })
        : Console.log(`Deleted conversation ${id} and its runs`)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Delete a conversation with its messages, its runs and their logs, for good. A run that has not ended is to be cancelled first.",
    ["runlease conversations remove CONVERSATION"],
  ),
)

export const command = Command.make("conversations").pipe(
  Describe.command("List, show, change, branch and delete conversations."),
  Command.withSubcommands([list, show, rename, branch, remove]),
)
