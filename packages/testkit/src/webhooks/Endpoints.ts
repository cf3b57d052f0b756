/** Webhooks suite: endpoints and their secrets. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import { EndpointId } from "@runlease/core/Webhook"
import { secretPlace, Webhooks } from "@runlease/core/Webhooks"
import { Effect, Redacted, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"
import * as TestWebhooks from "./TestWebhooks.js"

const missing = EndpointId.make("00000000-0000-4000-8000-000000000000")

const fieldOf = (input: Parameters<typeof TestWebhooks.create>[0]) =>
  Effect.map(Effect.flip(TestWebhooks.create(input)), (error) =>
    error._tag === "InvalidEndpoint" ? error.field : error._tag,
  )

/** The secrets that sign the next message of an endpoint. */
const signing = Effect.gen(function* () {
  const { secrets } = yield* ControlPlane
  const [first] = yield* TestWebhooks.claim()
  if (first === undefined) return []
  const { endpointId } = first.delivery
  return yield* Effect.forEach(first.secrets, (sealed) =>
    Effect.map(secrets.open(sealed, secretPlace(endpointId)), Redacted.value),
  )
})

export const declare = (test: TestRuns.Test<StorePorts | ControlPlane>): void => {
  test(
    "an endpoint is made, read, listed, changed and removed",
    Effect.gen(function* () {
      const webhooks = yield* Webhooks
      const { endpoint, secret } = yield* TestWebhooks.create({
        agentIds: ["writer"],
        labels: { team: "a" },
        description: "Tickets",
      })
      assertTrue(/^whsec_[A-Za-z0-9+/]{43}=$/.test(Redacted.value(secret)))
      deepStrictEqual(
        [endpoint.url, endpoint.events, endpoint.agentIds, endpoint.labels, endpoint.description],
        [TestWebhooks.url, TestWebhooks.ends, ["writer"], { team: "a" }, "Tickets"],
      )
      strictEqual(endpoint.status, "enabled")
      deepStrictEqual(yield* webhooks.get(endpoint.id), endpoint)
      const other = yield* TestWebhooks.create()
      const page = yield* webhooks.list({ limit: 1 })
      deepStrictEqual(
        page.items.map(({ id }) => id),
        [other.endpoint.id],
      )
      const rest = yield* webhooks.list({ limit: 1, cursor: page.next ?? "" })
      deepStrictEqual([rest.items.map(({ id }) => id), rest.next], [[endpoint.id], null])
      const changed = yield* webhooks.update(endpoint.id, { agentIds: null, enabled: false })
      deepStrictEqual([changed.agentIds, changed.status, changed.url], [null, "disabled", endpoint.url])
      yield* webhooks.remove(endpoint.id)
      for (const gone of [webhooks.get(endpoint.id), webhooks.remove(endpoint.id), webhooks.test(missing)]) {
        strictEqual((yield* Effect.flip(gone))._tag, "EndpointNotFound")
      }
    }),
  )

  test(
    "an address that no message goes to is refused, with its field",
    Effect.gen(function* () {
      for (const url of [
        "",
        "example.com/hook",
        "http://example.com/hook",
        "http://169.254.169.254/latest",
        "ftp://example.com",
        "https://user:secret@example.com/hook",
        "https://example.com:22/hook",
      ]) {
        strictEqual(yield* fieldOf({ url }), "url")
      }
      strictEqual(yield* fieldOf({ events: [] }), "events")
      strictEqual(yield* fieldOf({ agentIds: [] }), "agentIds")
      for (const url of [
        "https://example.com:8443/hook",
        "http://127.0.0.1:4000/",
        "http://localhost/",
        "http://[::1]:1/",
      ]) {
        strictEqual((yield* TestWebhooks.create({ url })).endpoint.url, url)
      }
    }),
  )

  test(
    "a rotated secret signs beside the new one until it expires",
    Effect.gen(function* () {
      const webhooks = yield* Webhooks
      const { endpoint, secret } = yield* TestWebhooks.create()
      const rotated = yield* webhooks.rotate(endpoint.id, { expiresInSeconds: 60 })
      const both = [rotated.secret, secret].map(Redacted.value)
      yield* webhooks.test(endpoint.id)
      deepStrictEqual(yield* signing, both)
      yield* TestClock.adjust("60 seconds")
      yield* TestRuns.settle
      deepStrictEqual(yield* signing, [both[0]])
      strictEqual((yield* Effect.flip(webhooks.rotate(missing)))._tag, "EndpointNotFound")
      const wrong = yield* Effect.flip(webhooks.rotate(endpoint.id, { expiresInSeconds: 604_801 }))
      strictEqual(wrong._tag === "InvalidEndpoint" ? wrong.field : wrong._tag, "expiresInSeconds")
    }),
  )
}
