/** What every `Access` must do: manage projects, keys and worker tokens, and refuse a revoked or expired token for ever. */
import { describe } from "@effect/vitest"
import { assertEquals, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, KeyRevoked } from "@runlease/core/Access"
import type { ControlPlane } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { WorkerNotFound, WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, type Layer, Option, Redacted } from "effect"
import * as Tokens from "./access/Tokens.js"
import * as Sessions from "./access/Sessions.js"
import * as TestRuns from "./TestRuns.js"

/** Declares the tests of `Access`. */
export const suite = (
  name: string,
  layer: Layer.Layer<Access | ControlPlane | WorkerRegistry, unknown>,
): void => {
  const test = TestRuns.tester(layer)

  describe(`Access (${name})`, () => {
    test(
      "project `default` exists, and each other project is created once",
      Effect.gen(function* () {
        const access = yield* Access
        const first = yield* access.getProject("default")
        strictEqual((yield* access.getProject(first.id)).slug, "default")
        const made = yield* access.createProject("second")
        strictEqual((yield* access.getProject("second")).id, made.id)
        strictEqual(yield* TestRuns.verdictOf(access.createProject("second")), "ProjectExists")
        strictEqual(yield* TestRuns.verdictOf(access.createProject("default")), "ProjectExists")
        strictEqual(yield* TestRuns.verdictOf(access.getProject("third")), "ProjectNotFound")
        deepStrictEqual((yield* access.listProjects).map(({ slug }) => slug).sort(), ["default", "second"])
      }),
    )

    test(
      "the token of a key authenticates the key until it is revoked",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const { key, token } = yield* access.createKey({ projectId: project.id, name: "ci" })
        strictEqual(key.admin, false)
        deepStrictEqual(
          yield* access.authenticate(token),
          Option.some({ _tag: "ApiKey" as const, keyId: key.id, projectId: project.id, admin: false }),
        )
        const other = yield* access.createProject("other")
        deepStrictEqual(yield* access.listKeys(other.id), [])
        strictEqual(yield* TestRuns.verdictOf(access.revokeKey(other.id, key.id)), "KeyNotFound")
        strictEqual(yield* Tokens.tagOf(token), "ApiKey")
        const revoked = yield* access.revokeKey(project.id, key.id)
        assertTrue(revoked.revokedAt !== null)
        strictEqual(yield* Tokens.tagOf(token), "Refused")
        deepStrictEqual(yield* access.revokeKey(project.id, key.id), revoked)
        const stranger = Ids.KeyId.make(yield* Ids.uuidV7)
        strictEqual(yield* TestRuns.verdictOf(access.revokeKey(project.id, stranger)), "KeyNotFound")
      }),
    )

    test(
      "an incomplete or empty token is refused",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const { token } = yield* access.createKey({ projectId: project.id, name: "ci" })
        const text = Redacted.value(token)
        for (const wrong of ["", "nonsense", text.slice(0, -1), `${text}0`, text.toUpperCase()]) {
          strictEqual(yield* Tokens.tagOf(Redacted.make(wrong)), "Refused")
        }
        strictEqual(yield* Tokens.tagOf(token), "ApiKey")
      }),
    )

    test(
      "a token that the caller chooses belongs to one key, and stays revoked after its revocation",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const token = Redacted.make("chosen-by-the-operator")
        const options = { projectId: project.id, name: "boot", admin: true, token }
        const first = yield* access.createKey(options)
        strictEqual(first.key.admin, true)
        const again = yield* access.createKey(options)
        strictEqual(again.key.id, first.key.id)
        yield* access.revokeKey(project.id, first.key.id)
        const refused = yield* Effect.flip(access.createKey(options))
        assertEquals(refused, new KeyRevoked({ keyId: first.key.id }))
        strictEqual(yield* Tokens.tagOf(token), "Refused")
        const keys = yield* access.listKeys(project.id)
        deepStrictEqual(
          keys.map((key) => [key.id, key.revokedAt !== null]),
          [[first.key.id, true]],
        )
      }),
    )

    test(
      "the list of keys has the newest first, includes revoked keys, and has no tokens",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const first = yield* access.createKey({ projectId: project.id, name: "first" })
        yield* access.createKey({ projectId: project.id, name: "second" })
        yield* access.revokeKey(project.id, first.key.id)
        const keys = yield* access.listKeys(project.id)
        deepStrictEqual(
          keys.map((key) => [key.name, key.revokedAt !== null]),
          [
            ["second", false],
            ["first", true],
          ],
        )
        assertTrue(!JSON.stringify(keys).includes(Redacted.value(first.token)))
        const stranger = Ids.ProjectId.make(yield* Ids.uuidV7)
        strictEqual(
          yield* TestRuns.verdictOf(access.createKey({ projectId: stranger, name: "x" })),
          "ProjectNotFound",
        )
      }),
    )

    test(
      "a worker's two newest tokens are valid",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const workerId = yield* TestRuns.register()
        const issue = access.issueWorkerToken({ projectId: project.id, workerId })
        const first = yield* issue
        deepStrictEqual(
          yield* access.authenticate(first),
          Option.some({ _tag: "Worker" as const, workerId, projectId: project.id }),
        )
        const second = yield* issue
        const other = yield* access.issueWorkerToken({
          projectId: project.id,
          workerId: yield* TestRuns.register("other"),
        })
        strictEqual(yield* Tokens.tagOf(first), "Worker")
        const third = yield* issue
        deepStrictEqual(yield* Effect.forEach([first, second, third, other], Tokens.tagOf), [
          "Refused",
          "Worker",
          "Worker",
          "Worker",
        ])
      }),
    )

    test(
      "revoking a key revokes the worker tokens that it issued, and no others",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const { key } = yield* access.createKey({ projectId: project.id, name: "lost" })
        const valid = yield* access.createKey({ projectId: project.id, name: "valid" })
        const workerId = yield* TestRuns.register()
        const otherId = yield* TestRuns.register("other")
        const issue = (to: Ids.WorkerId, issuedBy?: Ids.KeyId) =>
          access.issueWorkerToken({ projectId: project.id, workerId: to, issuedBy })
        const tokens = [
          yield* issue(workerId, key.id),
          yield* issue(workerId, valid.key.id),
          yield* issue(otherId, key.id),
          yield* issue(otherId),
        ]
        deepStrictEqual(yield* Effect.forEach(tokens, Tokens.tagOf), ["Worker", "Worker", "Worker", "Worker"])
        yield* access.revokeKey(project.id, key.id)
        deepStrictEqual(yield* Effect.forEach(tokens, Tokens.tagOf), [
          "Refused",
          "Worker",
          "Refused",
          "Worker",
        ])
        strictEqual(yield* Tokens.tagOf(valid.token), "ApiKey")
      }),
    )

    test(
      "a revoked key issues no worker token, while a key that the store does not have does",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const { key } = yield* access.createKey({ projectId: project.id, name: "lost" })
        const workerId = yield* TestRuns.register()
        yield* access.revokeKey(project.id, key.id)
        const issue = (issuedBy: Ids.KeyId) =>
          access.issueWorkerToken({ projectId: project.id, workerId, issuedBy })
        assertEquals(yield* Effect.flip(issue(key.id)), new KeyRevoked({ keyId: key.id }))
        const foreign = Ids.KeyId.make(yield* Ids.uuidV7)
        strictEqual(yield* Tokens.tagOf(yield* issue(foreign)), "Worker")
      }),
    )

    Sessions.sessionTests(test, layer)
    Sessions.expiryTests(layer)
    Tokens.browserTokenTests(layer)
    Tokens.runTokenTests(test)

    test(
      "revoking the tokens of a worker lasts until the worker gets a new one",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const workerId = yield* TestRuns.register()
        const otherId = yield* TestRuns.register("other")
        const issue = (to: Ids.WorkerId) => access.issueWorkerToken({ projectId: project.id, workerId: to })
        const tokens = [yield* issue(workerId), yield* issue(workerId), yield* issue(otherId)]
        const worker = { projectId: project.id, workerId }
        strictEqual(yield* access.revokeWorkerTokens(worker), 2)
        deepStrictEqual(yield* Effect.forEach(tokens, Tokens.tagOf), ["Refused", "Refused", "Worker"])
        strictEqual(yield* access.revokeWorkerTokens(worker), 0)
        strictEqual(yield* Tokens.tagOf(yield* issue(workerId)), "Worker")
      }),
    )

    test(
      "revoking the tokens of a worker of another project is refused",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const other = yield* access.createProject("other")
        const workerId = yield* TestRuns.register()
        const token = yield* access.issueWorkerToken({ projectId: project.id, workerId })
        const stranger = Ids.WorkerId.make(yield* Ids.uuidV7)
        for (const worker of [
          { projectId: other.id, workerId },
          { projectId: project.id, workerId: stranger },
        ]) {
          assertEquals(
            yield* Effect.flip(access.revokeWorkerTokens(worker)),
            new WorkerNotFound({ workerId: worker.workerId }),
          )
        }
        strictEqual(yield* Tokens.tagOf(token), "Worker")
      }),
    )
  })
}
