/**
 * `runlease webhooks`: addresses that the server posts to when something happens to a run.
 */
import { Args, Command, Options } from "@effect/cli"
import { Webhook, Webhooks } from "@runlease/core"
import { Console, DateTime, Duration, Effect, Option, Redacted } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { positional, positionalText } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as WebhookFlags from "../input/WebhookFlags.js"
import { usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as WebhookLines from "../output/WebhookLines.js"
import * as WebhookClient from "./WebhookClient.js"

const common = { connection: Settings.connection, json: Settings.json }

const endpointId = positional("endpoint", Webhook.EndpointId, "The endpoint's id, as webhooks list shows it")

/** Prints what a command has made of an endpoint: a sentence, or the endpoint as JSON. */
const print = (json: boolean, endpoint: Webhook.Endpoint, sentence: string): Effect.Effect<void> =>
  json ? Output.json(WebhookLines.toJson(endpoint)) : Console.log(sentence)

/** Prints the secret of an endpoint, which no later command shows. */
const printSecret = (
  json: boolean,
  { endpoint, secret }: Webhooks.EndpointWithSecret,
  sentence: string,
): Effect.Effect<void> =>
  json
    ? Output.json({ ...WebhookLines.toJson(endpoint), secret: Redacted.value(secret) })
    : Console.log(`${sentence}, shown only now:\n  ${Redacted.value(secret)}`)

const url =
  "The address that gets the messages: https:// with port 443 or 8443, or http:// on the loopback interface"

const create = Command.make(
  "create",
  { ...common, ...WebhookFlags.flags, url: positionalText("url", url) },
  (options) =>
    Effect.gen(function* () {
      if (options.events.length === 0) {
        return yield* usage("The events are missing", "Name them with --event run.completed,run.failed.")
      }
      const webhooks = yield* Webhooks.Webhooks
      const made = yield* webhooks.create({
        url: options.url,
        events: options.events,
        ...WebhookFlags.setOf(options),
      })
      yield* printSecret(options.json, made, `Created endpoint ${made.endpoint.id}. Its secret`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Make an endpoint: an address that the server posts to when something happens to a run, signed as Standard Webhooks says. Prints its id, and the secret that verifies its messages, once.",
    [
      "runlease webhooks create https://example.com/hook --event run.completed,run.failed",
      "runlease webhooks create https://example.com/hook --event run.waiting --agent reviewer --label team=a",
    ],
  ),
)

const list = Command.make("list", { ...common, ...Flag.flags }, (options) =>
  Effect.gen(function* () {
    const webhooks = yield* Webhooks.Webhooks
    const page = yield* webhooks.list({
      limit: options.limit,
      cursor: Option.getOrUndefined(options.cursor),
    })
    const paint = yield* Output.paint
    if (options.json) {
      yield* Effect.forEach(page.items, (endpoint) => Output.json(WebhookLines.toJson(endpoint)), {
        discard: true,
      })
    } else if (page.items.length === 0) {
      yield* Console.log("No endpoints. To make one: runlease help webhooks create")
    } else {
      const rows = page.items.map((endpoint) => WebhookLines.toRow(endpoint, paint))
      yield* Console.log(Output.table(WebhookLines.headings, rows, paint))
    }
    if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "List the endpoints of the project, newest first. One is enabled, failing (its last attempt failed) or disabled.",
  ),
)

const show = Command.make("show", { ...common, endpointId }, (options) =>
  Effect.gen(function* () {
    const webhooks = yield* Webhooks.Webhooks
    const endpoint = yield* webhooks.get(options.endpointId)
    yield* print(options.json, endpoint, WebhookLines.toText(endpoint))
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Show one endpoint: what it gets, since when its attempts fail, and why the server has disabled it. Never its secret.",
  ),
)

const update = Command.make(
  "update",
  {
    ...common,
    url: Options.text("to").pipe(Options.withDescription(url), Options.optional),
    ...WebhookFlags.flags,
    clear: WebhookFlags.clear,
    enable: Options.boolean("enable").pipe(
      Options.withDescription("Send again, also after the server has disabled the endpoint"),
    ),
    disable: Options.boolean("disable").pipe(
      Options.withDescription("Send nothing. Messages that are due meanwhile are dead"),
    ),
    endpointId,
  },
  (options) =>
    Effect.gen(function* () {
      const changes = yield* WebhookFlags.changesOf(options)
      const webhooks = yield* Webhooks.Webhooks
      const endpoint = yield* webhooks.update(options.endpointId, changes)
      yield* print(options.json, endpoint, `Updated endpoint ${endpoint.id}; it is ${endpoint.status}`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Change an endpoint; what no flag names stays. Events, agents and labels replace those before.",
    [
      "runlease webhooks update ENDPOINT --event run.failed,run.expired",
      "runlease webhooks update ENDPOINT --to https://example.com/new --clear agent",
      "runlease webhooks update ENDPOINT --enable",
    ],
  ),
)

const rotate = Command.make(
  "rotate",
  {
    ...common,
    expires: Flag.duration("expires", { minimum: 0, maximum: "7 days" }).pipe(
      Options.withDescription("How long the old secret still signs too; 1d when absent"),
      Options.optional,
    ),
    endpointId,
  },
  (options) =>
    Effect.gen(function* () {
      const webhooks = yield* Webhooks.Webhooks
      const rotated = yield* webhooks.rotate(options.endpointId, {
        expiresInSeconds: Option.getOrUndefined(
          Option.map(options.expires, (time) => Math.ceil(Duration.toSeconds(time))),
        ),
      })
      yield* printSecret(options.json, rotated, `The new secret of endpoint ${rotated.endpoint.id}`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Make a new secret of an endpoint and print it once. Messages have signatures by both until the old one expires.",
    ["runlease webhooks rotate ENDPOINT", "runlease webhooks rotate ENDPOINT --expires 0"],
  ),
)

const remove = Command.make("remove", { ...common, endpointId }, (options) =>
  Effect.gen(function* () {
    const webhooks = yield* Webhooks.Webhooks
    yield* webhooks.remove(options.endpointId)
    yield* options.json
      ? Output.json({ id: options.endpointId, deleted: true })
      : Console.log(`Removed endpoint ${options.endpointId}; what was not sent yet is dead at its time`)
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(Describe.command("Remove an endpoint for good. What was sent stays in the list of messages."))

const test = Command.make("test", { ...common, endpointId }, (options) =>
  Effect.gen(function* () {
    const webhooks = yield* Webhooks.Webhooks
    const delivery = yield* webhooks.test(options.endpointId)
    yield* options.json
      ? Output.json(WebhookLines.deliveryJson(delivery))
      : Console.log(
          `Message ${delivery.id} is on its way. See what became of it with: runlease webhooks deliveries --endpoint ${options.endpointId}`,
        )
  }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command("Send a message of type test to an endpoint, whatever its events are.", [
    "runlease webhooks test ENDPOINT",
  ]),
)

const ofEndpoint = Flag.text("endpoint", Webhook.EndpointId)

const deliveries = Command.make(
  "deliveries",
  {
    ...common,
    endpoint: ofEndpoint.pipe(Options.withDescription("Only messages to this endpoint"), Options.optional),
    status: Options.choice("status", Webhook.DeliveryStatus.literals).pipe(
      Options.withDescription("Only messages of this status"),
      Options.optional,
    ),
    ...Flag.flags,
  },
  (options) =>
    Effect.gen(function* () {
      const webhooks = yield* Webhooks.Webhooks
      const page = yield* webhooks.deliveries({
        endpointId: Option.getOrUndefined(options.endpoint),
        status: Option.getOrUndefined(options.status),
        limit: options.limit,
        cursor: Option.getOrUndefined(options.cursor),
      })
      const paint = yield* Output.paint
      if (options.json) {
        yield* Effect.forEach(page.items, (delivery) => Output.json(WebhookLines.deliveryJson(delivery)), {
          discard: true,
        })
      } else if (page.items.length === 0) {
        yield* Console.log("No messages. To send one: runlease webhooks test ENDPOINT")
      } else {
        const rows = page.items.map((delivery) => WebhookLines.deliveryRow(delivery, paint))
        yield* Console.log(Output.table(WebhookLines.deliveryHeadings, rows, paint))
      }
      if (page.next !== null) yield* Console.error(`More with --cursor ${page.next}`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "List the messages to endpoints, newest first, with their attempts and the last answer. One is pending, delivered or dead: no attempt follows.",
    [
      "runlease webhooks deliveries --status dead",
      "runlease webhooks deliveries --endpoint ENDPOINT --status pending --json",
    ],
  ),
)

const retry = Command.make(
  "retry",
  {
    ...common,
    endpoint: ofEndpoint.pipe(
      Options.withDescription("All dead messages of this endpoint"),
      Options.optional,
    ),
    since: Flag.past("since").pipe(
      Options.withDescription("With --endpoint: only messages from then on, as 2h or an instant"),
      Options.optional,
    ),
    ids: positional("message", Webhook.DeliveryId, "The message's id, as webhooks deliveries shows it").pipe(
      Args.repeated,
    ),
  },
  (options) =>
    Effect.gen(function* () {
      const endpoint = Option.getOrUndefined(options.endpoint)
      if ((endpoint === undefined) === (options.ids.length === 0)) {
        return yield* usage(
          "Name the messages by their ids, or all dead ones of an endpoint with --endpoint",
          "List them with: runlease webhooks deliveries --status dead",
        )
      }
      if (endpoint === undefined && Option.isSome(options.since)) {
        return yield* usage("--since needs --endpoint", "It is about all dead messages of an endpoint.")
      }
      const webhooks = yield* Webhooks.Webhooks
      const now = yield* DateTime.now
      const since = Option.map(options.since, (time) =>
        Duration.isDuration(time) ? DateTime.subtractDuration(now, time) : time,
      )
      const retried =
        endpoint === undefined
          ? (yield* Effect.forEach(options.ids, webhooks.retry)).length
          : (yield* webhooks.retryAll(endpoint, { since: Option.getOrUndefined(since) })).retried
      yield* options.json
        ? Output.json({ retried })
        : Console.log(`Sent again: ${Phrases.count(retried, "message")}`)
    }).pipe(WebhookClient.withClient(options.connection)),
).pipe(
  Describe.command(
    "Send messages again: those of the ids, also delivered ones, or all dead ones of an endpoint. Each has the same webhook-id as before.",
    [
      "runlease webhooks retry msg_0192f0c1-7a4e-7bb1-a1e4-3c1f0a2b9d11",
      "runlease webhooks retry --endpoint ENDPOINT --since 2h",
    ],
  ),
)

export const command = Command.make("webhooks").pipe(
  Describe.command("Post to addresses of yours when runs end or wait, and see what was sent."),
  Command.withSubcommands([create, list, show, update, rotate, remove, test, deliveries, retry]),
)
