/** A token for a browser reads, answers and stops nothing but what it is bound to, whatever its page sends. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Access,
  type BrowserToken,
  BulkOperations,
  ControlPlane,
  Conversations,
  Ids,
  Leases,
  Schedules,
  Webhooks,
  WebhookSources,
} from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Array, Effect, FastCheck as fc, Layer, Redacted } from "effect"
import { type Endpoint, endpoints, send } from "./authorization/Endpoints.js"
import * as Requests from "./authorization/requests.js"
import { serve } from "../../../http/test/serving.js"
import { faces } from "./faces.js"

const served = Layer.provideMerge(ControlPlane.layerProject(), serve(MemoryControlPlane.layer, { faces }))

/** What no answer to the page of another conversation has. */
const secretOf = (name: string): string => `secret-of-${name}`

/** A run that waits for an answer in a conversation with a message, each with a secret, and the names around it. */
const makeWorld = (name: string, holder: Ids.WorkerId) =>
  Effect.gen(function* () {
    const secret = secretOf(name)
    const conversations = yield* Conversations.Conversations
    const { id: conversation } = yield* conversations.create({ title: secret, metadata: { secret } })
    yield* conversations.addMessage(conversation, { role: "user", parts: [{ type: "text", text: secret }] })
    const agentId = Ids.AgentId.make(`agent-${name}`)
    yield* TestRuns.submit({
      publicId: `run-${name}`,
      agentId,
      conversationId: conversation,
      labels: { customer: name },
    })
    const run = yield* TestRuns.claimOne(holder, { agentIds: [agentId] })
    yield* TestRuns.append(run, [{ type: "CUSTOM", name: "note", value: secret }])
    const leases = yield* Leases.Leases
    yield* leases.suspend(TestRuns.leaseOf(run), TestRuns.forToolCall())
    const access = yield* Access.Access
    const project = yield* access.getProject("default")
    const { key } = yield* access.createKey({ projectId: project.id, name: secret })
    const schedules = yield* Schedules.Schedules
    const schedule = yield* schedules.create({
      name: secret,
      target: { kind: "agent", id: agentId },
      schedule: "0 9 * * *",
    })
    const bulks = yield* BulkOperations.BulkOperations
    const bulk = yield* bulks.create({ action: "cancel", runIds: ["nothing"], reason: secret })
    const webhooks = yield* Webhooks.Webhooks
    // A project has so many endpoints at most.
    const { items: others } = yield* webhooks.list({ limit: 100 })
    yield* Effect.forEach(others.slice(50), ({ id }) => webhooks.remove(id), { discard: true })
    const { endpoint: hook } = yield* webhooks.create({
      url: "https://example.com",
      events: ["run.failed"],
      description: secret,
    })
    const delivery = yield* webhooks.test(hook.id)
    const sources = yield* WebhookSources.WebhookSources
    const { items: made } = yield* sources.list({ limit: 100 })
    yield* Effect.forEach(made.slice(50), (source) => sources.remove(source.name), { discard: true })
    yield* sources.define(`source-${name}`, { scheme: "github", agentId, prompt: secret })
    return {
      project: project.slug,
      projectId: project.id,
      run: run.runId,
      conversation,
      worker: holder,
      key: key.id,
      agent: agentId,
      thread: conversation,
      schedule: schedule.id,
      bulk: bulk.id,
      endpoint: hook.id,
      delivery: delivery.id,
      source: `source-${name}`,
      // The run does not wait.
      input: "00000000-0000-8000-8000-000000000000",
      fresh: `fresh-${name}`,
    } satisfies Requests.Names
  })

/** All that the store has of a conversation and its runs. */
const look = ({ conversation, run }: Requests.Names) =>
  Effect.gen(function* () {
    const conversations = yield* Conversations.Conversations
    const conversationId = Ids.ConversationId.make(conversation)
    const runId = Ids.RunId.make(run)
    return {
      conversation: yield* conversations.get(conversationId),
      messages: yield* conversations.messages(conversationId),
      run: yield* TestRuns.getRun(runId),
      events: yield* TestRuns.eventsOf(runId),
    }
  })

/** A request of a page: an endpoint, and for each name whether it is that of the page's own things or of another's. */
interface Sent {
  readonly endpoint: Endpoint
  readonly ofOther: Readonly<Record<string, boolean>>
  readonly bodyOfOther: Readonly<Record<string, boolean>>
}

const nameKinds = [
  "run",
  "conversation",
  "thread",
  "agent",
  "worker",
  "key",
  "schedule",
  "bulk",
  "endpoint",
  "delivery",
  "source",
]

const choices = fc.record(Object.fromEntries(nameKinds.map((kind) => [kind, fc.boolean()])))

const sent: fc.Arbitrary<Sent> = fc.record({
  endpoint: fc.constantFrom(...endpoints),
  ofOther: choices,
  bodyOfOther: choices,
})

const scopes = fc
  .uniqueArray(fc.constantFrom<BrowserToken.Scope>("read", "write", "stop"), { minLength: 1 })
  .filter(Array.isNonEmptyArray)

const bounds = ["conversation", "run", "label"] as const

const mixed = (
  own: Requests.Names,
  other: Requests.Names,
  ofOther: Readonly<Record<string, boolean>>,
): Requests.Names => ({
  ...own,
  ...Object.fromEntries(Object.entries(other).filter(([kind]) => ofOther[kind] === true)),
})

const boundTo = (kind: (typeof bounds)[number], own: Requests.Names): BrowserToken.Bound => {
  switch (kind) {
    case "conversation":
      return { _tag: "Conversation", conversationId: Ids.ConversationId.make(own.conversation) }
    case "run":
      return { _tag: "Run", runId: Ids.RunId.make(own.run) }
    case "label":
      return { _tag: "Label", name: "customer", value: own.run.replace("run-", "") }
  }
}

describe("a token for a browser", () => {
  it.live("reads, answers and stops nothing but what it is bound to", () =>
    Effect.gen(function* () {
      const holder = yield* TestRuns.register("holder")
      const other = yield* makeWorld("other", holder)
      const access = yield* Access.Access
      const before = yield* look(other)
      const reached = new Set<string>()
      let fresh = 0

      const check = (
        requests: ReadonlyArray<Sent>,
        kind: (typeof bounds)[number],
        granted: BrowserToken.Grant["scopes"],
      ) =>
        Effect.gen(function* () {
          const own = yield* makeWorld(`own-${++fresh}`, holder)
          const { token } = yield* access.issueBrowserToken({
            projectId: Ids.ProjectId.make(own.projectId),
            scopes: granted,
            bound: boundTo(kind, own),
          })
          const credential = Redacted.value(token)
          for (const { bodyOfOther, endpoint, ofOther } of requests) {
            const names = mixed(own, other, ofOther)
            const inBody = { ...mixed(own, other, bodyOfOther), fresh: `fresh-${++fresh}` }
            const { status, text } = yield* send(
              endpoint,
              names,
              Requests.make(endpoint.name)(inBody, credential),
              {
                headers: { authorization: `Bearer ${credential}` },
                credential,
              },
            )
            deepStrictEqual(
              [endpoint.name, ofOther, text.includes(secretOf("other"))],
              [endpoint.name, ofOther, false],
            )
            if (status < 300 && endpoint.path.includes("/runs/:run_id") && ofOther["run"] !== true) {
              reached.add(endpoint.name)
            }
            strictEqual(status < 300 && ofOther["run"] === true && endpoint.path.includes(":run_id"), false)
          }
          deepStrictEqual(yield* look(other), before)
        })

      yield* Effect.forEach(
        fc.sample(
          fc.tuple(fc.array(sent, { minLength: 40, maxLength: 40 }), fc.constantFrom(...bounds), scopes),
          { numRuns: 120, seed: 7 },
        ),
        ([requests, kind, granted]) => check(requests, kind, granted),
        { discard: true },
      )
      // What is its own it has reached, so the requests were right.
      deepStrictEqual(
        ["runs.run", "runs.cancel", "runs.tell", "runs.events"].filter((name) => !reached.has(name)),
        [],
      )
    }).pipe(Effect.provide(served)),
  )
})
