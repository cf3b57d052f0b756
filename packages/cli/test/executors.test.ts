import { FileSystem } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { folder, has, refuseToWork, run, Served, start, write } from "./Processes.js"

/** The ACP agent of the example. */
const codingAgent = fileURLToPath(new URL("../../../examples/coding-agent/agent/agent.mjs", import.meta.url))

/** An ACP agent that follows a script. */
const scriptedAgent = fileURLToPath(new URL("../../executor-acp/test/fixtures/agent.mjs", import.meta.url))

/** Starts a server on loopback and returns its URL. */
const serving = (answer: RequestListener) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(answer)
      await once(server.listen(0, "127.0.0.1"), "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close().closeAllConnections()),
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

const sse = (events: ReadonlyArray<object | string>): string =>
  events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("")

/** A chat completions server that answers with the key, the system prompt and the question of the request. */
const model: RequestListener = async (request, response) => {
  const { messages } = JSON.parse(await text(request))
  const base = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_750_000_000, model: "tiny" }
  const content = `${request.headers.authorization} ${request.url} ${JSON.stringify(messages)}`
  const choice = (delta: object, finish_reason: string | null) => ({
    ...base,
    choices: [{ index: 0, delta, finish_reason }],
  })
  response.setHeader("content-type", "text/event-stream")
  response.end(sse([choice({ role: "assistant", content }, null), choice({}, "stop"), "[DONE]"]))
}

/** An AG-UI server that answers with the path, the headers and the text of the request. */
const agent: RequestListener = async (request, response) => {
  const { messages, runId, threadId } = JSON.parse(await text(request))
  const { authorization, "x-team": team } = request.headers
  const delta = [request.url, authorization, team, messages.at(-1).content].join(" ")
  response.setHeader("content-type", "text/event-stream")
  response.end(
    sse([
      { type: "RUN_STARTED", threadId, runId },
      { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta },
      { type: "TEXT_MESSAGE_END", messageId: "m" },
      { type: "RUN_FINISHED", threadId, runId },
    ]),
  )
}

layer(Served.layer, { excludeTestServices: true })("the executor of a worker", (it) => {
  it.scoped("can be a model", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const url = yield* serving(model)
      const worker = yield* start(
        [
          "worker",
          "--json",
          "--model",
          "openai-chat:tiny",
          "--model-base-url",
          `${url}/v1`,
          "--system",
          "Be brief.",
        ],
        { cwd, env: { ...env, OPENAI_API_KEY: "sk-of-the-test" } },
      )
      yield* worker.line(has({ event: "registered" }))
      const { code, stderr, stdout } = yield* run(["submit", "--agent", "any", "--watch", "hello"], {
        cwd,
        env,
      })
      expect(stderr).toBe("")
      expect(stdout).toContain("Bearer sk-of-the-test /v1/chat/completions")
      expect(stdout).toContain("Be brief.")
      expect(stdout).toContain("hello")
      expect(code).toBe(0)
    }),
  )

  it.scoped("can be a remote agent", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const url = yield* serving(agent)
      const worker = yield* start(
        ["worker", "--json", "--ag-ui", `${url}/ag-ui/{agent_id}`, "--ag-ui-header", "X-Team=blue"],
        {
          cwd,
          env: { ...env, RUNLEASE_AG_UI_AUTHORIZATION: "Bearer of-the-test" },
        },
      )
      yield* worker.line(has({ event: "registered" }))
      const { code, stderr, stdout } = yield* run(["submit", "--agent", "far away", "--watch", "hello"], {
        cwd,
        env,
      })
      expect(stderr).toBe("")
      expect(stdout).toContain("/ag-ui/far%20away Bearer of-the-test blue hello")
      expect(code).toBe(0)
    }),
  )

  it.scoped(
    "can be a coding agent that requests permission before it writes, with quotes in its command line",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const { cwd, env } = yield* Served
        const settings = { cwd, env }
        yield* fs.symlink(codingAgent, `${cwd}/an agent.mjs`)
        const line = `'${process.execPath}' "${cwd}/an agent.mjs"`
        const worker = yield* start(["worker", "--json", "--acp", line, "--", "more"], settings)
        yield* worker.line(has({ event: "registered" }))
        const submitted = yield* run(["submit", "--agent", "coder", "--id", "edit", "write it"], settings)
        expect(submitted.code).toBe(0)
        yield* worker.line(has({ event: "suspended", run_id: "edit" }))
        const answered = yield* run(["resume", "edit", "--approve"], settings)
        expect(answered.stderr).toBe("")
        yield* worker.line(has({ event: "completed", run_id: "edit" }))
        const files = yield* fs.readDirectory(`${cwd}/.runlease/work`, { recursive: true })
        expect(files.filter((file) => file.endsWith("greeting.txt"))).toHaveLength(1)
      }),
  )

  it.scoped("can be a coding agent that requires the login that --auth-method names", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const script = yield* write(
        cwd,
        "script.json",
        JSON.stringify({ auth: true, steps: [{ say: "I am in." }] }),
      )
      const line = `${process.execPath} ${scriptedAgent} token ${script}`
      for (const [flags, id, text] of [
        [[], "out", "name one of its methods as authMethod: Key (key)"],
        [["--auth-method", "key"], "in", "I am in."],
      ] as const) {
        const worker = yield* start(["worker", "--json", "--acp", line, ...flags], { cwd, env })
        yield* worker.line(has({ event: "registered" }))
        const { stderr, stdout } = yield* run(
          ["submit", "--agent", "coder", "--id", id, "--watch", "hello"],
          {
            cwd,
            env,
          },
        )
        expect(stdout + stderr).toContain(text)
        yield* worker.signal("SIGTERM")
        yield* worker.ended
      }
    }),
  )

  it.scoped("is refused when the model is unknown or its key is missing", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const local = ["--model", "openai-chat:tiny", "--model-base-url", "http://127.0.0.1:9/v1"]
      const refusals = [
        [["--model", "gpt-4o"], "openai:<model>"],
        [["--model", "openai:gpt-4o"], "OPENAI_API_KEY"],
        [["--ag-ui", "ftp://agent"], "--ag-ui takes a URL"],
        [["--a2a", "ftp://agent"], "--a2a takes a URL"],
        [["--acp", " "], "--acp names no program"],
        [
          ["--model", "openai:gpt-4o", "--permission", "deny"],
          "--permission goes with --acp, not with --model",
        ],
        [
          ["--command", "true", "--unknown-mode", "refuse"],
          "--unknown-mode goes with --acp, not with --command",
        ],
        [["--command", "true", "--auth-method", "key"], "--auth-method goes with --acp, not with --command"],
        [["--system", "Be brief."], "--system goes with --model"],
        [["--command", "true", "--mcp", "a=b"], "--mcp goes with --model, not with --command"],
        [[...local, "--mcp", "nothing"], "--mcp must be NAME=URL or NAME=COMMAND"],
        [[...local, "--mcp", "a=http://["], "--mcp a is no URL"],
        [[...local, "--mcp", "a=true", "--mcp", "a=false"], "Two of --mcp have the name a"],
      ] as const
      yield* refuseToWork(refusals, 64, { cwd, env })
    }),
  )
})
