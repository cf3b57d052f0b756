/** Access suite: the tokens of runs, which workers sign. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core/Access"
import * as Ids from "@runlease/core/Ids"
import { LeaseEpoch } from "@runlease/core/Run"
import * as RunToken from "@runlease/core/store/RunToken"
import type { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, Option, Redacted } from "effect"
import * as TestRuns from "../TestRuns.js"
import { tagOf } from "./PrincipalTag.js"

const leaseOf = (workerId: Ids.WorkerId, runId = "run"): RunToken.NamedLease => ({
  workerId,
  runId: Ids.RunId.make(runId),
  epoch: LeaseEpoch.make(3),
})

const hexOf = (text: string): string => Buffer.from(text).toString("hex")

/** Declares the tests in the suite of the caller. */
export const tests = (test: TestRuns.Test<Access | WorkerRegistry>): void => {
  test(
    "the token of a run is the lease that a worker's token has signed",
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const workerId = yield* TestRuns.register()
      const first = yield* access.issueWorkerToken({ projectId, workerId })
      const second = yield* access.issueWorkerToken({ projectId, workerId })
      for (const runId of ["run", "a run/with ✓ in it", `${"r".repeat(127)}✓`]) {
        const lease = leaseOf(workerId, runId)
        for (const token of [first, second]) {
          deepStrictEqual(
            yield* access.authenticate(yield* RunToken.sign(token, lease)),
            Option.some({ _tag: "Run" as const, lease, projectId }),
          )
        }
      }
    }),
  )

  test(
    "a token of a run that its worker has not signed is refused",
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const workerId = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const token = yield* access.issueWorkerToken({ projectId, workerId })
      const { token: key } = yield* access.createKey({ projectId, name: "key" })
      yield* access.issueWorkerToken({ projectId, workerId: other })
      const lease = leaseOf(workerId)
      const signed = Redacted.value(yield* RunToken.sign(token, lease))
      const [claim, signature] = [signed.slice(4, -64), signed.slice(-64)]
      const claiming = (text: string) => `rlr_${hexOf(text)}${signature}`
      const stranger = Ids.WorkerId.make(yield* Ids.uuidV7)
      const forged = [
        Redacted.value(yield* RunToken.sign(token, leaseOf(other))),
        Redacted.value(yield* RunToken.sign(token, leaseOf(stranger))),
        Redacted.value(yield* RunToken.sign(key, lease)),
        Redacted.value(yield* RunToken.sign(Redacted.make("guess"), lease)),
        claiming(JSON.stringify([4, workerId, "run"])),
        claiming(JSON.stringify([3, workerId, "other"])),
        claiming(JSON.stringify([3, other, "run"])),
        claiming("{}"),
        claiming("nonsense"),
        `rlr_ff${claim}${signature}`,
        `rlr_${signature}`,
        `rlr_${claim}${"0".repeat(64)}`,
        `rlr_${claim}${signature}0`,
        `rlr_${claim}0${signature}`,
        `rlw_${claim}${signature}`,
        signed.slice(0, -1),
        signed.toUpperCase(),
        `rlr_${"00".repeat(100_000)}${signature}`,
        "rlr_",
      ]
      for (const wrong of forged) {
        deepStrictEqual([wrong, yield* tagOf(Redacted.make(wrong))], [wrong, "Refused"])
      }
      strictEqual(yield* tagOf(Redacted.make(signed)), "Run")
    }),
  )

  test(
    "the token of a run ends with the worker's token that has signed it",
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const { key } = yield* access.createKey({ projectId, name: "key" })
      const workerId = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const issue = (to: Ids.WorkerId) =>
        access.issueWorkerToken({ projectId, workerId: to, issuedBy: key.id })
      const signed = (to: Ids.WorkerId) =>
        Effect.flatMap(issue(to), (token) => RunToken.sign(token, leaseOf(to)))

      const replaced = yield* signed(workerId)
      const second = yield* signed(workerId)
      strictEqual(yield* tagOf(replaced), "Run")
      const third = yield* signed(workerId)
      deepStrictEqual(yield* Effect.forEach([replaced, second, third], tagOf), ["Refused", "Run", "Run"])

      const ofOther = yield* signed(other)
      yield* access.revokeWorkerTokens({ projectId, workerId })
      deepStrictEqual(yield* Effect.forEach([second, third, ofOther], tagOf), ["Refused", "Refused", "Run"])

      yield* access.revokeKey(projectId, key.id)
      strictEqual(yield* tagOf(ofOther), "Refused")
    }),
  )
}
