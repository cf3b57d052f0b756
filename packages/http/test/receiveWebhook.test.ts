/** What services post to webhook sources, over HTTP. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Limits, Runs, WebhookSources } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer, Redacted } from "effect"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { type Answer, call } from "./raw.js"
import { client, serve } from "./serving.js"

const store = MemoryControlPlane.layer
const layer = Layer.provideMerge(client, Layer.provideMerge(serve(store), store))

const gitHubSecret = "the secret that GitHub has"
const standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

const define = (definition: Partial<WebhookSources.SourceDefinition> = {}) =>
  Effect.gen(function* () {
    const sources = yield* WebhookSources.WebhookSources
    const scheme = definition.scheme ?? "github"
    const secret = Redacted.make(scheme === "github" ? gitHubSecret : standardSecret)
    const { source } = yield* sources.define("source", { scheme, agentId: "fixer", secret, ...definition })
    return source.path
  })

const issue = { action: "opened", issue: { number: 7, title: "The export is empty {{payload.action}}" } }

type Sent = Readonly<Record<string, string>>

const gitHubHeaders = (text: string, headers: Sent = {}): Sent => ({
  "x-github-event": "issues",
  "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
  "x-hub-signature-256": `sha256=${createHmac("sha256", gitHubSecret).update(text).digest("hex")}`,
  ...headers,
})

const post = (path: string, text: string, headers: Sent) => call("POST", path, { text, headers, token: null })

/** Posts as GitHub does. */
const fromGitHub = (path: string, body: object = issue, headers: Sent = {}) => {
  const text = JSON.stringify(body)
  return post(path, text, gitHubHeaders(text, headers))
}

interface Signed {
  readonly id?: string
  /** Seconds from now. */
  readonly at?: number
}

// The verifier reads the clock of the machine, and so does the sender.
const standardHeaders = (text: string, { at = 0, id = "msg_1" }: Signed = {}): Sent => {
  const time = new Date(Date.now() + at * 1000)
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(time.getTime() / 1000)),
    "webhook-signature": new Webhook(standardSecret).sign(id, time, text),
  }
}

const payment = JSON.stringify({ type: "payment.failed", data: { id: "pay_1" } })

const refusalOf = ({ json, status }: Pick<Answer, "json" | "status">) => [status, json.error]

const runs = Effect.flatMap(Runs.Runs, (port) => Effect.map(port.list(), ({ items }) => items))

describe("a message of a webhook source", () => {
  it.effect("begins a run with its payload and its prompt, whose values are text", () =>
    Effect.gen(function* () {
      const path = yield* define({
        events: ["issues.opened"],
        prompt: "Issue {{payload.issue.number}}: {{ payload.issue.title }}{{payload.none}}",
      })
      const { json, status } = yield* fromGitHub(path)
      deepStrictEqual([status, json.duplicate], [202, false])
      const { agentId, labels } = yield* TestRuns.getRun(json.run_id)
      deepStrictEqual([agentId, labels], ["fixer", { webhook: "source" }])
      const { context, input, messages } = yield* (yield* Runs.Runs).snapshot(json.run_id)
      deepStrictEqual(input, issue)
      deepStrictEqual(
        messages.map(({ parts }) => parts),
        [[{ type: "text", text: "Issue 7: The export is empty {{payload.action}}" }]],
      )
      deepStrictEqual(context, [
        { description: "webhook", value: JSON.stringify({ source: "source", event: "issues.opened" }) },
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("begins one run, however often and under whatever delivery it comes", () =>
    Effect.gen(function* () {
      const path = yield* define()
      const both = yield* Effect.all([fromGitHub(path), fromGitHub(path)], { concurrency: "unbounded" })
      const again = yield* fromGitHub(path, issue, { "x-github-delivery": "another" })
      deepStrictEqual(new Set([...both, again].map(({ json }) => json.run_id)).size, 1)
      deepStrictEqual([...both, again].map(({ json }) => json.duplicate).sort(), [false, true, true])
      // Nor after the source has another definition.
      yield* define({ agentId: "reader", prompt: "Read it" })
      deepStrictEqual((yield* fromGitHub(path)).json, again.json)
      strictEqual((yield* runs).length, 1)
      const other = yield* fromGitHub(path, { ...issue, action: "closed" })
      strictEqual(other.json.duplicate, false)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("of Standard Webhooks is one by its id", () =>
    Effect.gen(function* () {
      const path = yield* define({ scheme: "standard", events: ["payment.failed"] })
      const first = yield* post(path, payment, standardHeaders(payment))
      deepStrictEqual([first.status, first.json.duplicate], [202, false])
      const replayed = yield* post(path, payment, standardHeaders(payment, { at: 1 }))
      deepStrictEqual(replayed.json, { ...first.json, duplicate: true })
      const next = yield* post(path, payment, standardHeaders(payment, { id: "msg_2" }))
      strictEqual(next.json.duplicate, false)
      strictEqual((yield* runs).length, 2)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("that is late or ahead is refused, also where it was received before", () =>
    Effect.gen(function* () {
      const path = yield* define({ scheme: "standard" })
      strictEqual((yield* post(path, payment, standardHeaders(payment))).status, 202)
      for (const at of [-310, 310]) {
        const { json, status } = yield* post(path, payment, standardHeaders(payment, { at }))
        deepStrictEqual([status, json.error], [401, "webhook_late"])
      }
      // Another timestamp than the one that was signed.
      const old = standardHeaders(payment, { at: -310 })
      const renewed = { ...old, "webhook-timestamp": String(Math.floor(Date.now() / 1000)) }
      deepStrictEqual(refusalOf(yield* post(path, payment, renewed)), [401, "invalid_signature"])
      strictEqual((yield* runs).length, 1)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("that is forged is refused, and begins nothing", () =>
    Effect.gen(function* () {
      const path = yield* define()
      const text = JSON.stringify(issue)
      for (const signature of ["", "sha256=", `sha256=${"0".repeat(64)}`, "sha1=00", gitHubSecret]) {
        const headers = gitHubHeaders(text, { "x-hub-signature-256": signature })
        deepStrictEqual(refusalOf(yield* post(path, text, headers)), [401, "invalid_signature"], signature)
      }
      const other = yield* post(path, `${text} `, gitHubHeaders(text))
      deepStrictEqual(refusalOf(other), [401, "invalid_signature"])
      // A message of the other scheme, and one without any signature.
      for (const headers of [standardHeaders(text), {}]) {
        deepStrictEqual(refusalOf(yield* post(path, text, headers)), [401, "invalid_signature"])
      }
      const nowhere = yield* fromGitHub(path.replace("/source", "/nowhere"))
      deepStrictEqual(refusalOf(nowhere), [401, "invalid_signature"])
      yield* (yield* WebhookSources.WebhookSources).remove("source")
      deepStrictEqual(yield* fromGitHub(path).pipe(Effect.map(refusalOf)), refusalOf(nowhere))
      deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("of Standard Webhooks that is forged is refused", () =>
    Effect.gen(function* () {
      const path = yield* define({ scheme: "standard" })
      const headers = standardHeaders(payment)
      for (const changed of [
        { "webhook-id": "msg_2" },
        { "webhook-signature": "v1,AAAA" },
        { "webhook-signature": "" },
        { "webhook-timestamp": "soon" },
      ]) {
        const { json, status } = yield* post(path, payment, { ...headers, ...changed })
        deepStrictEqual([status, json.error], [401, "invalid_signature"], JSON.stringify(changed))
      }
      deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("of a type that the source does not name is ignored, and so is a ping", () =>
    Effect.gen(function* () {
      const path = yield* define({ events: ["issues.closed", "push"] })
      const ignored = yield* fromGitHub(path)
      deepStrictEqual([ignored.status, ignored.json], [202, { ignored: true, event: "issues.opened" }])
      yield* define()
      const ping = yield* fromGitHub(
        path,
        { zen: "Keep it logically awesome." },
        { "x-github-event": "ping" },
      )
      deepStrictEqual([ping.status, ping.json], [202, { ignored: true, event: "ping" }])
      deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("has at most 1 MiB of JSON", () =>
    Effect.gen(function* () {
      const path = yield* define()
      const large = yield* fromGitHub(path, { text: "x".repeat(1024 * 1024) })
      deepStrictEqual(refusalOf(large), [413, "body_too_large"])
      const form = "payload=%7B%7D"
      const typed = { "content-type": "application/x-www-form-urlencoded" }
      deepStrictEqual(refusalOf(yield* post(path, form, { ...gitHubHeaders(form), ...typed })), [
        415,
        "unsupported_media_type",
      ])
      const wrong = yield* post(path, "{", gitHubHeaders("{"))
      deepStrictEqual(refusalOf(wrong), [400, "invalid_request"])
      deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("is refused as a submission is where too many runs wait, and accepted later", () =>
    Effect.gen(function* () {
      const path = yield* define()
      const limits = yield* Limits.Limits
      yield* limits.define(Limits.ofName("fixes", { agentIds: ["fixer"] }), { maxRunning: 0, maxPending: 1 })
      const first = yield* fromGitHub(path)
      strictEqual(first.status, 202)
      const second = yield* fromGitHub(path, { ...issue, action: "edited" })
      deepStrictEqual(refusalOf(second), [429, "too_many_pending"])
      strictEqual(second.headers.get("retry-after") === null, false)
      // One that was accepted is answered all the same.
      deepStrictEqual((yield* fromGitHub(path)).json, { ...first.json, duplicate: true })
      yield* (yield* Runs.Runs).cancel(first.json.run_id)
      strictEqual((yield* fromGitHub(path, { ...issue, action: "edited" })).status, 202)
    }).pipe(Effect.provide(layer)),
  )
})
