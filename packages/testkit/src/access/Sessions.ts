/** Access suite: sessions of people. */
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, sessionLifetime } from "@runlease/core/Access"
import type { ControlPlane } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import type { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Duration, Effect, type Layer, Option, Redacted } from "effect"
import * as JumpClock from "../JumpClock.js"
import * as TestRuns from "../TestRuns.js"
import { tagOf } from "./PrincipalTag.js"

type Ports = Access | ControlPlane | WorkerRegistry

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<Ports>, layer: Layer.Layer<Ports, unknown>): void => {
  it.live("a session is its key, until it has expired", () =>
    Effect.gen(function* () {
      const clock = yield* JumpClock.make
      yield* Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const { key, token } = yield* access.createKey({ projectId: project.id, name: "mine", admin: true })
        const issue = access.issueSession({ projectId: project.id, keyId: key.id })
        const session = yield* issue
        assertTrue(Redacted.value(session) !== Redacted.value(token))
        deepStrictEqual(
          yield* access.authenticate(session),
          Option.some({ _tag: "ApiKey" as const, keyId: key.id, projectId: project.id, admin: true }),
        )
        deepStrictEqual(
          (yield* access.listKeys(project.id)).map(({ id }) => id),
          [key.id],
        )
        yield* clock.jump(Duration.toMillis(sessionLifetime) - 60_000)
        strictEqual(yield* tagOf(session), "ApiKey")
        const later = yield* issue
        yield* clock.jump(60_000)
        const tags = yield* Effect.forEach([session, later, token], tagOf)
        deepStrictEqual(tags, ["Refused", "ApiKey", "ApiKey"])
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }),
  )

  test(
    "a session ends with its key, or by itself, and no other does",
    Effect.gen(function* () {
      const access = yield* Access
      const project = yield* access.getProject("default")
      const issue = (keyId: Ids.KeyId) => access.issueSession({ projectId: project.id, keyId })
      const lost = yield* access.createKey({ projectId: project.id, name: "lost" })
      const lasting = yield* access.createKey({ projectId: project.id, name: "lasting" })
      const tokens = [yield* issue(lost.key.id), yield* issue(lasting.key.id), yield* issue(lasting.key.id)]
      yield* access.revokeKey(project.id, lost.key.id)
      deepStrictEqual(yield* Effect.forEach(tokens, tagOf), ["Refused", "ApiKey", "ApiKey"])
      yield* access.endSession(tokens[1]!)
      yield* access.endSession(tokens[1]!)
      yield* access.endSession(lasting.token)
      deepStrictEqual(yield* Effect.forEach([...tokens, lasting.token], tagOf), [
        "Refused",
        "Refused",
        "ApiKey",
        "ApiKey",
      ])
    }),
  )

  test(
    "a key that is revoked, unknown or of another project issues no session",
    Effect.gen(function* () {
      const access = yield* Access
      const project = yield* access.getProject("default")
      const other = yield* access.createProject("other")
      const { key } = yield* access.createKey({ projectId: project.id, name: "lost" })
      const issue = (projectId: Ids.ProjectId, keyId: Ids.KeyId) =>
        TestRuns.verdictOf(access.issueSession({ projectId, keyId }))
      strictEqual(yield* issue(other.id, key.id), "KeyNotFound")
      strictEqual(yield* issue(project.id, Ids.KeyId.make(yield* Ids.uuidV7)), "KeyNotFound")
      yield* access.revokeKey(project.id, key.id)
      strictEqual(yield* issue(project.id, key.id), "KeyRevoked")
    }),
  )
}
