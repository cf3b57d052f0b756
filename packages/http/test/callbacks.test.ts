/** URLs that answer a question once. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Access,
  CallbackToken,
  ControlPlane,
  Executor,
  Interrupts,
  type Interrupt,
  Leases,
  PromiseSteps,
  type Run,
  Runs,
} from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns, TestWorker } from "@runlease/testkit"
import { Deferred, Effect, Either, Layer, Option, Redacted, Schema, TestClock } from "effect"
import { type Answer, call } from "./raw.js"
import { client, serve, Served } from "./serving.js"

const layer = Layer.provideMerge(client, serve(MemoryControlPlane.layer))

const size: Interrupt.Interrupt = {
  id: "size",
  reason: "input_required",
  responseSchema: { type: "object", properties: { size: { type: "integer" } }, required: ["size"] },
}
const approval: Interrupt.Interrupt = {
  id: "deploy",
  reason: "tool_call",
  toolCallId: "call-1",
  responseSchema: Interrupts.approvalSchemaOf({ type: "object", properties: { to: { type: "string" } } }),
}

const waiting = (...[first, ...others]: [Interrupt.Interrupt, ...Array<Interrupt.Interrupt>]) =>
  Effect.gen(function* () {
    const claimed = yield* TestRuns.hold(yield* TestRuns.register())
    yield* (yield* Leases.Leases).suspend(TestRuns.leaseOf(claimed), { interrupts: [first, ...others] })
    return claimed.runId
  })

const issue = (runId: string, body: object = { interrupt_id: "size" }) =>
  call("POST", `/projects/default/runs/${runId}/callback-token`, { body })

const urlOf = (runId: string, body?: object) =>
  Effect.map(issue(runId, body), ({ json, status }) => {
    strictEqual(status, 201, JSON.stringify(json))
    return String(json.url).replace(/^https?:\/\/[^/]+/, "")
  })

/** Sends an answer without any header of a caller. */
const answer = (path: string, body: unknown = { size: 3 }) => call("POST", path, { body, token: null })

const refusalOf = ({ json, status }: Pick<Answer, "json" | "status">) => [status, json.error]

describe("a callback", () => {
  it.effect("answers its question once, and says nothing of the run", () =>
    Effect.gen(function* () {
      const runId = yield* waiting(size)
      const path = yield* urlOf(runId)
      const wrong = yield* answer(path, { size: "large" })
      deepStrictEqual(
        [wrong.status, wrong.json.error, wrong.json.field, wrong.json.detail],
        [422, "answer_refused", "payload", "payload: `size` is no integer"],
      )
      const first = yield* answer(path)
      deepStrictEqual([first.status, first.json], [200, { accepted: true }])
      strictEqual((yield* TestRuns.getRun(runId)).status, "pending")
      const { resume } = yield* (yield* Runs.Runs).snapshot(runId)
      deepStrictEqual(resume, [{ interruptId: "size", status: "resolved", payload: { size: 3 } }])
      for (const body of [{ size: 3 }, { size: 4 }, { size: "large" }]) {
        deepStrictEqual(refusalOf(yield* answer(path, body)), [409, "callback_used"])
      }
    }).pipe(Effect.provide(layer)),
  )

  it.effect("is used by one of two at once, also where both say the same", () =>
    Effect.gen(function* () {
      const runId = yield* waiting(size)
      const [one, other] = yield* Effect.all([urlOf(runId), urlOf(runId)])
      const answers = yield* Effect.all([answer(one), answer(other), answer(one)], {
        concurrency: "unbounded",
      })
      deepStrictEqual(answers.map(({ status }) => status).sort(), [200, 409, 409])
    }).pipe(Effect.provide(layer)),
  )

  it.effect(
    "answers the question of a tool call, with edits that are in the log, and leaves the others",
    () =>
      Effect.gen(function* () {
        const runId = yield* waiting(approval, size)
        const path = yield* urlOf(runId, { tool_call_id: "call-1" })
        deepStrictEqual(refusalOf(yield* answer(path, { approved: false, editedArgs: { to: "x" } })), [
          422,
          "answer_refused",
        ])
        strictEqual((yield* answer(path, { approved: true, editedArgs: { to: "staging" } })).status, 200)
        strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
        const event = (yield* TestRuns.eventsOf(runId)).at(-1)
        deepStrictEqual(event?.["value"], {
          by: "a callback",
          answers: [
            {
              interrupt_id: "deploy",
              tool_call_id: "call-1",
              approved: true,
              edited_args: { to: "staging" },
            },
          ],
        })
      }).pipe(Effect.provide(layer)),
  )

  it.effect("is over with its run, also where that is deleted", () =>
    Effect.gen(function* () {
      const runId = yield* waiting(size)
      const path = yield* urlOf(runId)
      yield* (yield* Runs.Runs).cancel(runId)
      const ended = yield* answer(path)
      deepStrictEqual(refusalOf(ended), [410, "callback_over"])
      yield* TestClock.adjust("1 second")
      yield* (yield* ControlPlane.ControlPlane).prune({
        projectId: (yield* (yield* Access.Access).getProject("default")).id,
        olderThan: 0,
      })
      deepStrictEqual((yield* answer(path)).json, ended.json)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("expires, and ends with the key that made it or with a rotation", () =>
    Effect.gen(function* () {
      const runId = yield* waiting(size)
      const short = yield* urlOf(runId, { interrupt_id: "size", expires_in_seconds: 60 })
      const rotated = yield* urlOf(runId)
      yield* TestClock.adjust("59 seconds")
      deepStrictEqual(refusalOf(yield* answer(short, {})), [422, "answer_refused"])
      yield* TestClock.adjust("1 second")
      deepStrictEqual(refusalOf(yield* answer(short)), [410, "callback_expired"])
      const access = yield* Access.Access
      const { id: projectId } = yield* access.getProject("default")
      const { key } = yield* access.createKey({ projectId, name: "other" })
      const claim = { projectId, runId, interruptId: "size", issuedBy: key.id }
      const { token } = yield* access.issueCallback(claim)
      const own = CallbackToken.pathOf(runId, token)
      deepStrictEqual(refusalOf(yield* answer(own, {})), [422, "answer_refused"])
      yield* access.revokeKey(projectId, key.id)
      deepStrictEqual(refusalOf(yield* answer(own)), [401, "unauthorized"])
      yield* call("POST", "/projects/default/tokens/rotate")
      deepStrictEqual(refusalOf(yield* answer(rotated)), [401, "unauthorized"])
      strictEqual((yield* TestRuns.getRun(runId)).status, "waiting")
    }).pipe(Effect.provide(layer)),
  )

  it.effect(
    "that is forged, of another run, of another project or of no token is refused by the same answer",
    () =>
      Effect.gen(function* () {
        const [runId, otherId] = yield* Effect.all([waiting(size), waiting(size)])
        const path = yield* urlOf(runId)
        const token = new URL(path, "http://x").searchParams.get("token")!
        const claim = Buffer.from(token.slice(4, -64), "hex").toString()
        const forged = (text: string) => `rlc_${Buffer.from(text).toString("hex")}${token.slice(-64)}`
        const access = yield* Access.Access
        const { id: projectId } = yield* access.createProject("other")
        const foreign = yield* access.issueCallback({ projectId, runId, interruptId: "size" })
        const at = (run: string, text?: string) =>
          `/runs/${run}/callback${text === undefined ? "" : `?token=${text}`}`
        const [first, ...others] = yield* Effect.forEach(
          [
            at(runId),
            at(runId, ""),
            at(runId, "rlc_00"),
            at(otherId, token),
            at(otherId, forged(claim.replace(runId, otherId))),
            at(runId, forged(claim.replace("size", "deploy"))),
            at(runId, forged(claim.replace(/,(\d+),/, (_, expiry) => `,${Number(expiry) + 1},`))),
            at(runId, `${token.slice(0, -1)}${token.endsWith("0") ? "1" : "0"}`),
            at("nothing", token),
          ],
          (wrong) => answer(wrong),
        )
        deepStrictEqual(refusalOf(first!), [401, "unauthorized"])
        for (const other of others) deepStrictEqual([other.status, other.json], [401, first!.json])
        // A project may sign for a run that is not its own, and finds none.
        deepStrictEqual(refusalOf(yield* answer(CallbackToken.pathOf(runId, foreign.token))), [
          410,
          "callback_over",
        ])
        for (const run of [runId, otherId]) strictEqual((yield* TestRuns.getRun(run)).status, "waiting")
      }).pipe(Effect.provide(layer)),
  )

  it.effect("is made with an API key alone, for an open question that is none of a budget", () =>
    Effect.gen(function* () {
      const runId = yield* waiting(size)
      const token = yield* call("POST", "/projects/default/tokens", {
        body: { scopes: ["read", "write", "stop"], run_id: runId },
      })
      const label = yield* call("POST", "/projects/default/tokens", {
        body: { scopes: ["write"], label: { customer: "42" } },
      })
      const url = yield* urlOf(runId)
      const callback = new URL(url, "http://x").searchParams.get("token")!
      for (const [key, status] of [
        [token.json.token, 403],
        [label.json.token, 403],
        [callback, 401],
      ] as const) {
        const refused = yield* call("POST", `/projects/default/runs/${runId}/callback-token`, {
          body: { interrupt_id: "size" },
          token: key,
        })
        strictEqual(refused.status, status)
      }
      // The token of a callback is none of a caller.
      strictEqual((yield* call("GET", `/runs/${runId}`, { token: callback })).status, 401)
      const access = yield* Access.Access
      deepStrictEqual(yield* access.authenticate(Redacted.make(callback)), Option.none())
      deepStrictEqual(refusalOf(yield* issue(runId, { interrupt_id: "other" })), [409, "not_waiting"])
      deepStrictEqual(refusalOf(yield* issue("nothing")), [404, "run_not_found"])
      strictEqual((yield* issue(runId, {})).status, 400)
      strictEqual((yield* issue(runId, { interrupt_id: "size", expires_in_seconds: 0 })).status, 400)
    }).pipe(Effect.provide(layer)),
  )
})

describe("a callback of a program", () => {
  const euros = Schema.Struct({ euros: Schema.Number })

  const question = { key: "order-7", message: "Paid?", schema: euros }

  const programs = {
    "an Effect": (sent: Deferred.Deferred<string>) =>
      Effect.gen(function* () {
        const { url } = yield* Interrupts.callback("paid", { key: "order-7" })
        yield* Deferred.succeed(sent, url)
        return `paid ${(yield* Interrupts.ask("paid", question)).euros}`
      }),
    promises: (sent: Deferred.Deferred<string>) =>
      PromiseSteps.run(async (steps) => {
        const { url } = await steps.callback("paid", { key: "order-7" })
        Deferred.unsafeDone(sent, Effect.succeed(url))
        return `paid ${(await steps.ask("paid", question)).euros}`
      }),
  }

  const answers = (
    execute: (sent: Deferred.Deferred<string>) => Effect.Effect<string, unknown, Executor.RunContext>,
  ) =>
    Effect.gen(function* () {
      const sent = yield* Deferred.make<string>()
      yield* TestWorker.start(Executor.from(() => execute(sent)))
      const { runId } = yield* TestRuns.submit()
      const url = yield* Deferred.await(sent)
      const path = url.slice(new URL(url).origin.length)
      assertTrue(url.startsWith(`${(yield* Served).url}/runs/${runId}/callback?token=rlc_`), url)
      yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "waiting")
      deepStrictEqual(refusalOf(yield* answer(path, { euros: "many" })), [422, "answer_refused"])
      strictEqual((yield* answer(path, { euros: 40 })).status, 200)
      const done = yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "completed")
      deepStrictEqual(done.result ?? (yield* TestRuns.eventsOf(runId)).flatMap(({ delta }) => delta ?? []), [
        "paid 40",
      ])
    }).pipe(Effect.provide(layer))

  for (const [name, execute] of Object.entries(programs)) {
    it.scoped(`of ${name} is made before the question is posed, by the worker that executes the run`, () =>
      answers(execute),
    )
  }

  const connecting = {
    "an Effect": Effect.map(
      Interrupts.connect("github", {
        url: "https://app.example/connect?with=github",
        scopes: ["repo", "user"],
      }),
      ({ accessToken, scope }) => `${Redacted.value(accessToken)} for ${scope}`,
    ),
    promises: PromiseSteps.run(async (steps) => {
      const url = "https://app.example/connect?with=github"
      const { accessToken, scope } = await steps.connect("github", { url, scopes: ["repo", "user"] })
      return `${Redacted.value(accessToken)} for ${scope}`
    }),
  }

  for (const [name, program] of Object.entries(connecting)) {
    it.scoped(`of ${name} gets the grant of a user who has signed in, which is in no log`, () =>
      Effect.gen(function* () {
        yield* TestWorker.start(Executor.from(() => program))
        const { runId } = yield* TestRuns.submit()
        const asked = () => TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "waiting")
        const linkOf = ({ waiting }: Run.Run) => {
          const [question] = waiting?.interrupts ?? []
          const { about } = question!.metadata as { about: { url: string; scopes: ReadonlyArray<string> } }
          const { origin, pathname, searchParams } = new URL(about.url)
          deepStrictEqual(
            [
              question!.message,
              origin + pathname,
              searchParams.get("with"),
              searchParams.get("scope"),
              about.scopes,
            ],
            ["Sign in with github", "https://app.example/connect", "github", "repo user", ["repo", "user"]],
          )
          return new URL(searchParams.get("callback")!)
        }
        const first = linkOf(yield* asked())
        deepStrictEqual(refusalOf(yield* answer(first.pathname + first.search, { code: "4711" })), [
          422,
          "answer_refused",
        ])
        // A person may answer what does not fit, which brings the question again with a link of its own.
        yield* (yield* Runs.Runs).resume(runId, [
          { interruptId: "github", status: "resolved", payload: { access_token: 7 } },
        ])
        const again = yield* TestRuns.eventually(
          TestRuns.getRun(runId),
          ({ waiting }) => waiting?.interrupts[0]?.id === "github~2",
        )
        const [question] = again.waiting!.interrupts
        assertTrue(question!.message?.includes("does not fit") ?? false)
        const { url } = (question!.metadata as { about: { url: string } }).about
        const second = new URL(new URL(url).searchParams.get("callback")!)
        strictEqual((yield* answer(first.pathname + first.search, { access_token: "gho_1" })).status, 409)
        const granted = { access_token: "gho_secret", scope: "repo" }
        strictEqual((yield* answer(second.pathname + second.search, granted)).status, 200)
        yield* TestRuns.eventually(TestRuns.getRun(runId), ({ status }) => status === "completed")
        const events = yield* TestRuns.eventsOf(runId)
        deepStrictEqual(
          events.flatMap(({ delta }) => delta ?? []),
          ["gho_secret for repo"],
        )
        assertTrue(
          !JSON.stringify(events.filter(({ type }) => type !== "TEXT_MESSAGE_CONTENT")).includes(
            "gho_secret",
          ),
        )
        assertTrue(!JSON.stringify((yield* (yield* Runs.Runs).snapshot(runId)).resume).includes("gho_secret"))
      }).pipe(Effect.provide(layer)),
    )
  }

  it.effect(
    "has to be sent again while the run does not wait, and is refused without the lease or for a budget",
    () =>
      Effect.gen(function* () {
        const worker = yield* TestRuns.register()
        const claimed = yield* TestRuns.hold(worker)
        const leases = yield* Leases.Leases
        const lease = TestRuns.leaseOf(claimed)
        const { url } = yield* leases.callback(lease, { question: "size" })
        const path = url!.slice(new URL(url!).origin.length)
        const early = yield* answer(path)
        deepStrictEqual([refusalOf(early), early.headers.get("retry-after")], [[409, "not_waiting"], "5"])
        const budget = yield* Effect.flip(leases.callback(lease, { question: "budget-1" }))
        strictEqual(budget._tag, "CallbackRefused")
        yield* leases.suspend(lease, { interrupts: [size] })
        const late = yield* Effect.either(leases.callback(lease, { question: "size" }))
        deepStrictEqual(Either.isLeft(late) && late.left._tag, "LeaseLost")
        strictEqual((yield* answer(path)).status, 200)
      }).pipe(Effect.provide(layer)),
  )
})
