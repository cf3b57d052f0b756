/** Access suite: sessions of browsers, and tokens that expire. */
import { it } from "@effect/vitest"
import { assertEquals, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, KeyExpired, sessionLifetime } from "@runlease/core/Access"
import type { ControlPlane } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { LeaseEpoch } from "@runlease/core/Run"
import type { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import * as RunToken from "@runlease/core/RunToken"
import { DateTime, Duration, Effect, type Layer, Option, Redacted, type Scope } from "effect"
import * as JumpClock from "../JumpClock.js"
import * as TestRuns from "../TestRuns.js"
import { tagOf } from "./Tokens.js"

type Ports = Access | ControlPlane | WorkerRegistry

export const sessionTests = (test: TestRuns.Test<Ports>, layer: Layer.Layer<Ports, unknown>): void => {
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

const hour = 3_600_000

/** Declares the tests over `layer`. Each has its own clock. */
export const expiryTests = (layer: Layer.Layer<Ports, unknown>): void => {
  const test = <A, E>(
    title: string,
    body: (clock: JumpClock.JumpClock) => Effect.Effect<A, E, Ports | Scope.Scope>,
  ): void =>
    it.scopedLive(title, () =>
      Effect.flatMap(JumpClock.make, (clock) =>
        body(clock).pipe(Effect.provide(layer), Effect.withClock(clock)),
      ),
    )

  test("a key that expires ends by itself, with all that it issued", (clock) =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const { key, token } = yield* access.createKey({ projectId, name: "short", expiresIn: "1 hour" })
      strictEqual(key.expiresAt && DateTime.distance(key.createdAt, key.expiresAt), hour)
      const lasting = yield* access.createKey({ projectId, name: "lasting" })
      strictEqual(lasting.key.expiresAt, null)
      const workerId = yield* TestRuns.register()
      const ofWorker = yield* access.issueWorkerToken({ projectId, workerId, issuedBy: key.id })
      const issued = [
        token,
        ofWorker,
        yield* access.issueSession({ projectId, keyId: key.id }),
        yield* RunToken.sign(ofWorker, {
          workerId,
          runId: Ids.RunId.make("run"),
          epoch: LeaseEpoch.make(1),
        }),
      ]
      const others = [
        lasting.token,
        yield* access.issueWorkerToken({ projectId, workerId, issuedBy: lasting.key.id }),
        yield* access.issueSession({ projectId, keyId: lasting.key.id }),
      ]
      yield* clock.jump(hour - 1)
      deepStrictEqual(yield* Effect.forEach(issued, tagOf), ["ApiKey", "Worker", "ApiKey", "Run"])
      yield* clock.jump(1)
      // A server remembers a token for some seconds.
      yield* clock.jump(10_000)
      deepStrictEqual(yield* Effect.forEach(issued, tagOf), ["Refused", "Refused", "Refused", "Refused"])
      deepStrictEqual(yield* Effect.forEach(others, tagOf), ["ApiKey", "Worker", "ApiKey"])
      strictEqual(yield* access.revokeWorkerTokens({ projectId, workerId }), 1)
    }))

  test("a key that has expired issues nothing, and its token makes no key", (clock) =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const options = { projectId, name: "short", token: Redacted.make("chosen"), expiresIn: hour }
      const { key } = yield* access.createKey(options)
      const workerId = yield* TestRuns.register()
      yield* clock.jump(hour)
      const expired = new KeyExpired({ keyId: key.id })
      assertEquals(
        yield* Effect.flip(access.issueWorkerToken({ projectId, workerId, issuedBy: key.id })),
        expired,
      )
      assertEquals(yield* Effect.flip(access.issueSession({ projectId, keyId: key.id })), expired)
      assertEquals(yield* Effect.flip(access.createKey(options)), expired)
    }))

  test("a key that expires is in the list of keys for ever, and no session's end is its own", (clock) =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const { key, token } = yield* access.createKey({ projectId, name: "short", expiresIn: "1 hour" })
      const lasting = yield* access.createKey({ projectId, name: "lasting" })
      yield* access.endSession(token)
      strictEqual(yield* tagOf(token), "ApiKey")
      yield* clock.jump(hour)
      yield* access.issueSession({ projectId, keyId: lasting.key.id })
      deepStrictEqual(yield* access.listKeys(projectId), [lasting.key, key])
    }))
}
