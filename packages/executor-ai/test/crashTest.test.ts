/** The crash test of agents of a model with tools. */
import { createServer } from "node:http"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { Tool, Toolkit } from "@effect/ai"
import { expect, it } from "@effect/vitest"
import { Runs } from "@runlease/core"
import * as Ids from "@runlease/core/Ids"
import { AiExecutor, AiTool } from "@runlease/executor-ai"
import { CrashTest } from "@runlease/testkit"
import { Effect, Layer, Schema } from "effect"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"

const make = { parameters: { to: Schema.String }, success: Schema.String, dependencies: [AiTool.CurrentCall] }

/** The tools are the same but for what they say of their side effect. */
const toolkit = Toolkit.make(
  Tool.make("mail", make).annotate(AiTool.SideEffect, "idempotent"),
  Tool.make("text", make).annotate(AiTool.SideEffect, "atMostOnce"),
  Tool.make("charge", make).annotate(AiTool.SideEffect, "idempotent"),
)

/** A service that counts what it is sent. */
const service = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly hits: Array<string>; readonly close: () => void }>(
    (resume) => {
      const hits: Array<string> = []
      const server = createServer((request, response) => {
        hits.push(request.url ?? "")
        response.end("sent")
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, hits, close: () => server.close() }))
      })
    },
  ),
  ({ close }) => Effect.sync(close),
)

const crashTest = (tool: "mail" | "text" | "charge") =>
  Effect.gen(function* () {
    const { hits, url } = yield* service
    const model = yield* ModelServer.make(({ index }) =>
      index === 0 ? { calls: [{ id: "call_1", name: tool, args: { to: "Ada" } }] } : { texts: ["Done."] },
    )
    const send = (path: string, key?: string) =>
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const request = HttpClientRequest.post(`${url}/${path}`)
        const response = yield* client.execute(
          key === undefined ? request : HttpClientRequest.setHeader(request, "Idempotency-Key", key),
        )
        return yield* response.text
      }).pipe(Effect.orDie)
    const handlers = toolkit.toLayer(
      Effect.map(HttpClient.HttpClient, (client) => {
        const withClient = Effect.provideService(HttpClient.HttpClient, client)
        return {
          mail: () => withClient(send("mail")),
          text: () => withClient(send("text")),
          charge: () => Effect.flatMap(AiTool.CurrentCall, ({ key }) => withClient(send("charge", key))),
        }
      }),
    )
    const executors = AiExecutor.layerWith({ toolkit }).pipe(
      Layer.provide(handlers),
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(ModelRuns.model("completions", model)),
    )
    const report = yield* CrashTest.run(
      executors,
      Effect.flatMap(Runs.Runs, (runs) =>
        runs.submit({
          agentId: Ids.AgentId.make("assistant"),
          snapshot: {
            messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "Write to Ada" }] }],
            tools: [],
            context: [],
          },
        } as never),
      ),
    )
    return { ...report, hits, requests: model.requests.length }
  })

it.scopedLive("names a tool whose class says that it may be called again", () =>
  Effect.gen(function* () {
    const { hits, problems, requests } = yield* crashTest("mail")
    expect(problems).toEqual([
      expect.objectContaining({
        kind: "call_repeated",
        place: 'tool "mail"',
        at: expect.stringMatching(/executor-ai\/test\/crashTest\.test\.ts:\d+:/),
        advice: expect.stringContaining("annotate the tool with AiTool.SideEffect as atMostOnce"),
      }),
    ])
    // The tool is called once, and the model twice, however often the worker dies.
    expect([hits, requests]).toEqual([["/mail"], 2])
  }),
)

it.scopedLive.each(["text", "charge"] as const)("passes a model with the tool %s", (tool) =>
  Effect.gen(function* () {
    const { crashes, hits, problems } = yield* crashTest(tool)
    expect(problems).toEqual([])
    expect(crashes.length).toBeGreaterThan(5)
    expect(hits).toEqual([`/${tool}`])
  }),
)
