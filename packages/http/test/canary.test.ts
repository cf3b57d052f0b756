import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Agent, AgentEvent, Child, Executor, type Run, Step, StepRecord } from "@runlease/core"
import { ReportedSteps, StepCodec } from "@runlease/core/executor"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import { Cause, Effect, Layer, Logger, Schema } from "effect"
import { client, serve, Served } from "./serving.js"

const canary = "canary-5c1e7"

const turned = (text: string) => Array.from(text).toReversed().join("")

const codec: StepCodec.Codec = {
  name: "turned",
  seal: (json) => Effect.succeed(turned(json)),
  open: (sealed) => Effect.succeed(turned(sealed)),
}

/** Its program ends with another value than this. */
const Counting = Agent.make({ name: "child", success: Schema.Struct({ answer: Schema.Number }) })

type Body = Effect.Effect<unknown, unknown, Executor.RunContext>

const sealedBy =
  (given: StepCodec.Codec) =>
  (body: Body): Body =>
    Effect.provideService(body, StepCodec.StepCodec, given)

/** What a program does in an attempt: the first one records a value, which the second one cannot use. */
interface Program {
  readonly title: string
  readonly body: (first: boolean) => Body
  readonly error: RegExp
}

const Notes = Schema.Struct({
  notes: Schema.Array(Schema.Struct({ text: Schema.NumberFromString, by: Schema.optional(Schema.String) })),
})

const result = { notes: [{ text: canary, by: canary }] }

const recorded = Step.run("read", Effect.succeed(result))
const misread = Step.run("read", Effect.die("recorded"), { schema: Notes })

const Tree = Schema.Record({ key: Schema.String, value: Schema.Struct({ size: Schema.Number }) })

const place = "The record of step read cannot be read: "

const programs: ReadonlyArray<Program> = [
  {
    title: "a result that does not fit its schema",
    body: (first) => (first ? recorded : misread),
    error: /^The record of step read cannot be read: .*notes\.0\.text/,
  },
  {
    title: "a sealed result that does not fit its schema",
    body: (first) => sealedBy(codec)(first ? recorded : misread),
    error: /^The record of step read cannot be read: .*notes\.0\.text/,
  },
  {
    title: "a key of a result that does not fit its schema",
    body: (first) =>
      first
        ? Step.run("read", Effect.succeed({ [canary]: { size: "large" } }))
        : Step.run("read", Effect.die("recorded"), { schema: Tree }),
    error: /^The record of step read cannot be read: .*\*\.size/,
  },
  {
    title: "a sealed result that its codec fails to open",
    body: (first) =>
      sealedBy({ ...codec, open: () => Effect.fail(new Error(`not ${canary}`)) })(
        first ? recorded : Step.run("read", Effect.die("recorded")),
      ),
    error: new RegExp(`^${place}its codec turned fails with Error`),
  },
  {
    title: "a sealed result that its codec opens to no JSON",
    body: (first) => sealedBy({ ...codec, open: () => Effect.succeed(canary) })(first ? recorded : misread),
    error: new RegExp(`^${place}it is not JSON`),
  },
  {
    title: "a reported result that its codec opens to no JSON",
    body: (first) =>
      sealedBy({ ...codec, open: () => Effect.succeed(canary) })(first ? recorded : ReportedSteps.recorded),
    error: new RegExp(`^${place}it is not JSON`),
  },
  {
    title: "a failure that does not fit its schema",
    body: (first) =>
      first
        ? Effect.ignore(Step.run("read", Effect.fail(canary), { failure: Schema.String }))
        : Step.run("read", Effect.die("recorded"), { failure: Schema.Number }),
    error: new RegExp(`^${place}`),
  },
  {
    title: "a result that cannot be encoded",
    body: () =>
      Step.run(
        "read",
        Effect.succeed<typeof Notes.Type>({ notes: [{ text: canary as unknown as number }] }),
        {
          schema: Notes,
        },
      ),
    error: /The result of step read .*notes\.0\.text/,
  },
  {
    title: "a key that an attempt uses twice",
    body: () =>
      Effect.zipRight(
        Step.run("read", Effect.void, { key: canary }),
        Step.run("read", Effect.void, { key: canary }),
      ),
    error: /^This attempt has had a step read/,
  },
  {
    title: "the outcome of a child that the program cannot decode",
    body: () => Effect.flatMap(Child.spawn("ask", Counting, "go"), Child.join),
    error: /answer/,
  },
  {
    title: "the outcome of a child that the program dies of",
    body: () => Effect.orDie(Effect.flatMap(Child.spawn("ask", Counting, "go"), Child.join)),
    error: /answer/,
  },
]

const lines: Array<string> = []

/** The lines of the server and of the worker. */
const logger = Logger.replace(
  Logger.defaultLogger,
  Logger.make(({ annotations, cause, logLevel, message }) => {
    lines.push(
      JSON.stringify([
        logLevel.label,
        message,
        Array.from(annotations),
        Cause.pretty(cause, { renderErrorCause: true }),
      ]),
    )
  }),
)

const served = serve(MemoryControlPlane.layer)

const test = TestRuns.tester(
  Layer.provideMerge(client, served).pipe(
    Layer.provideMerge(FetchHttpClient.layer),
    Layer.provideMerge(logger),
  ),
)

const read = (path: string) =>
  Effect.gen(function* () {
    const { key, url } = yield* Served
    const http = yield* HttpClient.HttpClient
    const response = yield* http.execute(
      HttpClientRequest.bearerToken(HttpClientRequest.get(`${url}${path}`), key),
    )
    strictEqual([path, response.status].join(" "), `${path} 200`)
    return yield* response.text
  })

/** Whatever shows a run to others than its worker and those who read its records. */
const outputs = (runId: string, conversationId: string) =>
  Effect.all({
    run: read(`/runs/${runId}`),
    summary: read(`/runs/${runId}/summary`),
    summaries: read("/projects/default/run-summaries?agent_id=agent"),
    attention: read("/projects/default/attention"),
    statistics: read("/projects/default/statistics"),
    standing: read(`/runs/${runId}/standing`),
    runs: read("/projects/default/runs?agent_id=agent"),
    usage: read(`/runs/${runId}/usage`),
    stream: read(`/runs/${runId}/stream`),
    conversationRun: read(`/conversations/${conversationId}/runs/${runId}`),
    conversationStream: read(`/conversations/${conversationId}/runs/${runId}/stream`),
    thread: read(`/threads/${conversationId}`),
    log: Effect.map(TestRuns.eventsOf(runId as Run.Run["runId"]), (events) =>
      JSON.stringify(events.filter((event) => !StepRecord.isReserved(event))),
    ),
  })

describe("a value that only a program and its records have", () => {
  for (const { body, error, title } of programs) {
    test(
      `is in no error, stream, summary or line of a log: ${title}`,
      Effect.gen(function* () {
        lines.length = 0
        const execute = Executor.from((claimed) => {
          if (claimed.agentId === "child")
            return Effect.succeed(
              AgentEvent.runFinished(claimed.conversationId, claimed.runId, { result: { answer: canary } }),
            )
          return Effect.zipRight(
            body(claimed.attempt === 1),
            Effect.fail(Executor.retryableError("died", "again")),
          )
        })
        yield* TestWorker.start(execute, { agentIds: ["agent", "child"], retryDelay: () => 0 })
        const submitted = yield* TestWorker.submit({ maxAttempts: 2 })
        const run = yield* TestRuns.eventually(
          TestRuns.getRun(submitted.runId),
          ({ status }) => status === "failed",
          {
            step: "50 millis",
          },
        )
        strictEqual(error.test(run.error?.message ?? ""), true, run.error?.message)
        const shown: Readonly<Record<string, string>> = {
          ...(yield* outputs(run.runId, run.conversationId)),
          logs: lines.join("\n"),
        }
        deepStrictEqual(
          Object.entries(shown).flatMap(([name, text]) =>
            text.includes(canary) || text.includes(turned(canary)) ? [name] : [],
          ),
          [],
        )
      }),
    )
  }
})
