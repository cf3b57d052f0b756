/**
 * Verifies a message of a webhook source, and submits the run that it begins.
 *
 * Source: docs/decisions/0151-webhooks-in.md
 */
import type * as Headers from "@effect/platform/Headers"
import { RequestSnapshot, Runs, type WebhookSource } from "@runlease/core"
import { uuidOf } from "@runlease/core/Digest"
import { maxMessageBytes } from "@runlease/core/WebhookSource"
import { Array, Context, Effect, Encoding, Either, Option, Predicate, Redacted } from "effect"
import { Webhook } from "standardwebhooks"
import type { Received } from "../Api/WebhookSources.js"
import * as Refusal from "../contract/Refusal.js"
import type { AgentForms } from "./AgentForms.js"
import type { Ports } from "./ProjectPorts.js"
import * as RawRequest from "./RawRequest.js"
import * as ServerMetrics from "./ServerMetrics.js"

type Refused = Effect.Effect<never, Refusal.Refusal>

const counted = (result: ServerMetrics.WebhookResult) =>
  Effect.sync(() => ServerMetrics.webhooks.add(1, ServerMetrics.byWebhookResult(result)))

const refuse = (result: ServerMetrics.WebhookResult, refusal: Refusal.Refusal): Refused =>
  Effect.zipRight(counted(result), refusal)

/** Also where there is no such source: a sender that cannot sign learns of none. */
export const forged = refuse(
  "forged",
  Refusal.make(
    401,
    "invalid_signature",
    "No webhook source of this address has signed the message: check the address and the secret",
  ),
)

const late = refuse(
  "late",
  Refusal.make(
    401,
    "webhook_late",
    "The message was signed more than 5 minutes ago, or is of a clock that is ahead; send it again with a new timestamp",
    { field: "webhook-timestamp" },
  ),
)

const tooLarge = refuse(
  "refused",
  Refusal.make(413, "body_too_large", `A message must be at most ${maxMessageBytes} bytes`, {
    field: "body",
  }),
)

const notJson = refuse(
  "refused",
  Refusal.make(400, "invalid_request", "The body of a message must be JSON", { field: "body" }),
)

/** A message that its source has signed. `id`: the same for the same message. `events`: the names of its type, the widest first. */
export interface Message {
  readonly id: string
  readonly events: ReadonlyArray<string>
  readonly payload: unknown
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

/** Passes a message that one of the secrets has signed in the last five minutes. */
const verifyStandard = (
  secrets: ReadonlyArray<Redacted.Redacted>,
  headers: Headers.Headers,
  body: string,
): Effect.Effect<void, Refusal.Refusal> => {
  const problems = secrets.map((secret) =>
    Either.try({
      try: () => new Webhook(Redacted.value(secret)).verify(body, headers, { jsonParse: false }),
      catch: (error) => (error instanceof Error ? error.message : ""),
    }),
  )
  if (problems.some(Either.isRight)) return Effect.void
  return Array.getLefts(problems).some((message) => message.startsWith("Message timestamp")) ? late : forged
}

const hmac = { name: "HMAC", hash: "SHA-256" }

/** Passes a body that one of the secrets has signed, as GitHub does. */
const verifyGitHub = Effect.fnUntraced(function* (
  secrets: ReadonlyArray<Redacted.Redacted>,
  headers: Headers.Headers,
  body: string,
) {
  const [, hex = ""] = /^sha256=([0-9a-f]{64})$/.exec(headers["x-hub-signature-256"] ?? "") ?? []
  const signature = Either.getOrUndefined(Encoding.decodeHex(hex))
  if (signature === undefined || signature.length === 0) return yield* forged
  for (const secret of secrets) {
    const isSigned = yield* Effect.promise(async () => {
      const { subtle } = globalThis.crypto
      const key = await subtle.importKey("raw", bytesOf(Redacted.value(secret)), hmac, false, ["verify"])
      return subtle.verify(hmac.name, key, new Uint8Array(signature), bytesOf(body))
    })
    if (isSigned) return
  }
  return yield* forged
})

const textAt = (payload: unknown, name: string): string | undefined => {
  const value = Predicate.isRecord(payload) ? payload[name] : undefined
  return typeof value === "string" ? value : undefined
}

/** The types of a message. GitHub has it in a header, and the action in the body. */
const eventsOf = (
  scheme: WebhookSource.SourceScheme,
  headers: Headers.Headers,
  payload: unknown,
): ReadonlyArray<string> => {
  if (scheme === "standard") return Option.toArray(Option.fromNullable(textAt(payload, "type")))
  const event = headers["x-github-event"]
  if (event === undefined) return []
  const action = textAt(payload, "action")
  return action === undefined ? [event] : [event, `${event}.${action}`]
}

/**
 * The message, once its signature was checked.
 *
 * GitHub signs the body alone, so its messages are identified by that: a copy of one that is sent under another `X-GitHub-Delivery`
 * begins no second run.
 *
 * Fails: 401 `invalid_signature` or `webhook_late`, 413 for more than 1 MiB, 400 for a body that is not JSON.
 */
export const verify = Effect.fnUntraced(function* (
  scheme: WebhookSource.SourceScheme,
  secrets: ReadonlyArray<Redacted.Redacted>,
  headers: Headers.Headers,
  body: string,
): Effect.fn.Return<Message, Refusal.Refusal> {
  if (body.length > maxMessageBytes || bytesOf(body).length > maxMessageBytes) return yield* tooLarge
  yield* scheme === "standard" ? verifyStandard(secrets, headers, body) : verifyGitHub(secrets, headers, body)
  const parsed = RawRequest.parse(body)
  if (Option.isNone(parsed)) return yield* notJson
  return {
    id: scheme === "standard" ? `standard ${headers["webhook-id"]}` : `github ${body}`,
    events: eventsOf(scheme, headers, parsed.value),
    payload: parsed.value,
  }
})

/** A value of the payload by its path, as text: JSON for what is no text, and nothing for what is not there. */
const valueAt = (payload: unknown, path: string): string => {
  let value = payload
  for (const name of path.split(".").filter((part) => part !== "")) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return ""
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return typeof value === "string" ? value : JSON.stringify(value)
}

/** The prompt with the values of the payload. They are inserted once, as they are: nothing in them is a place for a value. */
export const promptOf = (prompt: string, payload: unknown): string =>
  prompt.replaceAll(/\{\{\s*payload((?:\.[^\s{}.]+)*)\s*\}\}/g, (_, path: string) => valueAt(payload, path))

/** GitHub sends it when a webhook is made. */
const ping = "ping"

const isWanted = ({ events }: WebhookSource.Source, message: Message): boolean =>
  events === null ? !message.events.includes(ping) : message.events.some((event) => events.includes(event))

const snapshotOf = (
  { name, prompt }: WebhookSource.Source,
  { events, payload }: Message,
  runId: string,
): RequestSnapshot.RequestSnapshot => ({
  ...(prompt === null ? RequestSnapshot.empty : RequestSnapshot.fromText(promptOf(prompt, payload), runId)),
  input: payload,
  context: [
    { description: "webhook", value: JSON.stringify({ source: name, event: events.at(-1) ?? null }) },
  ],
})

/** Begins the run of a message, or says that it begins none. A message that was received before has its run already. */
export const submit = Effect.fnUntraced(function* (
  source: WebhookSource.Source,
  message: Message,
  { forms, ports }: { readonly forms: AgentForms["Type"]; readonly ports: Ports },
) {
  if (!isWanted(source, message)) {
    yield* counted("ignored")
    return { ignored: true, event: message.events.at(-1) ?? null } satisfies typeof Received.Type
  }
  const runId = `webhook:${source.name}:${uuidOf(message.id)}`
  const request = yield* Runs.check({
    publicId: runId,
    derived: true,
    agentId: source.agentId,
    labels: { webhook: source.name },
    snapshot: snapshotOf(source, message, runId),
  })
  const { duplicate } = yield* forms.check(source.projectId, request).pipe(
    Effect.zipRight(Context.get(ports, Runs.Runs).submit({ ...request, availableAt: undefined })),
    // The source has had another definition when it first sent this message.
    Effect.catchTag("SubmissionConflict", () => Effect.succeed({ duplicate: true })),
    Effect.tapError(() => counted("refused")),
  )
  yield* counted(duplicate ? "duplicate" : "started")
  return { run_id: runId, duplicate } satisfies typeof Received.Type
})
