/**
 * The flags that say which messages an endpoint gets.
 */
import { HelpDoc, Options, ValidationError } from "@effect/cli"
import { Ids, Webhook, type Webhooks } from "@runlease/core"
import { Effect, Option, Schema } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as Flag from "./Flag.js"

/** A test message is requested, so no endpoint names it. */
const eventTypes = Webhook.EventType.literals.filter((type) => type !== "test")

const areEvents = Schema.is(Schema.Array(Schema.Literal(...eventTypes)))

const parseEvents = (texts: ReadonlyArray<string>): Option.Option<ReadonlyArray<Webhook.EventType>> => {
  const names = texts.flatMap((text) => text.split(",")).map((name) => name.trim())
  return areEvents(names) ? Option.some(names) : Option.none()
}

const events = Options.text("event").pipe(
  Options.withPseudoName("EVENT"),
  Options.repeated,
  Options.withDescription(`What is sent, with commas or repeated: ${eventTypes.join(", ")}`),
  Options.mapEffect((texts) =>
    Effect.mapError(parseEvents(texts), () =>
      ValidationError.invalidValue(
        HelpDoc.p(`--event takes ${eventTypes.join(", ")}, not ${JSON.stringify(texts.join(","))}`),
      ),
    ),
  ),
)

const agents = Flag.texts("agent", Ids.AgentId).pipe(
  Options.withDescription("Only events of this agent's runs; may be repeated"),
)

const labels = Flag.labels("label").pipe(
  Options.withDescription(
    "Only events of runs with this label, as name=value; with several, runs that have all of them",
  ),
)

const description = Flag.text("description", Ids.visibleText(500)).pipe(
  Options.withDescription("What the endpoint is for"),
  Options.optional,
)

/** What both `create` and `update` take. */
export const flags = { events, agents, labels, description }

/** What an endpoint may be without. */
const clearable = ["agent", "label", "description"] as const

type Clearable = (typeof clearable)[number]

export const clear = Options.choice("clear", clearable).pipe(
  Options.withDescription("Remove this from the endpoint, by the name of its flag; may be repeated"),
  Options.repeated,
)

export interface EndpointOptions {
  readonly events: ReadonlyArray<Webhook.EventType>
  readonly agents: ReadonlyArray<string>
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly description: Option.Option<string>
}

/** What the flags set. */
export const setOf = ({
  agents: agentIds,
  description: text,
  events: types,
  labels: wanted,
}: EndpointOptions) => ({
  ...(types.length === 0 ? {} : { events: types }),
  ...(agentIds.length === 0 ? {} : { agentIds }),
  ...(wanted === undefined ? {} : { labels: wanted }),
  ...(Option.isNone(text) ? {} : { description: text.value }),
})

const without: Readonly<Record<Clearable, Webhooks.EndpointChanges>> = {
  agent: { agentIds: null },
  label: { labels: {} },
  description: { description: null },
}

/** The changes of the flags. No flag both sets and clears. */
export const changesOf = (
  options: EndpointOptions & {
    readonly url: Option.Option<string>
    readonly clear: ReadonlyArray<Clearable>
    readonly enable: boolean
    readonly disable: boolean
  },
): Effect.Effect<Webhooks.EndpointChanges, CommandFailure> => {
  const set = setOf(options)
  const both = options.clear.find((name) => Object.keys(without[name]).some((field) => field in set))
  if (both !== undefined) {
    return Effect.fail(usage(`--${both} and --clear ${both} exclude each other`, "Give one of them."))
  }
  if (options.enable && options.disable) {
    return Effect.fail(usage("--enable and --disable exclude each other", "Give one of them."))
  }
  const changes: Webhooks.EndpointChanges = Object.assign(
    {},
    Option.isNone(options.url) ? {} : { url: options.url.value },
    set,
    ...options.clear.map((name) => without[name]),
    options.enable ? { enabled: true } : {},
    options.disable ? { enabled: false } : {},
  )
  return Object.keys(changes).length === 0
    ? Effect.fail(
        usage(
          "There is nothing to change",
          "Name what changes, as --event run.failed. See runlease webhooks update --help.",
        ),
      )
    : Effect.succeed(changes)
}
