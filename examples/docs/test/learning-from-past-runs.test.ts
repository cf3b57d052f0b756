import { NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { BulkOperations, Ids, Runs, Trial, Worker, RequestSnapshot } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import type { RunLog } from "@runlease/core/RunLog"
import * as TrialCase from "@runlease/core/TrialCase"
import { MemoryControlPlane } from "@runlease/store"
import * as ModelServer from "@runlease/testkit/ModelServer"
import { Array, ConfigProvider, Effect, Exit, Layer, Scope } from "effect"
import { createServer } from "node:http"
import { writeFile } from "node:fs/promises"
import { afterAll } from "vitest"
import * as Code from "./Code.js"

const page = await Code.read("../../../docs/learning-from-past-runs.md")

const files = Object.fromEntries(
  Code.blocksOf(page).flatMap(({ name, text }) => (name === undefined ? [] : [[name, text]])),
)
const folder = await Code.write("learning", files)

/** Looks the order up, and says what it has read. */
const model = ModelServer.layer(({ messages }) => {
  const result = messages.findLast(({ role }) => role === "tool")
  return result === undefined
    ? { tool: "order", arguments: { id: "7" } }
    : `Your order: ${ModelServer.textOf(result)}`
}).pipe(Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))

const scope = await Effect.runPromise(Scope.make())
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const { url } = await Effect.runPromise(
  Effect.provide(ModelServer.ModelServer, await Effect.runPromise(Scope.extend(Layer.build(model), scope))),
)
process.env["OPENAI_BASE_URL"] = url

const { default: support } = await import(`${folder}support.ts`)
const { default: score } = await import(`${folder}score.ts`)

const settled = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const ports = yield* Effect.context<Runs.Runs | RunLog>()
    return yield* SettledRun.untilSettled(ports, yield* (yield* Runs.Runs).get(runId))
  })

/** A run of `support`, and the case of its trial with `support-small`. */
const made = (await Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const bulks = yield* BulkOperations.BulkOperations
  yield* Effect.provide(Worker.make({ drainTimeout: 0 }), support as Layer.Layer<never>)
  const { run } = yield* runs.submit({
    agentId: "support",
    snapshot: RequestSnapshot.fromText("Where is order 7?"),
  })
  const original = yield* settled(run.runId)
  yield* bulks.create({
    action: "trial",
    runIds: [run.runId],
    trial: {
      name: "small-model",
      after: 0,
      tools: "recorded",
      budget: { tokens: 1000 },
      edits: [{ type: "agent", agentId: Ids.AgentId.make("support-small") }],
    },
  })
  const list = Effect.map(runs.list({ labels: { [Trial.nameLabel]: "small-model" } }), ({ items }) => items)
  const [trial] = yield* Effect.repeat(list, { until: Array.isNonEmptyReadonlyArray })
  yield* settled(trial!.runId)
  return { original, kept: yield* TrialCase.ofRun(trial!.runId) }
}).pipe(
  Effect.scoped,
  Effect.provide(MemoryControlPlane.layer),
  Effect.withConfigProvider(ConfigProvider.fromEnv()),
  (effect) => Effect.runPromise(effect as Effect.Effect<never>),
)) as { readonly original: { readonly status: string }; readonly kept: TrialCase.TrialCase }

await writeFile(`${folder}case.json`, JSON.stringify(made.kept))

it("the code of the page about past runs compiles", async () => {
  expect(Object.keys(files)).toEqual(["support.ts", "score.ts", "case.test.ts"])
  expect(await Code.problemsOf(Object.keys(files).map((name) => folder + name))).toBe("")
})

it("its run and that of its trial say the same, from one call of the tool", () => {
  const { kept, original } = made
  expect(original.status).toBe("completed")
  expect(kept).toMatchObject({
    agentId: "support-small",
    calls: [{ toolName: "order", content: "7 is sent" }],
    result: { outcome: "completed", toolCalls: 1, message: "Your order: 7 is sent" },
  })
  expect(score({ original: kept.result, trial: kept.result })).toBe(1)
  expect(score({ original: null, trial: { ...kept.result, message: "?" } })).toBe(0)
})

// The test of the page is a test of this file.
await import(`${folder}case.test.ts`)
