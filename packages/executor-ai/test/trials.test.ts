/** Recorded runs of a model once more, with another stand-in model, and with tools from the log. */
import { Tool, Toolkit } from "@effect/ai"
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Agent,
  BulkOperations,
  Child,
  Executor,
  type Interrupt,
  RequestSnapshot,
  type Run,
  Runs,
} from "@runlease/core"
import * as TrialCase from "@runlease/core/TrialCase"
import * as TrialReport from "@runlease/core/TrialReport"
import { AiTool } from "@runlease/executor-ai"
import { TestRuns, Trial } from "@runlease/testkit"
import { Array, Effect, Layer, Schema } from "effect"
import * as Searches from "../../testkit/test/Searches.js"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"

const toolkit = Toolkit.make(
  Tool.make("look", { parameters: { at: Schema.String }, success: Schema.String }),
  Tool.make("pay", { parameters: { to: Schema.String }, success: Schema.String }).annotate(
    AiTool.NeedsApproval,
    true,
  ),
)

/** The tools of a worker, and how often they were called. */
const counting = () => {
  const made = { look: 0, pay: 0 }
  const handlers = toolkit.toLayer({
    look: ({ at }) => Effect.sync(() => `${at} ${(made.look += 1)}`),
    pay: ({ to }) => Effect.sync(() => `paid ${to} ${(made.pay += 1)}`),
  })
  return { made, handlers }
}

const usageOf = (output: number) => ({ input: 10, output })

/** What a request to the model is about, and how many results of tools it has. */
const read = ({ body }: ModelServer.Request) => {
  const text = JSON.stringify(body)
  const items = body["input"] as ReadonlyArray<{ readonly type?: string }>
  return {
    about: Number(/About (\d+)/.exec(text)?.[1]),
    results: items.filter(({ type }) => type === "function_call_output").length,
    text,
  }
}

const look = (at: string, id: string) => ({ id, name: "look", args: { at } })

/** The model of the originals: it looks once, pays where the number is even, and answers. */
const first = (request: ModelServer.Request): ModelServer.Turn => {
  const { about, results } = read(request)
  if (results === 0) return { calls: [look(`page ${about}`, "a")], usage: usageOf(1) }
  return results === 1 && about % 2 === 0
    ? { calls: [{ id: "p", name: "pay", args: { to: `shop ${about}` } }], usage: usageOf(2) }
    : { texts: [`The answer is long, ${about}`], usage: usageOf(30) }
}

/** The model of the trial: as the first one, but for each third run it looks at another page, and its answers are short. */
const second = (request: ModelServer.Request): ModelServer.Turn => {
  const { about, results } = read(request)
  if (results === 0) {
    const at = about % 3 === 0 ? `other ${about}` : `page ${about}`
    return { calls: [look(at, "x")], usage: usageOf(1) }
  }
  return results === 1 && about % 2 === 0
    ? { calls: [{ id: "y", name: "pay", args: { to: `shop ${about}` } }], usage: usageOf(2) }
    : { texts: [`The answer is short, ${about}`], usage: usageOf(5) }
}

/** Submits so many originals and lets a worker end them, with a person who approves. */
const recorded = (server: ModelServer.ModelServer, count: number) =>
  Effect.gen(function* () {
    yield* ModelWorkers.start(server, { toolkit }, { concurrency: 8 })
    return yield* Effect.forEach(
      Array.range(1, count),
      (about) =>
        Effect.gen(function* () {
          const { runId } = yield* TestRuns.submit({
            snapshot: RequestSnapshot.fromText(`About ${about}`),
            labels: { about: String(about) },
          })
          if (about % 2 === 0) {
            const { waiting } = yield* ModelWorkers.untilStatus(runId, "waiting")
            const [{ id }] = waiting!.interrupts as unknown as [Interrupt.Interrupt]
            const payload = { approved: true }
            yield* ModelWorkers.answer(runId, [{ interruptId: id, status: "resolved", payload }])
          }
          return yield* ModelWorkers.untilStatus(runId, "completed")
        }),
      { concurrency: 8 },
    )
  }).pipe(Effect.scoped)

const begin = (runs: ReadonlyArray<Run.Run>, trial: Partial<BulkOperations.NewBulk["trial"] & object>) =>
  Effect.gen(function* () {
    const bulks = yield* BulkOperations.BulkOperations
    const { id } = yield* bulks.create({
      action: "trial",
      runIds: runs.map(({ runId }) => runId),
      trial: { name: "short", after: 0, tools: "recorded", budget: { tokens: 1_000_000 }, ...trial },
    })
    const bulk = yield* bulks
      .get(id)
      .pipe(Effect.delay("20 millis"), Effect.repeat({ until: ({ status }) => status !== "running" }))
    deepStrictEqual([bulk.done, bulk.failed], [runs.length, 0])
    const all = yield* Effect.flatMap(Runs.Runs, (ports) =>
      ports.list({ labels: { trial: trial.name ?? "short" }, roots: true, limit: 100 }),
    )
    return all.items
  })

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, one) => all + one, 0)

const controlPlane = ModelWorkers.controlPlanes["SQLite"]!

describe("trials", () => {
  it.scopedLive("no tool is called, and the report is what a hand counts", () => {
    const { handlers, made } = counting()
    const count = Searches.some(100)
    return Effect.gen(function* () {
      const originals = yield* recorded(yield* ModelServer.make(first), count)
      const calls = { ...made }
      deepStrictEqual(calls, { look: count, pay: Math.floor(count / 2) })
      const server = yield* ModelServer.make(second)
      yield* ModelWorkers.start(server, { toolkit }, { concurrency: 8 })
      const forks = yield* begin(originals, {})
      for (const { runId } of forks) yield* ModelWorkers.untilStatus(runId, "completed")
      deepStrictEqual(made, calls)

      const pairs = yield* TrialReport.pairs("short")
      strictEqual(pairs.length, count)
      for (const { original, trial } of pairs) {
        const about = Number(original!.run.labels["about"])
        const pays = about % 2 === 0
        const shown = (side: TrialReport.Side) => [
          TrialReport.outcomeOf(side.run),
          side.tokens,
          side.steps,
          side.toolCalls,
          side.message,
        ]
        const steps = pays ? 3 : 2
        deepStrictEqual(shown(original!), [
          "completed",
          10 * steps + 1 + (pays ? 2 : 0) + 30,
          steps,
          steps - 1,
          `The answer is long, ${about}`,
        ])
        deepStrictEqual(shown(trial), [
          "completed",
          10 * steps + 1 + (pays ? 2 : 0) + 5,
          steps,
          steps - 1,
          `The answer is short, ${about}`,
        ])
      }
      const paying = Math.floor(count / 2)
      const trials = pairs.map(({ trial }) => trial)
      strictEqual(TrialReport.summaryOf(trials, "tokens")?.total, sum([count * 26, paying * 12]))
      strictEqual(TrialReport.summaryOf(trials, "toolCalls")?.total, count + paying)

      const requests = server.requests.map(read)
      for (const about of Array.range(1, count)) {
        const last = requests.findLast((one) => one.about === about)!.text
        if (about % 3 === 0) assertTrue(last.includes("there is no result"), last)
        else assertTrue(last.includes(`page ${about} `), last)
        if (about % 2 === 0) assertTrue(last.includes(`paid shop ${about} `), last)
      }
    }).pipe(Effect.provide(Layer.merge(handlers, controlPlane)))
  })

  it.scopedLive("its budget stops it, and refuse makes no call that the log has", () => {
    const { handlers, made } = counting()
    return Effect.gen(function* () {
      const originals = yield* recorded(yield* ModelServer.make(first), 3)
      const calls = { ...made }
      const server = yield* ModelServer.make(second)
      yield* ModelWorkers.start(server, { toolkit })
      // Each run may spend 11 tokens: its first answer.
      const forks = yield* begin(originals, { name: "cheap", tools: "refuse", budget: { tokens: 35 } })
      for (const { runId } of forks) yield* ModelWorkers.untilStatus(runId, "waiting")
      strictEqual(server.requests.length, 3)
      const pairs = yield* TrialReport.pairs("cheap")
      deepStrictEqual(
        pairs.map(({ trial }) => [TrialReport.outcomeOf(trial.run), trial.tokens]),
        pairs.map(() => ["budget spent", 11]),
      )
      for (const { trial } of pairs) {
        const results = (yield* TestRuns.eventsOf(trial.run.runId)).filter(
          ({ type }) => type === "TOOL_CALL_RESULT",
        )
        assertTrue(JSON.stringify(results).includes("This is a trial"))
      }
      deepStrictEqual(made, calls)
    }).pipe(Effect.provide(Layer.merge(handlers, controlPlane)))
  })

  it.scopedLive("a run of it is a case, which another model does once more without a call", () => {
    const { handlers, made } = counting()
    return Effect.gen(function* () {
      const originals = yield* recorded(yield* ModelServer.make(first), 3)
      const calls = { ...made }
      const server = yield* ModelServer.make(second)
      yield* ModelWorkers.start(server, { toolkit })
      const forks = yield* begin(originals, {})
      for (const { runId } of forks) yield* ModelWorkers.untilStatus(runId, "completed")
      const cases = yield* Effect.forEach(forks, ({ runId }) => TrialCase.ofRun(runId))
      deepStrictEqual(
        yield* Effect.flip(TrialCase.ofRun(originals[0]!.runId)),
        new TrialCase.NoCase({ runId: originals[0]!.runId, reason: "no_trial" }),
      )

      const later = yield* begin(originals.slice(0, 1), {
        name: "later",
        after: originals[0]!.latestEventId - 1,
      })
      const refused = yield* Effect.flip(TrialCase.ofRun(later[0]!.runId))
      strictEqual(refused._tag === "NoCase" && refused.reason, "records")

      const { execute } = yield* ModelRuns.executor("responses", server, { toolkit })
      const agents = Executor.layerWith(execute)
      for (const one of cases) {
        const replayed = yield* Trial.replay(JSON.parse(JSON.stringify(one)), agents)
        deepStrictEqual(replayed.before, one.result)
        deepStrictEqual({ ...replayed.now, seconds: null }, { ...one.result, seconds: null })
      }
      deepStrictEqual(made, calls)
    }).pipe(Effect.provide(Layer.merge(handlers, controlPlane)))
  })

  it.scopedLive("a child of its run is in the trial, with calls that are all refused", () => {
    const { handlers, made } = counting()
    return Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const Talk = Agent.make({ name: "talk" })
      const parent = Agent.make({ name: "parent" }).toLayer((text) =>
        Effect.orDie(Effect.flatMap(Child.spawn("talk", Talk, text), Child.join)),
      )
      const server = yield* ModelServer.make(second)
      const { execute } = yield* ModelRuns.executor("responses", server, { toolkit })
      const parentExecute = yield* Effect.provide(Executor.current, parent)
      yield* ModelWorkers.start(
        server,
        { toolkit },
        {},
        "responses",
        () => (run) =>
          run.agentId === "parent" ? Executor.toStream(parentExecute)(run) : Executor.toStream(execute)(run),
      )
      const { runId } = yield* TestRuns.submit({
        agentId: "parent",
        snapshot: RequestSnapshot.fromText("About 1"),
      })
      const original = yield* ModelWorkers.untilStatus(runId, "completed")
      strictEqual(made.look, 1)
      const [fork] = yield* begin([original], {})
      yield* ModelWorkers.untilStatus(fork!.runId, "completed")
      strictEqual(made.look, 1)
      const children = yield* runs.list({ parentRunId: fork!.runId })
      deepStrictEqual(
        children.items.map(({ labels }) => labels),
        [{ trial: "short", trial_of: runId }],
      )
      const { trial } = yield* runs.snapshot(children.items[0]!.runId)
      deepStrictEqual(trial, { name: "short", runId, after: 0, tools: "recorded", calls: [] })
      strictEqual((yield* TrialReport.pairs("short")).length, 1)
    }).pipe(Effect.provide(Layer.merge(handlers, controlPlane)))
  })
})
