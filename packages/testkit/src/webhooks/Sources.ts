/** Webhooks suite: sources and their secrets. */
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type StorePorts } from "@runlease/core/ControlPlane"
import { type SourceDefinition, WebhookSources } from "@runlease/core/WebhookSources"
import { Effect, Redacted, TestClock } from "effect"
import * as TestRuns from "../TestRuns.js"

const github: SourceDefinition = { scheme: "github", agentId: "fixer" }

const fieldOf = (name: string, definition: Partial<SourceDefinition>) =>
  Effect.gen(function* () {
    const { define } = yield* WebhookSources
    const error = yield* Effect.flip(define(name, { ...github, ...definition }))
    return error._tag === "InvalidSource" ? error.field : error._tag
  })

/** The secrets that messages of a source may be signed with. */
const secretsOf = (name: string) =>
  Effect.gen(function* () {
    const { projectId } = yield* (yield* WebhookSources).get(name)
    const { openSource } = yield* ControlPlane
    return (yield* openSource(projectId, name)).secrets.map(Redacted.value)
  })

export const declare = (test: TestRuns.Test<StorePorts | ControlPlane>): void => {
  test(
    "a source is made, read, listed, changed and removed",
    Effect.gen(function* () {
      const { define, get, list, remove } = yield* WebhookSources
      const prompt = "Fix {{payload.issue.title}}"
      const { secret, source } = yield* define("issues", { ...github, events: ["issues.opened"], prompt })
      assertTrue(secret !== null && /^whsec_[A-Za-z0-9+/]{43}=$/.test(Redacted.value(secret)))
      deepStrictEqual(
        [source.name, source.scheme, source.agentId, source.events, source.prompt, source.path],
        ["issues", "github", "fixer", ["issues.opened"], prompt, `/hooks/${source.projectId}/issues`],
      )
      deepStrictEqual(yield* get("issues"), source)
      const other = yield* define("payments", { scheme: "standard", agentId: "clerk" })
      const page = yield* list({ limit: 1 })
      deepStrictEqual(
        page.items.map(({ name }) => name),
        ["payments"],
      )
      const rest = yield* list({ limit: 1, cursor: page.next ?? "" })
      deepStrictEqual([rest.items, rest.next], [[source], null])
      const changed = yield* define("issues", { ...github, agentId: "reader" })
      deepStrictEqual(
        [changed.secret, changed.source.agentId, changed.source.events, changed.source.prompt],
        [null, "reader", null, null],
      )
      deepStrictEqual(changed.source.createdAt, source.createdAt)
      deepStrictEqual(yield* secretsOf("issues"), [Redacted.value(secret)])
      yield* remove("issues")
      for (const gone of [get("issues"), remove("issues"), secretsOf("issues")]) {
        strictEqual((yield* Effect.flip(gone))._tag, "SourceNotFound")
      }
      deepStrictEqual((yield* list()).items, [other.source])
    }),
  )

  test(
    "a source that cannot be is refused, with its field",
    Effect.gen(function* () {
      const { define } = yield* WebhookSources
      for (const name of ["Issues", "a/b", "-a", "a".repeat(65)]) {
        strictEqual(yield* fieldOf(name, {}), "name")
      }
      strictEqual(yield* fieldOf("issues", { agentId: "" }), "agentId")
      strictEqual(yield* fieldOf("issues", { events: [] }), "events")
      strictEqual(yield* fieldOf("issues", { prompt: "" }), "prompt")
      strictEqual(yield* fieldOf("issues", { secret: Redacted.make("short") }), "secret")
      for (const secret of ["whsec_c2hvcnQ=", "not base64, but long enough to be one of GitHub"]) {
        strictEqual(yield* fieldOf("pay", { scheme: "standard", secret: Redacted.make(secret) }), "secret")
      }
      yield* define("issues", github)
      strictEqual(yield* fieldOf("issues", { scheme: "standard" }), "scheme")
    }),
  )

  test(
    "two that make a source at once make one",
    Effect.gen(function* () {
      const { define, list } = yield* WebhookSources
      const made = yield* Effect.all([define("issues", github), define("issues", github)], {
        concurrency: "unbounded",
      })
      strictEqual(made.filter(({ secret }) => secret !== null).length, 1)
      strictEqual((yield* list()).items.length, 1)
    }),
  )

  test(
    "the secret of a service is taken as it is, and a rotated one is valid beside the new one until it expires",
    Effect.gen(function* () {
      const { define, rotate } = yield* WebhookSources
      const [first, second] = ["the first secret of a service", "its second secret, for later"]
      const made = yield* define("issues", { ...github, secret: Redacted.make(first) })
      strictEqual(made.secret, null)
      const rotated = yield* rotate("issues", { secret: Redacted.make(second), expiresInSeconds: 60 })
      strictEqual(rotated.secret, null)
      deepStrictEqual(yield* secretsOf("issues"), [second, first])
      yield* TestClock.adjust("60 seconds")
      yield* TestRuns.settle
      deepStrictEqual(yield* secretsOf("issues"), [second])
      const third = yield* rotate("issues", { expiresInSeconds: 0 })
      deepStrictEqual(yield* secretsOf("issues"), [third.secret && Redacted.value(third.secret)])
      yield* define("issues", { ...github, secret: Redacted.make(first) })
      deepStrictEqual(yield* secretsOf("issues"), [first])
      strictEqual((yield* Effect.flip(rotate("nowhere")))._tag, "SourceNotFound")
      const wrong = yield* Effect.flip(rotate("issues", { expiresInSeconds: 604_801 }))
      strictEqual(wrong._tag === "InvalidSource" ? wrong.field : wrong._tag, "expiresInSeconds")
    }),
  )
}
