/**
 * Formats webhook sources, as lines for people and as JSON for machines.
 */
import type { WebhookSource } from "@runlease/core"
import * as SourceWire from "@runlease/http/WebhookSourceWire"
import { Schema } from "effect"
import * as Output from "./Output.js"
import * as Phrases from "./Phrases.js"

/** The source as the API shows it. */
export const toJson = Schema.encodeSync(SourceWire.Source)

/** The headings of `toRow`. */
export const headings = ["SOURCE", "SCHEME", "AGENT", "EVENTS", "CREATED (UTC)"]

const eventsOf = ({ events }: WebhookSource.Source): string => events?.join(", ") ?? "all"

/** The source as a row below `headings`. */
export const toRow = (source: WebhookSource.Source): ReadonlyArray<string> => [
  source.name,
  source.scheme,
  source.agentId,
  eventsOf(source),
  Phrases.date(source.createdAt),
]

/** The source as lines. `address`: where the service posts. */
export const toText = (source: WebhookSource.Source, address: string): string =>
  Output.fields(
    {
      source: source.name,
      address,
      scheme: source.scheme,
      agent: source.agentId,
      events: eventsOf(source),
      prompt: source.prompt,
      created: `${Phrases.date(source.createdAt)} UTC`,
      updated: `${Phrases.date(source.updatedAt)} UTC`,
    },
    10,
  ).join("\n")
