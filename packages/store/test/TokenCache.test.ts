import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import type { Access } from "@runlease/core/Access"
import { Duration, Effect, Option, Redacted, TestClock } from "effect"
import * as TokenCache from "../src/operations/TokenCache.js"
import * as MemoryAccess from "../src/memory/Access.js"
import * as Wakeups from "../src/commit/Wakeups.js"
import * as State from "../src/memory/State.js"
import * as MemoryWorkerRegistry from "../src/memory/WorkerRegistry.js"

/** A store, and a worker of its project `default`. */
const makeStore = Effect.gen(function* () {
  const state = yield* State.make
  const access = yield* MemoryAccess.make(state)
  const project = yield* access.getProject("default")
  const registry = MemoryWorkerRegistry.make(state, yield* Wakeups.make, project.id)
  const worker = yield* registry.register({ implementationKind: "test", workerKey: "worker" })
  return { access, project, workerId: worker.id }
})

/** One store behind two servers that wake-ups do not reach, and a count of its calls of `authenticate`. */
const twoServers = Effect.gen(function* () {
  const { access, project, workerId } = yield* makeStore
  let calls = 0
  const counted: Access["Type"] = {
    ...access,
    authenticate: (token) =>
      Effect.suspend(() => access.authenticate(token).pipe(Effect.tap(() => (calls += 1)))),
  }
  const here = TokenCache.remembering(counted, yield* Wakeups.make)
  const there = TokenCache.remembering(counted, yield* Wakeups.make)
  const { key, token } = yield* here.createKey({ projectId: project.id, name: "key" })
  return { here, there, project, workerId, key, token, calls: () => calls }
})

const isValid = (access: Access["Type"], token: Redacted.Redacted) =>
  Effect.map(access.authenticate(token), Option.isSome)

describe("a cached token", () => {
  it.effect("is not authenticated again until it expires from the cache", () =>
    Effect.gen(function* () {
      const { calls, here, token } = yield* twoServers
      yield* Effect.replicateEffect(isValid(here, token), 10)
      strictEqual(calls(), 1)
      yield* TestClock.adjust(TokenCache.timeToLive)
      assertTrue(yield* isValid(here, token))
      strictEqual(calls(), 2)
    }),
  )

  it.effect(
    "is refused at once on the server that revoked it, and where no wake-up arrives when it expires from the cache",
    () =>
      Effect.gen(function* () {
        const { here, key, project, there, token } = yield* twoServers
        yield* isValid(here, token)
        yield* isValid(there, token)
        yield* here.revokeKey(project.id, key.id)
        strictEqual(yield* isValid(here, token), false)
        yield* TestClock.adjust(Duration.subtract(TokenCache.timeToLive, "1 millis"))
        assertTrue(yield* isValid(there, token))
        yield* TestClock.adjust("1 millis")
        strictEqual(yield* isValid(there, token), false)
      }),
  )

  it.effect("is refused at once when two newer tokens of its worker replaced it", () =>
    Effect.gen(function* () {
      const { here, project, workerId } = yield* twoServers
      const issue = here.issueWorkerToken({ projectId: project.id, workerId })
      const first = yield* issue
      yield* isValid(here, first)
      yield* issue
      assertTrue(yield* isValid(here, first))
      yield* issue
      strictEqual(yield* isValid(here, first), false)
    }),
  )

  it.effect("is not cached when it is revoked during its authentication", () =>
    Effect.gen(function* () {
      const { access: store, project } = yield* makeStore
      const { key, token } = yield* store.createKey({ projectId: project.id, name: "key" })
      const wakeups = yield* Wakeups.make
      const access: Access["Type"] = TokenCache.remembering(
        {
          ...store,
          authenticate: (presented) =>
            Effect.zipLeft(
              store.authenticate(presented),
              Effect.suspend(() => access.revokeKey(project.id, key.id)).pipe(Effect.orDie),
            ),
        },
        wakeups,
      )
      assertTrue(yield* isValid(access, token))
      strictEqual(yield* isValid(access, token), false)
    }),
  )

  it.effect("is not cached while it is refused, so it is valid once its key is created", () =>
    Effect.gen(function* () {
      const { here, project } = yield* twoServers
      const token = Redacted.make("of a later key")
      strictEqual(yield* isValid(here, token), false)
      yield* here.createKey({ projectId: project.id, name: "later", token })
      assertTrue(yield* isValid(here, token))
    }),
  )

  it.effect("is refused at once on the server that revoked the tokens of its worker", () =>
    Effect.gen(function* () {
      const { here, project, workerId } = yield* twoServers
      const token = yield* here.issueWorkerToken({ projectId: project.id, workerId })
      assertTrue(yield* isValid(here, token))
      yield* here.revokeWorkerTokens({ projectId: project.id, workerId })
      strictEqual(yield* isValid(here, token), false)
    }),
  )
})
