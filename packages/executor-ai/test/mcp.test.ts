/** A model with tools of MCP servers: a program by the package of the protocol, and a server of runs, whose calls are tasks. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { TestRuns } from "@runlease/testkit"
import { Effect, Schedule } from "effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as ModelWorkers from "./ModelWorkers.js"
import * as Processes from "./Processes.js"

const call = (id: string, name: string, args: object): ModelServer.ToolCall => ({ id, name, args })

/** The results that a request to the model has, by the ids of their calls. */
const resultsOf = (body: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(body["input"]) ? body["input"] : []).flatMap((item: Readonly<Record<string, unknown>>) =>
      item["type"] === "function_call_output" ? [[item["call_id"], String(item["output"])]] : [],
    ),
  )

const toolsOf = (body: Readonly<Record<string, unknown>>): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  Array.isArray(body["tools"]) ? body["tools"] : []

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-mcp-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
)

const once = Schedule.spaced("50 millis")

/** The origin of a server on the loopback interface. */
const listen = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = createServer(listener).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

describe("tools of an MCP server", () => {
  it.scopedLive("are not used where their server redirects to another origin, which gets nothing", () =>
    Effect.gen(function* () {
      const got: Array<string | undefined> = []
      const inner = yield* listen((request, response) => {
        got.push(request.headers["authorization"])
        response.writeHead(500).end()
      })
      const own = yield* listen((_, response) => response.writeHead(307, { location: inner }).end())
      const model = yield* ModelServer.make(ModelServer.inTurn({ texts: ["Done."] }))
      const executor = yield* ModelRuns.executor("responses", model, {
        mcp: [{ name: "far", url: own, headers: { authorization: "key" } }],
      })
      const { error } = yield* Effect.provide(ModelRuns.failureOf(executor.execute), ModelRuns.log)
      deepStrictEqual([error.code, error.retryable, got], ["other_origin", false, []])
      assertTrue(error.message.includes(inner))
    }),
  )

  it.scopedLive("are offered by the name of their server, and called", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const program = yield* Processes.mcpServer
      const notes = join(path, "notes")
      const model = yield* ModelServer.make(
        ModelServer.inTurn(
          {
            calls: [
              call("c1", "notes__note", { what: "this" }),
              call("c2", "notes__look", { what: "that" }),
              call("c3", "notes__fail", { what: "it" }),
              call("c4", "notes__note", {}),
              call("c5", "notes__hang", { what: "hidden" }),
            ],
          },
          { texts: ["Done."] },
        ),
      )
      yield* ModelWorkers.start(model, {
        mcp: [
          {
            name: "notes",
            command: process.execPath,
            args: [program],
            env: { NOTES: notes },
            allow: ["note", "look", "fail"],
          },
        ],
      })
      const { runId } = yield* TestRuns.submit()
      yield* ModelWorkers.untilStatus(runId, "completed")
      const tools = toolsOf(model.requests[0]!.body)
      deepStrictEqual(
        tools.map(({ name }) => name),
        ["notes__note", "notes__look", "notes__fail"],
      )
      deepStrictEqual(
        [tools[0]!["description"], tools[0]!["parameters"]],
        ["Does note", { type: "object", properties: { what: { type: "string" } }, required: ["what"] }],
      )
      const { c1, c2, c3, c4, c5 } = resultsOf(model.requests[1]!.body)
      assertTrue(c1!.includes("noted this") && c2!.includes("saw that") && c3!.includes("no it here"))
      assertTrue(c4!.includes("what"), c4!)
      assertTrue(c5!.includes("There is no such tool"), c5!)
      const lines = yield* Effect.promise(() => readFile(notes, "utf8"))
      deepStrictEqual(lines.trim().split("\n").toSorted(), ["fail it", "look that", "note this"])
    }).pipe(Effect.provide(ModelRuns.log)),
  )

  it.scopedLive("of a server that cannot be reached end the attempt, and it is tried again", () =>
    Effect.gen(function* () {
      const model = yield* ModelServer.make(ModelServer.inTurn({ texts: ["Done."] }))
      for (const server of [
        { name: "gone", url: "http://127.0.0.1:9/mcp" },
        { name: "gone", command: "/nowhere/at-all" },
      ]) {
        const executor = yield* ModelRuns.executor("responses", model, { mcp: [server] })
        const { error } = yield* Effect.provide(ModelRuns.failureOf(executor.execute), ModelRuns.log)
        deepStrictEqual([error.code, error.retryable], ["mcp_unavailable", true])
        assertTrue(error.message.includes("The MCP server gone cannot be used"))
      }
      strictEqual(model.requests.length, 0)
    }),
  )
})

describe("a worker that is killed in the middle of a call", () => {
  const submitted = (connection: { readonly url: string; readonly apiKey: string }) => {
    const send = (method: string, path: string, body?: object) =>
      Effect.promise(async () => {
        const response = await fetch(connection.url + path, {
          method,
          headers: { authorization: `Bearer ${connection.apiKey}`, "content-type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
        return (await response.json()) as any
      })
    return {
      send,
      submit: send("POST", "/runs", { kind: "agent", public_id: "run", request: { agent_id: "agent" } }),
      ended: Effect.repeat(send("GET", "/runs/run"), {
        schedule: once,
        until: ({ status }) => status === "completed",
      }),
    }
  }

  it.scopedLive(
    "leaves a call alone that may have happened, and makes one again that only reads",
    () =>
      Effect.gen(function* () {
        const model = yield* ModelServer.make(
          ModelServer.inTurn(
            {
              calls: [
                call("c1", "notes__hang", { what: "once" }),
                call("c2", "notes__watch", { what: "again" }),
              ],
            },
            { texts: ["Done."] },
          ),
        )
        const { calls, connection, startWorker } = yield* Processes.open(model.url, "mcp-agent")
        const { ended, submit } = submitted(connection)
        const first = yield* startWorker
        yield* submit
        yield* Effect.repeat(calls, { schedule: once, until: (lines) => lines.length === 2 })
        yield* first.kill
        yield* startWorker
        yield* ended
        const { c1, c2 } = resultsOf(model.requests[1]!.body)
        assertTrue(c1!.includes("It is uncertain whether this call of notes__hang was made"), c1!)
        assertTrue(c2!.includes("went on with again"), c2!)
        deepStrictEqual((yield* calls).toSorted(), ["hang once", "watch again", "watch again"])
      }),
    240_000,
  )

  it.scopedLive(
    "goes on with the same task",
    () =>
      Effect.gen(function* () {
        const model = yield* ModelServer.make(
          ModelServer.inTurn(
            { calls: [call("c1", "runs__run_agent", { agent_id: "child", message: "hi" })] },
            { texts: ["Done."] },
          ),
        )
        const { connection, startWorker } = yield* Processes.open(model.url, "mcp-agent")
        const { ended, send, submit } = submitted(connection)
        const children = Effect.map(
          send("GET", "/projects/default/runs?agent_id=child"),
          ({ data }) => data as ReadonlyArray<{ readonly run_id: string }>,
        )
        const recorded = Effect.map(
          send("GET", "/runs/run/steps?limit=100"),
          ({ data }) =>
            JSON.stringify(data).includes('\\"task\\"') || JSON.stringify(data).includes('"task"'),
        )
        const first = yield* startWorker
        yield* submit
        yield* Effect.repeat(recorded, { schedule: once, until: (is) => is })
        yield* first.kill
        yield* startWorker
        const [child] = yield* children
        const attempts = send("GET", "/runs/run/events?name=runlease.attempt&limit=10")
        yield* Effect.repeat(attempts, { schedule: once, until: ({ data }) => data.length === 1 })
        yield* send("POST", `/runs/${child!.run_id}/complete`, {
          status: "completed",
          result: { answer: 42 },
        })
        yield* ended
        assertTrue(resultsOf(model.requests[1]!.body)["c1"]!.includes("42"))
        strictEqual((yield* children).length, 1)
      }),
    240_000,
  )
})
