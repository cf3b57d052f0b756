import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, type Ids, RequestSnapshot, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as Faults from "@runlease/testkit/Faults"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Deferred, Effect, Layer } from "effect"
import { call } from "../raw.js"
import { serve } from "../serving.js"

const mega = 1024 * 1024

/** A server whose callers may each hold a quarter of that memory. */
const served = (bodyMemory: number) =>
  Layer.provideMerge(ControlPlane.layerProject(), serve(MemoryControlPlane.layer, { bodyMemory }))

/** A thread with so many messages of a size; gives its name. */
const threadOf = (count: number, size: number) =>
  Effect.map(
    TestRuns.submit({
      snapshot: {
        ...RequestSnapshot.empty,
        messages: Array.from({ length: count }, (_, index) => ({
          id: `m${index}`,
          role: "user",
          parts: [RequestSnapshot.textPart("x".repeat(size))],
        })),
        state: { text: "y".repeat(size) },
      },
    }),
    ({ conversationId }): Ids.ConversationId => conversationId,
  )

/** A control plane that does not answer what the requests of these runs are. */
const withoutAnswers = (silent: ReadonlySet<string>, asked: Deferred.Deferred<void>) =>
  Faults.overProjects(Runs.Runs, (runs) => ({
    ...runs,
    snapshot: (runId) =>
      silent.has(runId)
        ? Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never)
        : runs.snapshot(runId),
  }))(MemoryControlPlane.layer)

describe("the look-ups of threads", () => {
  it.scopedLive("of one project do not wait for those of another", () =>
    Effect.gen(function* () {
      const silent = ["a", "b", "c", "d", "e"]
      const asked = yield* Deferred.make<void>()
      const served = serve(withoutAnswers(new Set(silent), asked))
      yield* Effect.gen(function* () {
        const submit = (id: string, token?: string) =>
          call("POST", "/runs", {
            body: { kind: "agent", public_id: id, request: { agent_id: "a" } },
            ...(token === undefined ? {} : { token }),
          })
        const lookUp = (answer: {
          readonly json: { readonly run: { readonly owner: { readonly id: string } } }
        }) => `/threads/${answer.json.run.owner.id}`
        yield* call("POST", "/projects", { body: { slug: "other" } })
        const { json: key } = yield* call("POST", "/projects/other/keys", { body: { name: "other" } })
        for (const id of silent) {
          const submitted = yield* submit(id)
          yield* Effect.forkScoped(call("GET", lookUp(submitted)))
        }
        yield* Deferred.await(asked)
        const other = yield* submit("f", key.token)
        strictEqual((yield* call("GET", lookUp(other), { token: key.token })).status, 200)
      }).pipe(Effect.scoped, Effect.provide(served))
    }),
  )
})

describe("what a look-up of a thread may hold", () => {
  it.scopedLive("is as much as an input may, of the newest messages, and a state as large as a page", () =>
    Effect.gen(function* () {
      const { json, status } = yield* call("GET", `/threads/${yield* threadOf(4, 3 * mega)}`)
      deepStrictEqual(
        [status, json.messages.map(({ id }: { id: string }) => id), json.omittedMessages],
        [200, ["m1", "m2", "m3"], 1],
      )
      deepStrictEqual([json.state, json.stateOmitted], [null, true])
    }).pipe(Effect.provide(served(256 * mega))),
  )

  it.scopedLive("is counted where it is more than a page, and refused where its caller holds too much", () =>
    Effect.gen(function* () {
      const large = yield* threadOf(1, 3 * mega)
      const small = yield* threadOf(1, mega / 4)
      for (const path of [`/threads/${large}`, `/threads/${large}/stream`]) {
        const refused = yield* call("GET", path)
        deepStrictEqual([refused.status, refused.json.error], [503, "body_memory"])
        assertTrue(refused.headers.has("retry-after"))
      }
      strictEqual((yield* call("GET", `/threads/${small}`)).status, 200)
    }).pipe(Effect.provide(served(8 * mega))),
  )

  it.scopedLive("is given back once it has been sent", () =>
    Effect.gen(function* () {
      const large = yield* threadOf(1, 3 * mega)
      for (let times = 0; times < 4; times += 1) {
        // The answer may be here before the server has seen that it was sent.
        yield* Effect.repeat(call("GET", `/threads/${large}`), { until: ({ status }) => status === 200 })
      }
    }).pipe(Effect.provide(served(16 * mega))),
  )
})
