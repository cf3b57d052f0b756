/**
 * What every `Access` must do: know projects, keys and worker tokens, and forget revoked ones.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core/Access"
import type { ControlPlane } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, type Layer, Option, Redacted } from "effect"
import * as TestRuns from "./TestRuns.js"

const tagOf = (token: Redacted.Redacted) =>
  Effect.gen(function* () {
    const access = yield* Access
    const principal = yield* access.authenticate(token)
    return Option.match(principal, { onNone: () => "Nobody", onSome: ({ _tag }) => _tag })
  })

/**
 * Declares the tests of `Access`.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (
  name: string,
  layer: Layer.Layer<Access | ControlPlane | WorkerRegistry, unknown>,
): void => {
  const test = TestRuns.tester(layer)

  describe(`Access (${name})`, () => {
    test(
      "project default exists, and others are made once",
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
      "a key's token is that key, until it is revoked",
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
        strictEqual(yield* tagOf(token), "ApiKey")
        const revoked = yield* access.revokeKey(project.id, key.id)
        assertTrue(revoked.revokedAt !== null)
        strictEqual(yield* tagOf(token), "Nobody")
        deepStrictEqual(yield* access.revokeKey(project.id, key.id), revoked)
        const stranger = Ids.KeyId.make(yield* Ids.uuidV7)
        strictEqual(yield* TestRuns.verdictOf(access.revokeKey(project.id, stranger)), "KeyNotFound")
      }),
    )

    test(
      "no token, or a piece of one, is anybody's",
      Effect.gen(function* () {
        const access = yield* Access
        const project = yield* access.getProject("default")
        const { token } = yield* access.createKey({ projectId: project.id, name: "ci" })
        const text = Redacted.value(token)
        for (const wrong of ["", "nonsense", text.slice(0, -1), `${text}0`, text.toUpperCase()]) {
          strictEqual(yield* tagOf(Redacted.make(wrong)), "Nobody")
        }
        strictEqual(yield* tagOf(token), "ApiKey")
      }),
    )

    test(
      "a token of the caller's choice is one key, made valid again when given again",
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
        const back = yield* access.createKey(options)
        strictEqual(back.key.id, first.key.id)
        strictEqual(back.key.revokedAt, null)
        strictEqual(yield* tagOf(token), "ApiKey")
        strictEqual((yield* access.listKeys(project.id)).length, 1)
      }),
    )

    test(
      "keys are listed newest first, revoked ones too, without their tokens",
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
        strictEqual(yield* tagOf(first), "Worker")
        const third = yield* issue
        deepStrictEqual(yield* Effect.forEach([first, second, third, other], tagOf), [
          "Nobody",
          "Worker",
          "Worker",
          "Worker",
        ])
      }),
    )
  })
}
