import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { Duration, Effect, Option, Redacted, TestClock } from "effect"
import type { Access } from "../src/ports/Access.js"
import * as TokenCache from "../src/store/TokenCache.js"
import * as MemoryAccess from "../src/memory/Access.js"
import * as State from "../src/memory/State.js"
import * as MemoryWorkerRegistry from "../src/memory/WorkerRegistry.js"

/** A store, and a worker of its project `default`. */
const makeStore = Effect.gen(function* () {
  const state = yield* State.make
  const access = yield* MemoryAccess.make(state)
  const project = yield* access.getProject("default")
  const registry = MemoryWorkerRegistry.make(state, project.id)
  const worker = yield* registry.register({ implementationKind: "test", workerKey: "worker" })
  return { access, project, workerId: worker.id }
})

/** One store behind two servers, and how often it was asked whose a token is. */
const twoServers = Effect.gen(function* () {
  const { access, project, workerId } = yield* makeStore
  let asked = 0
  const counted: Access["Type"] = {
    ...access,
    authenticate: (token) =>
      Effect.suspend(() => access.authenticate(token).pipe(Effect.tap(() => (asked += 1)))),
  }
  const here = TokenCache.remembering(counted)
  const there = TokenCache.remembering(counted)
  const { key, token } = yield* here.createKey({ projectId: project.id, name: "key" })
  return { here, there, project, workerId, key, token, asked: () => asked }
})

const isValid = (access: Access["Type"], token: Redacted.Redacted) =>
  Effect.map(access.authenticate(token), Option.isSome)

describe("a token that is known again", () => {
  it.effect("is not asked for until its time is over", () =>
    Effect.gen(function* () {
      const { asked, here, token } = yield* twoServers
      yield* Effect.replicateEffect(isValid(here, token), 10)
      strictEqual(asked(), 1)
      yield* TestClock.adjust(TokenCache.timeToLive)
      assertTrue(yield* isValid(here, token))
      strictEqual(asked(), 2)
    }),
  )

  it.effect("is nobody's at once where it was revoked, and elsewhere when its time is over", () =>
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

  it.effect("is nobody's at once when newer ones of its worker took its place", () =>
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

  it.effect("is not known when it was revoked while the store was asked", () =>
    Effect.gen(function* () {
      const { access: store, project } = yield* makeStore
      const { key, token } = yield* store.createKey({ projectId: project.id, name: "key" })
      const access: Access["Type"] = TokenCache.remembering({
        ...store,
        authenticate: (asked) =>
          Effect.zipLeft(
            store.authenticate(asked),
            Effect.suspend(() => access.revokeKey(project.id, key.id)).pipe(Effect.orDie),
          ),
      })
      assertTrue(yield* isValid(access, token))
      strictEqual(yield* isValid(access, token), false)
    }),
  )

  it.effect("is asked for each time while it is refused, so that it is valid once its key is created", () =>
    Effect.gen(function* () {
      const { here, project } = yield* twoServers
      const token = Redacted.make("of a key to come")
      strictEqual(yield* isValid(here, token), false)
      yield* here.createKey({ projectId: project.id, name: "came", token })
      assertTrue(yield* isValid(here, token))
    }),
  )

  it.effect("is refused at once where the tokens of its worker were revoked", () =>
    Effect.gen(function* () {
      const { here, project, workerId } = yield* twoServers
      const token = yield* here.issueWorkerToken({ projectId: project.id, workerId })
      assertTrue(yield* isValid(here, token))
      yield* here.revokeWorkerTokens({ projectId: project.id, workerId })
      strictEqual(yield* isValid(here, token), false)
    }),
  )
})
