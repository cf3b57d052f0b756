import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { Duration, Effect, Option, type Redacted, TestClock } from "effect"
import type { Access } from "../src/Access.js"
import * as Ids from "../src/Ids.js"
import * as KnownTokens from "../src/KnownTokens.js"
import * as MemoryAccess from "../src/memory/Access.js"

/** One store behind two servers, and how often it was asked whose a token is. */
const twoServers = Effect.gen(function* () {
  const store = yield* MemoryAccess.make
  let asked = 0
  const counted: Access["Type"] = {
    ...store,
    authenticate: (token) =>
      Effect.suspend(() => store.authenticate(token).pipe(Effect.tap(() => (asked += 1)))),
  }
  const here = KnownTokens.remembering(counted)
  const there = KnownTokens.remembering(counted)
  const project = yield* here.getProject("default")
  const { key, token } = yield* here.createKey({ projectId: project.id, name: "key" })
  return { here, there, project, key, token, asked: () => asked }
})

const isValid = (access: Access["Type"], token: Redacted.Redacted) =>
  Effect.map(access.authenticate(token), Option.isSome)

describe("a token that is known again", () => {
  it.effect("is not asked for until its time is over", () =>
    Effect.gen(function* () {
      const { asked, here, token } = yield* twoServers
      yield* Effect.replicateEffect(isValid(here, token), 10)
      strictEqual(asked(), 1)
      yield* TestClock.adjust(KnownTokens.timeToLive)
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
      yield* TestClock.adjust(Duration.subtract(KnownTokens.timeToLive, "1 millis"))
      assertTrue(yield* isValid(there, token))
      yield* TestClock.adjust("1 millis")
      strictEqual(yield* isValid(there, token), false)
    }),
  )

  it.effect("is nobody's at once when newer ones of its worker took its place", () =>
    Effect.gen(function* () {
      const { here, project } = yield* twoServers
      const issue = here.issueWorkerToken({
        projectId: project.id,
        workerId: Ids.WorkerId.make(yield* Ids.uuidV7),
      })
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
      const store = yield* MemoryAccess.make
      const project = yield* store.getProject("default")
      const { key, token } = yield* store.createKey({ projectId: project.id, name: "key" })
      const access: Access["Type"] = KnownTokens.remembering({
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

  it.effect("is asked for each time when it is nobody's, so that it is valid once it is somebody's", () =>
    Effect.gen(function* () {
      const { here, key, project, token } = yield* twoServers
      yield* here.revokeKey(project.id, key.id)
      strictEqual(yield* isValid(here, token), false)
      yield* here.createKey({ projectId: project.id, name: "again", token })
      assertTrue(yield* isValid(here, token))
    }),
  )
})
