/** The suite of an adapter: an agent whose workers end anywhere, as the reference client of AG-UI shows it. */
import { describe, expect, it } from "@effect/vitest"
import { RequestSnapshot } from "@runlease/core"
import type { ToolCalls } from "@runlease/core/executor"
import * as ModelServer from "@runlease/testkit/ModelServer"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import * as Desk from "./AdapterDesk.js"

/** What a test wants of the desk. */
export interface DeskOptions {
  /** What the tools have done. */
  readonly made?: Array<Desk.Made>
  /** Pays an order back, in the place of what the desk does, with the key of its call. */
  readonly refund?: (key: string | undefined) => Promise<string>
  readonly refundIs?: ToolCalls.SideEffect
  /** Whether a refund needs an approval. */
  readonly approval?: boolean
}

export interface Adapter {
  /** The agent, whose model is at `url`, with `find_order`, which is `pure`, and `refund`. */
  readonly desk: (url: string, options?: DeskOptions) => Desk.Execute
  /** An agent without tools. */
  readonly bare: (url: string) => Desk.Execute
  /** What the result of a call says whose tool, `missing`, is not there. */
  readonly missing: string
  /** What the result of a call says whose tool fails with that message. */
  readonly failed: (message: string) => string
}

export const withServers = (answer: (request: ModelServer.Request, before: number) => ModelServer.Answer) =>
  Effect.provide(Layer.merge(Desk.server, Desk.modelServer(answer)))

/** What an attempt emits between the request of an answer and its record. */
const inAnswer = /^(TEXT_MESSAGE|TOOL_CALL_(START|ARGS|END)|runlease\.usage|STEP_FINISHED)/

/** The execution of a run of another agent, to its end. */
export const outcomeOf = (execute: Desk.Execute) =>
  Effect.gen(function* () {
    yield* Desk.startWorker(execute)
    const { runId } = yield* TestRuns.submit({ snapshot: RequestSnapshot.fromText("Go") })
    return yield* Desk.untilEnded(runId)
  })

export const make = ({ bare, desk, failed, missing }: Adapter): void => {
  describe("an agent", () => {
    it.scopedLive("streams its answers, and gives the results of its calls and what they used", () =>
      Effect.gen(function* () {
        const made: Array<Desk.Made> = []
        const { requests, url } = yield* ModelServer.ModelServer
        yield* Desk.startWorker(desk(url, { made }))
        const page = yield* Desk.page
        yield* page.send("Refund order 7")
        expect(yield* page.run()).toEqual([])
        expect(yield* page.texts).toEqual(Desk.texts)
        expect(yield* page.results).toEqual([
          ["call-1", '{"order":"7","euros":40}'],
          ["call-2", "40 EUR refunded"],
        ])
        expect(made.map(({ name }) => name)).toEqual(["find_order", "refund"])
        expect(page.events("TEXT_MESSAGE_CONTENT").length).toBe(2 + 2 + 1)
        const [finished] = page.events("RUN_FINISHED")
        expect(finished?.["usage"]).toEqual([
          expect.objectContaining({
            provider: "stand-in",
            inputTokens: 30,
            outputTokens: 7,
            totalTokens: 37,
          }),
        ])

        // The next run of the conversation has the answers and the calls of this one.
        yield* page.send("Thank you")
        yield* page.run()
        const last = (yield* requests).at(-1)!
        expect(last.messages.map(({ role }) => role)).toEqual(
          "system user assistant tool assistant tool assistant user".split(" "),
        )
      }).pipe(withServers(Desk.script)),
    )

    it.scopedLive(
      "shows each text once, pays for what is recorded once, and makes each call once, wherever its attempts end",
      () =>
        Effect.gen(function* () {
          const { requests, url } = yield* ModelServer.ModelServer
          const ends: Array<string> = []
          for (let after = 0; ; after += 1) {
            const made: Array<Desk.Made> = []
            const before = (yield* requests).length
            const page = yield* Desk.page
            yield* page.send("Refund order 7")
            const running = yield* Effect.fork(page.run())
            const agent = desk(url, { made })
            const stopped = yield* Deferred.make<string>()
            const scope = yield* Scope.make()
            yield* Scope.extend(Desk.startWorker(agent, Desk.stopping(after, stopped)), scope)
            const end = yield* Effect.raceFirst(
              Deferred.await(stopped),
              Effect.as(Fiber.join(running), "none"),
            )
            yield* Scope.close(scope, Exit.void)
            if (end === "none") break
            ends.push(end)
            const next = yield* Scope.make()
            yield* Scope.extend(Desk.startWorker(agent), next)
            yield* Fiber.join(running)
            yield* Scope.close(next, Exit.void)

            expect([end, yield* page.texts]).toEqual([end, Desk.texts])
            const refunds = made.filter(({ name }) => name === "refund")
            const results = (yield* page.results).filter(([, content]) => /refund/.test(String(content)))
            // A call that had begun and whose result was not recorded is not made again.
            expect([end, results.length, refunds.length]).toEqual([
              end,
              1,
              end === "STEP_STARTED" ? refunds.length : 1,
            ])
            expect(refunds.length).toBeLessThanOrEqual(1)
            if (refunds.length === 0) expect(results[0]?.[1]).toContain("It is uncertain")
            // An answer is requested twice only where the attempt ended in the middle of it.
            const counts = Desk.requestCounts((yield* requests).slice(before))
            const total = counts.reduce((sum, count) => sum + count, 0)
            expect([end, counts.length, total]).toEqual([end, 3, inAnswer.test(end) ? 4 : 3])
          }
          // Marks, starts, deltas, ends, usage, records, results: each was an end once.
          expect(ends.length).toBeGreaterThan(20)
          expect(ends).toContain("STEP_FINISHED runlease.step")
        }).pipe(withServers(Desk.script)),
    )

    it.scopedLive("waits for a person without a worker, and goes on in another one", () =>
      Effect.gen(function* () {
        const { requests, url } = yield* ModelServer.ModelServer
        const made: Array<Desk.Made> = []
        const agent = desk(url, { made, approval: true })
        const page = yield* Desk.page
        for (const approved of [true, false]) {
          yield* page.send("Refund order 7")
          const first = yield* Scope.make()
          yield* Scope.extend(Desk.startWorker(agent), first)
          const [question] = yield* page.run()
          expect(question).toMatchObject({ reason: "tool_call", message: "May refund be called?" })
          expect(question?.id).toBe(question?.toolCallId)
          yield* Scope.close(first, Exit.void)

          const second = yield* Scope.make()
          yield* Scope.extend(Desk.startWorker(agent), second)
          const reason = approved ? {} : { reason: "Too late" }
          expect(yield* page.run([{ interruptId: question!.id, approved, ...reason }])).toEqual([])
          yield* Scope.close(second, Exit.void)
        }
        expect(made.filter(({ name }) => name === "refund")).toHaveLength(1)
        expect(yield* page.texts).toEqual([...Desk.texts, ...Desk.texts])
        expect((yield* page.results).map(([, content]) => content)).toEqual([
          '{"order":"7","euros":40}',
          "40 EUR refunded",
          '{"order":"7","euros":40}',
          "This call was not approved, so it was not made. The reason: Too late",
        ])
        expect(yield* requests).toHaveLength(6)
      }).pipe(withServers(Desk.ofTurn)),
    )

    it.scopedLive("makes a call that is idempotent again with its key, and no other one that had begun", () =>
      Effect.gen(function* () {
        const { url } = yield* ModelServer.ModelServer
        for (const sideEffect of ["idempotent", "atMostOnce"] as const) {
          const begun = yield* Deferred.make<void>()
          const keys: Array<string | undefined> = []
          const agent = desk(url, {
            refundIs: sideEffect,
            refund: async (key) => {
              keys.push(key)
              if (keys.length > 1) return "refunded"
              Effect.runSync(Deferred.succeed(begun, undefined))
              return new Promise<string>(() => {})
            },
          })
          const page = yield* Desk.page
          yield* page.send("Refund order 7")
          const running = yield* Effect.fork(page.run())
          const first = yield* Scope.make()
          yield* Scope.extend(Desk.startWorker(agent), first)
          yield* Deferred.await(begun)
          yield* Scope.close(first, Exit.void)
          const second = yield* Scope.make()
          yield* Scope.extend(Desk.startWorker(agent), second)
          yield* Fiber.join(running)
          yield* Scope.close(second, Exit.void)
          expect(keys[0]).toMatch(/^[0-9a-f]{64}$/)
          const [, result] = (yield* page.results).at(-1)!
          if (sideEffect === "idempotent") {
            expect(keys).toEqual([keys[0], keys[0]])
            expect(result).toBe("refunded")
          } else {
            expect(keys).toHaveLength(1)
            expect(result).toContain("It is uncertain whether this call of refund was made")
          }
          expect(yield* page.texts).toEqual(Desk.texts)
        }
      }).pipe(withServers(Desk.script)),
    )

    it.scopedLive("gives the error of a tool to the model, once", () =>
      Effect.gen(function* () {
        const { requests, url } = yield* ModelServer.ModelServer
        let calls = 0
        const agent = desk(url, {
          refund: async () => {
            calls += 1
            throw new RangeError("The till is closed")
          },
        })
        // The attempt ends in the middle of the answer that has the error.
        const stopped = yield* Deferred.make<string>()
        const first = yield* Scope.make()
        const page = yield* Desk.page
        yield* page.send("Refund order 7")
        const running = yield* Effect.fork(page.run())
        yield* Scope.extend(Desk.startWorker(agent, Desk.stoppingAt("Refunded.", stopped)), first)
        yield* Deferred.await(stopped)
        yield* Scope.close(first, Exit.void)
        yield* Desk.startWorker(agent)
        yield* Fiber.join(running)
        expect(calls).toBe(1)
        expect((yield* page.results).at(-1)?.[1]).toBe(failed("The till is closed"))
        expect(yield* page.texts).toEqual(Desk.texts)
        expect(Desk.requestCounts(yield* requests)).toEqual([1, 1, 2])
      }).pipe(withServers(Desk.script)),
    )

    it.scopedLive("makes no calls in a trial, which has their results, and waits for no person", () =>
      Effect.gen(function* () {
        const { url } = yield* ModelServer.ModelServer
        const made: Array<Desk.Made> = []
        yield* Desk.startWorker(desk(url, { made, approval: true }))
        const { runId } = yield* TestRuns.submit({
          snapshot: {
            ...RequestSnapshot.fromText("Refund order 7"),
            trial: {
              name: "trial",
              runId: "original",
              after: 0,
              tools: "recorded",
              calls: [{ toolName: "find_order", args: '{"id":"7"}', content: '{"order":"7"}' }],
            },
          },
        })
        const { events, run } = yield* Desk.untilEnded(runId)
        expect([run.status, made]).toEqual(["completed", []])
        const results = events.filter(({ type }) => type === "TOOL_CALL_RESULT").map(({ content }) => content)
        expect(results).toEqual(['{"order":"7"}', expect.stringContaining("there is no result")])
      }).pipe(withServers(Desk.script)),
    )

    it.scopedLive("goes on after a call that cannot be made", () =>
      Effect.gen(function* () {
        const { url } = yield* ModelServer.ModelServer
        yield* Desk.startWorker(desk(url))
        const page = yield* Desk.page
        yield* page.send("Refund order 7")
        yield* page.run()
        expect((yield* page.results).map(([id]) => id)).toEqual(["call-1"])
        expect((yield* page.results)[0]?.[1]).toContain(missing)
        expect(yield* page.texts).toEqual(["Done."])
      }).pipe(withServers((_, before) => (before === 0 ? { tool: "missing", arguments: {} } : "Done."))),
    )
  })

  describe("a model that fails", () => {
    it.scopedLive("is requested again by a later attempt where that may help", () =>
      Effect.gen(function* () {
        const failing = yield* Desk.failingModel([
          { status: 429, headers: { "retry-after-ms": "5" } },
          "cut",
          "whole",
        ])
        const { events, run } = yield* outcomeOf(bare(failing.url))
        expect([run.status, run.error]).toEqual(["completed", null])
        expect(failing.requests()).toBe(3)
        expect(Desk.textsOf(events)).toEqual(["Half", "Whole."])
        // The framework requests no answer again by itself.
        expect(events.filter(({ name }) => name === "runlease.attempt")).toHaveLength(2)
      }).pipe(Effect.provide(Desk.server)),
    )

    it.scopedLive("fails the run where the request is refused", () =>
      Effect.gen(function* () {
        const failing = yield* Desk.failingModel([{ status: 401 }])
        const { run } = yield* outcomeOf(bare(failing.url))
        expect([run.status, run.error?.code]).toEqual(["failed", "model_unauthorized"])
        expect(failing.requests()).toBe(1)
      }).pipe(Effect.provide(Desk.server)),
    )
  })
}
