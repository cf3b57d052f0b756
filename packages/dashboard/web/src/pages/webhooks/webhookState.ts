/** The state of endpoints and messages, in words, and what a form of an endpoint says. */
import type * as Json from "@runlease/http/Json"
import { quoted, type CliLine } from "../run/model/cli"

/** `failing`: its last attempt failed. `stopped`: the server has disabled it. */
export type EndpointState = "enabled" | "failing" | "disabled" | "stopped"

export const endpointStateOf = ({
  disabled_reason,
  failing_since,
  status,
}: Pick<Json.WebhookEndpoint, "disabled_reason" | "failing_since" | "status">): EndpointState =>
  status === "disabled"
    ? disabled_reason === null
      ? "disabled"
      : "stopped"
    : failing_since === null
      ? "enabled"
      : "failing"

/** `retrying`: an attempt failed, and another one follows. */
export type MessageState = "pending" | "retrying" | "delivered" | "dead"

export const messageStateOf = ({
  last_error,
  status,
}: Pick<Json.WebhookDelivery, "last_error" | "status">): MessageState =>
  status === "pending" && last_error !== null ? "retrying" : status

/** The statuses that a list of messages may be of. */
export const statuses = ["pending", "delivered", "dead"] as const

export type Status = (typeof statuses)[number]

export const statusOf = (text: string | undefined): Status | undefined =>
  statuses.find((status) => status === text)

/** The host and the path: what tells two addresses apart. */
export const shortUrl = (url: string): string => url.replace(/^https?:\/\//, "").replace(/\/$/, "")

/** What narrows the runs of an endpoint: `agents writer, editor; team:a`; undefined where nothing does. */
export const runsWords = ({
  agent_ids,
  labels,
}: Pick<Json.WebhookEndpoint, "agent_ids" | "labels">): string | undefined => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}:${value}`)
  const parts = [
    ...(agent_ids === null ? [] : [`${agent_ids.length === 1 ? "agent" : "agents"} ${agent_ids.join(", ")}`]),
    ...(pairs.length === 0 ? [] : [pairs.join(", ")]),
  ]
  return parts.length === 0 ? undefined : parts.join("; ")
}

/** `204`, or why there was no such answer; undefined before the first. */
export const lastAnswer = ({
  last_error,
  last_status,
}: Pick<Json.WebhookDelivery, "last_error" | "last_status">): string | undefined =>
  last_error ?? (last_status === null ? undefined : String(last_status))

/** The events that an endpoint may have, and when each happens. */
export const eventWords = {
  "run.completed": "a run has ended well",
  "run.failed": "a run has failed",
  "run.cancelled": "a run was cancelled",
  "run.expired": "no worker has claimed a run in time",
  "run.waiting": "a run waits for answers, a message or its budget",
  "budget.reached": "a run waits for its budget",
  "schedule.skipped": "ticks of a schedule began no run",
  "schedule.refused": "the run of a tick was refused",
  "schedule.paused": "a schedule was paused",
  "schedule.ended": "a schedule has no further tick",
  "schedule.stale": "a schedule has had no success for too long",
  "bulk.ended": "a bulk operation has ended",
} as const

export type EventName = keyof typeof eventWords

/** What a form of a new endpoint has. `agents` and `labels`: with commas. */
export interface Filled {
  readonly url: string
  readonly events: ReadonlyArray<EventName>
  readonly agents: string
  readonly labels: string
  readonly description: string
}

const parts = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")

/** The labels of `team=a, plan=gold`; undefined where one has no value. */
const labelsOf = (text: string): Readonly<Record<string, string>> | undefined => {
  const pairs = parts(text).map((part) => /^([^=:]+)[=:](.*)$/.exec(part))
  return pairs.includes(null)
    ? undefined
    : Object.fromEntries(pairs.map((pair) => [pair?.[1]?.trim(), pair?.[2]?.trim()]))
}

/** What is wrong in a form, by its field. */
export const problemsOf = ({ events, labels, url }: Filled): Partial<Record<keyof Filled, string>> => ({
  ...(url.trim() === "" ? { url: "Give the address that gets the messages" } : {}),
  ...(events.length === 0 ? { events: "Choose one at least" } : {}),
  ...(labelsOf(labels) === undefined ? { labels: "Write each as name=value, with commas between them" } : {}),
})

export const bodyOf = ({ agents, description, events, labels, url }: Filled) => ({
  url: url.trim(),
  events,
  ...(parts(agents).length === 0 ? {} : { agent_ids: parts(agents) }),
  labels: labelsOf(labels) ?? {},
  ...(description.trim() === "" ? {} : { description: description.trim() }),
})

const line = (...words: ReadonlyArray<string>): string =>
  ["runlease", "webhooks", ...words].map((word) => quoted(word)).join(" ")

export const createLine = (filled: Filled): string => {
  const { agent_ids = [], description, events, labels, url } = bodyOf(filled)
  return line(
    "create",
    url === "" ? "URL" : url,
    "--event",
    events.length === 0 ? "EVENT" : events.join(","),
    ...agent_ids.flatMap((agent) => ["--agent", agent]),
    ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...(description === undefined ? [] : ["--description", description]),
  )
}

/** The line of the command for each action of an endpoint. */
export const linesOf = ({
  id,
  status,
}: Pick<Json.WebhookEndpoint, "id" | "status">): ReadonlyArray<CliLine> => [
  { label: "Show it", command: line("show", id) },
  { label: "List its messages", command: line("deliveries", "--endpoint", id) },
  { label: "Send a test message", command: line("test", id) },
  { label: "Send its dead messages again", command: line("retry", "--endpoint", id) },
  status === "enabled"
    ? { label: "Disable it", command: line("update", id, "--disable") }
    : { label: "Enable it", command: line("update", id, "--enable") },
  { label: "Make a new secret", command: line("rotate", id) },
  { label: "Remove it", command: line("remove", id) },
]
