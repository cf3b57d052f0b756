import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Context, Effect, Layer, Ref, TestClock } from "effect"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"

const list = "/projects/default/runs"

class Looks extends Context.Tag("test/Looks")<Looks, Ref.Ref<number>>() {}

/** A store that counts how often it is asked whose a token is. */
const counting = Layer.effect(
  Access.Access,
  Effect.gen(function* () {
    const access = yield* Access.Access
    const looks = yield* Looks
    return {
      ...access,
      authenticate: (token) =>
        Effect.zipRight(
          Ref.update(looks, (count) => count + 1),
          access.authenticate(token),
        ),
    }
  }),
)

const looks = Layer.effect(Looks, Ref.make(0))

const served = Layer.merge(
  serve(
    Layer.merge(
      MemoryControlPlane.layer,
      counting.pipe(Layer.provide(MemoryControlPlane.layer), Layer.provide(looks)),
    ),
  ),
  looks,
)

/** How many answers of each status there are for so many tokens, sent at once. */
const statuses = (count: number, tokenOf: (index: number) => string) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => tokenOf(index)),
    (token) => Effect.map(call("GET", list, { token }), ({ status }) => status),
    { concurrency: "unbounded" },
  ).pipe(
    Effect.map((all) => {
      const counts: Record<number, number> = {}
      for (const status of all) counts[status] = (counts[status] ?? 0) + 1
      return counts
    }),
  )

describe("tokens that the server does not know", () => {
  it.effect("are limited for their address, before anything looks them up", () =>
    Effect.gen(function* () {
      const looks = yield* Looks
      const { key } = yield* Served
      strictEqual((yield* call("GET", list)).status, 200)
      const before = yield* Ref.get(looks)
      deepStrictEqual(yield* statuses(150, (index) => `junk-${index}`), { 401: 100, 429: 50 })
      strictEqual(yield* Ref.get(looks), before + 100)
      const refused = yield* call("GET", list, { token: "junk" })
      strictEqual(refused.headers.get("retry-after"), "1")
      deepStrictEqual(refused.json, {
        error: "too_many_requests",
        detail: "Too many tokens that are not valid come from this address; try again later",
      })
      // A token that was valid goes on.
      deepStrictEqual(yield* statuses(3, () => key), { 200: 3 })
      yield* TestClock.adjust("1 seconds")
      deepStrictEqual(yield* statuses(12, (index) => `later-${index}`), { 401: 10, 429: 2 })
    }).pipe(Effect.provide(served)),
  )

  it.effect("cost their address nothing when they are valid", () =>
    Effect.gen(function* () {
      const keys = yield* Effect.forEach(Array.from({ length: 150 }), () =>
        Effect.map(call("POST", "/projects/default/keys", { body: { name: "one" } }), ({ json }) =>
          String(json.token),
        ),
      )
      // No more at once than an address may try, since each gives back what it took.
      for (const from of [0, 75]) {
        deepStrictEqual(yield* statuses(75, (index) => keys[from + index]!), { 200: 75 })
      }
    }).pipe(Effect.provide(served)),
  )

  it.effect("are once valid and then revoked, and limited from then on", () =>
    Effect.gen(function* () {
      const { json } = yield* call("POST", "/projects/default/keys", { body: { name: "one" } })
      strictEqual((yield* call("GET", list, { token: json.token })).status, 200)
      strictEqual((yield* call("DELETE", `/projects/default/keys/${json.key.id}`)).status, 200)
      // The first look finds that it was revoked; from then on it counts.
      strictEqual((yield* call("GET", list, { token: json.token })).status, 401)
      deepStrictEqual(yield* statuses(101, () => json.token), { 401: 100, 429: 1 })
    }).pipe(Effect.provide(served)),
  )
})
