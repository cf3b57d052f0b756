/** Runs whose attempts end at random, and the requests of the attempts after them. */
import { describe, it } from "@effect/vitest"
import { Tool, Toolkit } from "@effect/ai"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Executor, type Ids, Interrupt, RequestSnapshot, Runs } from "@runlease/core"
import { AiTool } from "@runlease/executor-ai"
import { MemoryControlPlane } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Deferred, Effect, FastCheck, Layer, Runtime, Schema, Scope, Exit, Stream } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"
import * as Searches from "../../testkit/test/Searches.js"

const parameters = { what: Schema.String }

const toolkit = Toolkit.make(
  Tool.make("look", { parameters, success: Schema.Unknown, failure: Schema.String }).annotate(
    AiTool.SideEffect,
    "pure",
  ),
  Tool.make("tell", {
    parameters,
    success: Schema.String,
    dependencies: [AiTool.CurrentCall, Runs.Runs],
  }).annotate(AiTool.SideEffect, "idempotent"),
  Tool.make("deploy", { parameters, success: Schema.String })
    .annotate(AiTool.SideEffect, "pure")
    .annotate(AiTool.NeedsApproval, true),
)

/** What a call of `look` gives, by what it looks at. */
const found: Readonly<Record<string, unknown>> = {
  text: "found it",
  json: { found: [1, "two"] },
  jsonText: '{"found": 1}',
  number: 5,
  nothing: null,
}

const handlers = toolkit.toLayer({
  look: ({ what }) =>
    Object.hasOwn(found, what) ? Effect.succeed(found[what]) : Effect.fail(`no ${what} here`),
  tell: ({ what }) =>
    Effect.gen(function* () {
      const { run } = yield* AiTool.CurrentCall
      const runs = yield* Runs.Runs
      yield* Effect.orDie(
        runs.tell(run.runId, { idempotencyKey: what, parts: [RequestSnapshot.textPart(`Told ${what}`)] }),
      )
      return `told ${what}`
    }),
  deploy: ({ what }) => Effect.succeed(`deployed ${what}`),
})

const clientTools = [
  { name: "confirm", description: "Asks the user", parameters: { type: "object", properties: {} } },
]

interface Call {
  readonly name: string
  readonly args: unknown
}

interface Answer {
  readonly reasoning: boolean
  readonly text: boolean
  readonly calls: ReadonlyArray<Call>
}

const Call = FastCheck.oneof(
  {
    weight: 4,
    arbitrary: FastCheck.constantFrom(...Object.keys(found), "failure").map((what) => ({
      name: "look",
      args: { what },
    })),
  },
  {
    weight: 2,
    arbitrary: FastCheck.nat({ max: 3 }).map((what) => ({ name: "tell", args: { what: `m${what}` } })),
  },
  { weight: 1, arbitrary: FastCheck.constant({ name: "confirm", args: {} }) },
  { weight: 1, arbitrary: FastCheck.constant({ name: "deploy", args: { what: "it" } }) },
  { weight: 1, arbitrary: FastCheck.constant({ name: "look", args: { which: "does not fit" } }) },
)

const Answer: FastCheck.Arbitrary<Answer> = FastCheck.record({
  reasoning: FastCheck.boolean(),
  text: FastCheck.boolean(),
  calls: FastCheck.array(Call, { minLength: 1, maxLength: 3 }),
})

/** `ends`: after how many events of its executor an attempt ends. */
const History = FastCheck.record({
  protocol: FastCheck.constantFrom(...ModelRuns.protocols),
  answers: FastCheck.array(Answer, { minLength: 1, maxLength: 4 }),
  ends: FastCheck.array(FastCheck.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 5 }),
})
type History = typeof History extends FastCheck.Arbitrary<infer A> ? A : never

/** An answer that is given twice has other ids of calls, as a model gives them. */
const turnOf = ({ answers }: History, number: number, request: number): ModelServer.Turn => {
  const answer = answers[number]
  return answer === undefined
    ? { number, texts: ["Done."] }
    : {
        number,
        ...(answer.reasoning ? { reasoning: [`Thought ${number}`] } : {}),
        ...(answer.text ? { texts: [`Part`, ` ${number}.`] } : {}),
        calls: answer.calls.map((call, index) => ({ ...call, id: `c${number}_${index}-r${request}` })),
      }
}

/** The request without the part of the ids of calls in which two answers to the same request differ. */
const bodyOf = ({ body }: ModelServer.Request): string => JSON.stringify(body).replaceAll(/-r\d+/g, "")

/** An attempt that stops before its event of that number, and says that it has. */
const stopping =
  (after: number, stopped: Deferred.Deferred<void>) =>
  (execute: Executor.Execute): Executor.Execute =>
  (run) => {
    let count = 0
    return Stream.mapEffect(Executor.toStream(execute)(run), (event) => {
      count += 1
      return count > after
        ? Effect.zipRight(Deferred.succeed(stopped, undefined), Effect.never)
        : Effect.succeed(event)
    })
  }

/** Answers a run that waits, as often as it does, until it has completed. */
const complete = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const run = yield* TestRuns.getRun(runId)
    if (run.status !== "waiting") return run.status
    const [first, ...others] = run.waiting!.interrupts.map(({ id, toolName }) =>
      toolName === "confirm"
        ? Interrupt.toolResult(id, "confirmed")
        : { interruptId: id, status: "resolved" as const, payload: { approved: true } },
    )
    yield* ModelWorkers.answer(runId, [first!, ...others])
    return run.status
  }).pipe(
    Effect.delay("1 millis"),
    Effect.repeat({ until: (status) => status === "completed" || status === "failed" }),
    Effect.timeout("4 minutes"),
  )

/** The requests of a run whose attempts end like that. `numberOf` says which answer a request gets. */
const requestsOf = (
  history: History,
  ends: ReadonlyArray<number>,
  numberOf: (request: ModelServer.Request) => number,
) =>
  Effect.gen(function* () {
    const server = yield* ModelServer.make((request) => turnOf(history, numberOf(request), request.index))
    const { runId } = yield* TestRuns.submit({
      snapshot: { ...RequestSnapshot.fromText("Do it", "u1"), tools: clientTools },
    })
    const start = (change?: (execute: Executor.Execute) => Executor.Execute) =>
      ModelWorkers.start(server, { toolkit, maxMalformedSteps: 5 }, {}, history.protocol, change)
    for (const after of ends) {
      const stopped = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      yield* Scope.extend(start(stopping(after, stopped)), scope)
      yield* Effect.raceFirst(Deferred.await(stopped), complete(runId))
      yield* Scope.close(scope, Exit.void)
    }
    yield* start()
    const status = yield* complete(runId)
    return { status, requests: server.requests.map(bodyOf) }
  }).pipe(Effect.provide(Layer.provideMerge(handlers, MemoryControlPlane.layer)), Effect.scoped)

describe("a run whose attempts end at random", () => {
  it.live(
    "sends, byte for byte, the requests of a run with one attempt",
    () =>
      Effect.gen(function* () {
        const runtime = yield* Effect.runtime()
        yield* Effect.promise(() =>
          FastCheck.assert(
            FastCheck.asyncProperty(History, (history) =>
              Effect.gen(function* () {
                const whole = yield* requestsOf(history, [], ({ index }) => index)
                deepStrictEqual(whole.status, "completed")
                const taken = yield* requestsOf(history, history.ends, (request) =>
                  Math.max(0, whole.requests.indexOf(bodyOf(request))),
                )
                deepStrictEqual(
                  taken.requests.filter((body) => !whole.requests.includes(body)),
                  [],
                )
                deepStrictEqual(taken.status, "completed")
                deepStrictEqual([...new Set(taken.requests)], whole.requests)
              }).pipe(Runtime.runPromise(runtime)),
            ),
            {
              endOnFailure: true,
              seed: Searches.seedOf("takeovers"),
              numRuns: Number(process.env["RUNLEASE_HISTORIES"] ?? Searches.some(40)),
            },
          ),
        )
      }),
    600_000,
  )
})
