import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core"
import { MemoryControlPlane, TokenCache, Wakeups } from "@runlease/store"
import { Duration, Effect, Option } from "effect"
import * as JumpClock from "../src/JumpClock.js"

describe("a cached token", () => {
  it.live("expires on time when the wall clock is set back", () =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      yield* Effect.gen(function* () {
        const store = yield* Access.Access
        const elsewhere = TokenCache.remembering(store, yield* Wakeups.make)
        const project = yield* store.getProject("default")
        const { key, token } = yield* store.createKey({ projectId: project.id, name: "key" })
        const isValid = Effect.map(elsewhere.authenticate(token), Option.isSome)
        assertTrue(yield* isValid)
        yield* store.revokeKey(project.id, key.id)
        yield* clock.setWall(-3_600_000)
        yield* clock.jump(Duration.toMillis(TokenCache.timeToLive))
        strictEqual(yield* isValid, false)
      }).pipe(Effect.provide(MemoryControlPlane.layer), Effect.withClock(clock))
    }),
  )
})
