/** Access suite: tokens of browsers and of runs. */
import { it } from "@effect/vitest"
import { assertEquals, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, KeyExpired, KeyRevoked } from "@runlease/core/Access"
import * as BrowserToken from "@runlease/core/BrowserToken"
import * as BrowserTokens from "@runlease/core/BrowserTokens"
import type { ControlPlane } from "@runlease/core/ControlPlane"
import * as Ids from "@runlease/core/Ids"
import { LeaseEpoch } from "@runlease/core/Run"
import type { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import * as RunToken from "@runlease/core/RunToken"
import { DateTime, Duration, Effect, type Layer, Option, Redacted, type Scope } from "effect"
import * as JumpClock from "../JumpClock.js"
import * as TestRuns from "../TestRuns.js"

export const tagOf = (token: Redacted.Redacted) =>
  Effect.gen(function* () {
    const access = yield* Access
    const principal = yield* access.authenticate(token)
    return Option.match(principal, { onNone: () => "Refused", onSome: ({ _tag }) => _tag })
  })

type Ports = Access | ControlPlane | WorkerRegistry

const boundToRun: BrowserToken.Bound = { _tag: "Run", runId: Ids.RunId.make("run") }

const hexOf = (text: string): string => Buffer.from(text).toString("hex")

const partsOf = (token: Redacted.Redacted): readonly [claim: string, signature: string] => {
  const text = Redacted.value(token)
  return [Buffer.from(text.slice(4, -64), "hex").toString(), text.slice(-64)]
}

/** Declares the tests over `layer`. Each has its own clock. */
export const browserTokenTests = (layer: Layer.Layer<Ports, unknown>): void => {
  const test = <A, E>(
    title: string,
    body: (clock: JumpClock.JumpClock) => Effect.Effect<A, E, Ports | Scope.Scope>,
  ): void =>
    it.scopedLive(title, () =>
      Effect.flatMap(JumpClock.make, (clock) =>
        body(clock).pipe(Effect.provide(layer), Effect.withClock(clock)),
      ),
    )

  test("a token for a browser says what it is bound to and what it may do", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const { key } = yield* access.createKey({ projectId, name: "key" })
      const conversationId = Ids.ConversationId.make(yield* Ids.uuidV7)
      const grants: ReadonlyArray<Omit<BrowserToken.Grant, "expiresAt" | "projectId">> = [
        { scopes: ["read"], bound: { _tag: "Conversation", conversationId } },
        { scopes: ["write", "stop"], bound: { _tag: "Label", name: "customer", value: "42 ✓" } },
        {
          issuedBy: key.id,
          scopes: ["read", "write", "stop"],
          bound: { _tag: "Run", runId: Ids.RunId.make(`${"r".repeat(127)}✓`) },
          agentIds: Array.from({ length: BrowserToken.maxAgents }, (_, index) =>
            Ids.AgentId.make(`${"✓".repeat(127)}${index}`),
          ),
        },
      ]
      for (const grant of grants) {
        const { expiresAt, token } = yield* access.issueBrowserToken({ ...grant, projectId })
        deepStrictEqual(
          yield* access.authenticate(token),
          Option.some({
            _tag: "Browser" as const,
            projectId,
            grant: { ...grant, projectId, expiresAt: DateTime.toEpochMillis(expiresAt) },
          }),
        )
      }
    }))

  test("a token for a browser lasts 15 minutes, as long as its maker says, or a day at most", (clock) =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const issue = (expiresIn?: Duration.DurationInput) =>
        access.issueBrowserToken({ projectId, scopes: ["read"], bound: boundToRun, expiresIn })
      const tokens = yield* Effect.all([issue(), issue("1 hour"), issue("3 days")])
      const first = DateTime.toEpochMillis(tokens[0].expiresAt)
      deepStrictEqual(
        tokens.map(({ expiresAt }) => DateTime.toEpochMillis(expiresAt) - first),
        [0, 45 * 60_000, (24 * 60 - 15) * 60_000],
      )
      const tags = Effect.forEach(tokens, ({ token }) => tagOf(token))
      deepStrictEqual(yield* tags, ["Browser", "Browser", "Browser"])
      // A server remembers a token for some seconds.
      yield* clock.jump(15 * 60_000 + 10_000)
      deepStrictEqual(yield* tags, ["Refused", "Browser", "Browser"])
      yield* clock.jump(45 * 60_000)
      deepStrictEqual(yield* tags, ["Refused", "Refused", "Browser"])
      yield* clock.jump(23 * 3_600_000)
      deepStrictEqual(yield* tags, ["Refused", "Refused", "Refused"])
    }))

  test("a callback says which question it answers until its key ends, and whether it has expired", (clock) =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const { key } = yield* access.createKey({ projectId, name: "key", expiresIn: "3 days" })
      const claim = { projectId, runId: Ids.RunId.make("run ✓"), interruptId: "paid" }
      const { token: own } = yield* access.issueCallback({ ...claim, expiresIn: "1 minute" })
      const { expiresAt, token } = yield* access.issueCallback({ ...claim, issuedBy: key.id })
      const at = DateTime.toEpochMillis(expiresAt)
      const found = yield* access.findCallback(token)
      deepStrictEqual(
        found,
        Option.some({ claim: { ...claim, issuedBy: key.id, expiresAt: at }, expired: false }),
      )
      const expiries = Effect.map(Effect.forEach([own, token], access.findCallback), (all) =>
        all.map((one) => Option.getOrUndefined(Option.map(one, ({ expired }) => expired))),
      )
      deepStrictEqual(yield* expiries, [false, false])
      yield* clock.jump(60_000)
      deepStrictEqual(yield* expiries, [true, false])
      // No caller is found by it.
      deepStrictEqual([yield* tagOf(own), yield* tagOf(token)], ["Refused", "Refused"])
      // A token lasts no longer than the key that makes it, and another project signs none.
      const late = yield* access.issueCallback({ ...claim, issuedBy: key.id, expiresIn: "365 days" })
      strictEqual(DateTime.toEpochMillis(late.expiresAt) < at + Duration.toMillis("3 days"), true)
      const other = yield* access.createProject("callbacks")
      const foreign = yield* access.issueCallback({ ...claim, projectId: other.id })
      const [, signature] = partsOf(foreign.token)
      const forged = Redacted.make(`${Redacted.value(token).slice(0, -64)}${signature}`)
      deepStrictEqual(yield* access.findCallback(forged), Option.none())
      yield* access.revokeKey(projectId, key.id)
      deepStrictEqual(yield* expiries, [true, undefined])
      yield* access.rotateSigningKey(projectId)
      deepStrictEqual(yield* expiries, [undefined, undefined])
    }))

  test("a token that its project has not signed is refused", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const other = yield* access.createProject("other")
      const unsigned = yield* access.createProject("unsigned")
      const issue = (of: Ids.ProjectId) =>
        access.issueBrowserToken({ projectId: of, scopes: ["read"], bound: boundToRun })
      const { token } = yield* issue(projectId)
      const [claim, signature] = partsOf(token)
      const [, foreign] = partsOf((yield* issue(other.id)).token)
      const claiming = (text: string, by = signature) => `rlb_${hexOf(text)}${by}`
      const text = Redacted.value(token)
      const forged = [
        claiming(claim.replace(`"read"`, `"read","stop"`)),
        claiming(claim.replace(`"run"`, `"ruin"`)),
        claiming(claim.replace(/\d{5,}/, (expiry) => String(Number(expiry) + 1))),
        claiming(claim.replace(projectId, other.id)),
        claiming(claim, foreign),
        claiming(claim.replace(projectId, other.id), signature),
        claiming(claim.replace(projectId, unsigned.id)),
        claiming(claim.replace(projectId, yield* Ids.uuidV7)),
        claiming("{}"),
        claiming("nonsense"),
        `rlb_ff${text.slice(4)}`,
        `rlb_${signature}`,
        `${text.slice(0, -64)}${"0".repeat(64)}`,
        `${text}0`,
        text.slice(0, -1),
        text.toUpperCase(),
        `rlr_${text.slice(4)}`,
        `rlb_${"00".repeat(100_000)}${signature}`,
        "rlb_",
      ]
      for (const wrong of forged) {
        deepStrictEqual([wrong, yield* tagOf(Redacted.make(wrong))], [wrong, "Refused"])
      }
      strictEqual(yield* tagOf(token), "Browser")
    }))

  test("a rotation ends the tokens of its project alone, and those that are made later are valid", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const other = yield* access.createProject("other")
      const issue = (of: Ids.ProjectId) =>
        Effect.map(
          access.issueBrowserToken({ projectId: of, scopes: ["read"], bound: boundToRun }),
          ({ token }) => token,
        )
      // The first ones of a project that come at once are signed with one key.
      const first = yield* Effect.replicateEffect(issue(projectId), 2)
      const atOnce = yield* Effect.all(
        Array.from({ length: 8 }, () => issue(other.id)),
        { concurrency: "unbounded" },
      )
      deepStrictEqual(new Set(yield* Effect.forEach([...first, ...atOnce], tagOf)), new Set(["Browser"]))
      yield* access.rotateSigningKey(projectId)
      deepStrictEqual(new Set(yield* Effect.forEach(first, tagOf)), new Set(["Refused"]))
      deepStrictEqual(new Set(yield* Effect.forEach(atOnce, tagOf)), new Set(["Browser"]))
      const later = yield* issue(projectId)
      strictEqual(yield* tagOf(later), "Browser")
      yield* access.rotateSigningKey(projectId)
      strictEqual(yield* tagOf(later), "Refused")
      const stranger = Ids.ProjectId.make(yield* Ids.uuidV7)
      strictEqual(yield* TestRuns.verdictOf(access.rotateSigningKey(stranger)), "ProjectNotFound")
      strictEqual(yield* TestRuns.verdictOf(issue(stranger)), "ProjectNotFound")
    }))

  test("a token for a browser ends with the API key that made it", (clock) =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const lasting = yield* access.createKey({ projectId, name: "lasting" })
      const short = yield* access.createKey({ projectId, name: "short", expiresIn: "1 minute" })
      const unknown = Ids.KeyId.make(yield* Ids.uuidV7)
      const issue = (issuedBy: Ids.KeyId) =>
        access.issueBrowserToken({ projectId, issuedBy, scopes: ["read"], bound: boundToRun })
      const [ofLasting, ofShort, ofUnknown] = yield* Effect.all([
        issue(lasting.key.id),
        issue(short.key.id),
        issue(unknown),
      ])
      deepStrictEqual(ofShort.expiresAt, short.key.expiresAt)
      const tags = Effect.forEach([ofLasting, ofShort, ofUnknown], ({ token }) => tagOf(token))
      deepStrictEqual(yield* tags, ["Browser", "Browser", "Browser"])
      yield* access.revokeKey(projectId, lasting.key.id)
      deepStrictEqual(yield* tags, ["Refused", "Browser", "Browser"])
      assertEquals(yield* Effect.flip(issue(lasting.key.id)), new KeyRevoked({ keyId: lasting.key.id }))
      yield* clock.jump(70_000)
      deepStrictEqual(yield* tags, ["Refused", "Refused", "Browser"])
      assertEquals(yield* Effect.flip(issue(short.key.id)), new KeyExpired({ keyId: short.key.id }))
    }))

  test("what no token can have is refused by its field", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("default")
      const refused = (options: object) =>
        Effect.flip(
          access.issueBrowserToken({ projectId, scopes: ["read"], bound: boundToRun, ...options }),
        ).pipe(Effect.map((error) => (error._tag === "InvalidBrowserToken" ? error.field : error._tag)))
      const agents = Array.from({ length: BrowserToken.maxAgents + 1 }, (_, index) => `agent-${index}`)
      deepStrictEqual(
        yield* Effect.forEach(
          [
            { scopes: [] },
            { scopes: ["admin"] },
            { bound: { _tag: "Label", name: "No Name", value: "42" } },
            { bound: { _tag: "Conversation", conversationId: "nonsense" } },
            { agentIds: agents },
          ],
          refused,
        ),
        ["scopes", "scopes", "boundTo", "boundTo", "agentIds"],
      )
    }))

  test("an application makes tokens in its own process, also by the name of a thread", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject("own")
      const tokens = yield* BrowserTokens.BrowserTokens
      const conversationId = Ids.ConversationId.make(yield* Ids.uuidV7)
      const boundOf = (boundTo: BrowserTokens.BoundTo) =>
        tokens.issue({ scopes: ["read"], boundTo, expiresIn: "1 minute" }).pipe(
          Effect.flatMap(({ token }) => access.authenticate(token)),
          Effect.map(
            Option.flatMap((found) =>
              found._tag === "Browser" && found.projectId === projectId
                ? Option.some(found.grant.bound)
                : Option.none(),
            ),
          ),
        )
      deepStrictEqual(
        yield* boundOf({ _tag: "Thread", threadId: conversationId }),
        Option.some({ _tag: "Conversation" as const, conversationId }),
      )
      const named = yield* boundOf({ _tag: "Thread", threadId: "support" })
      deepStrictEqual(yield* boundOf({ _tag: "Thread", threadId: "support" }), named)
      strictEqual(Option.isSome(named) && named.value._tag === "Conversation", true)
      const { token } = yield* tokens.issue({ scopes: ["read"], boundTo: boundToRun })
      yield* tokens.rotate
      strictEqual(yield* tagOf(token), "Refused")
    }).pipe(Effect.provide(BrowserTokens.layerAccess("own")), (effect) =>
      Effect.zipRight(
        Effect.flatMap(Access, (access) => access.createProject("own")),
        effect,
      ),
    ))
}

const leaseOf = (workerId: Ids.WorkerId, runId = "run"): RunToken.NamedLease => ({
  workerId,
  runId: Ids.RunId.make(runId),
  epoch: LeaseEpoch.make(3),
})

export const runTokenTests = (test: TestRuns.Test<Access | WorkerRegistry>): void => {
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
