import { expect, layer } from "@effect/vitest"
import { Agent, Interrupts } from "@runlease/core"
import { Effect, Layer, Schedule } from "effect"
import * as McpHost from "./McpHost.js"
import { working } from "./OwnWorker.js"
import { jsonLines, project, room, run, runProcess, Served, start } from "./Processes.js"

const agents = Layer.merge(
  Agent.make({ name: "careful" }).toLayer((text) =>
    Effect.map(Interrupts.approve("sure", { message: `Is ${text} right?` }), (yes) =>
      yes ? "done" : "left",
    ),
  ),
  Agent.make({ name: "echo" }).toLayer((text) => Effect.succeed(`You wrote: ${text}`)),
)

/** A message, as a line of `runlease mcp`. */
const line = (message: object) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

layer(Served.layer, { excludeTestServices: true })("the tools of MCP", (it) => {
  for (const mode of ["legacy", "auto"] as const) {
    it.scoped(`are there for a client that starts the command (${mode})`, () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* project
        yield* working(env, agents)
        const host = yield* Effect.scoped(
          Effect.gen(function* () {
            const { client, pid } = yield* McpHost.stdio(mode, cwd, env, "--agents")
            expect(client.getProtocolEra()).toBe(mode === "auto" ? "modern" : "legacy")
            const progress: Array<number> = []
            const called = yield* Effect.promise(() =>
              client.callTool(
                { name: "run_agent", arguments: { agent_id: "echo", message: "hi" } },
                { onprogress: ({ progress: at }) => progress.push(at) },
              ),
            )
            expect(called.structuredContent).toMatchObject({ status: "completed", text: "You wrote: hi" })
            expect(progress.length).toBeGreaterThan(0)
            const { tools } = yield* Effect.promise(() => client.listTools())
            expect(tools.map(({ name }) => name)).toEqual(
              expect.arrayContaining(["run_agent", "read_log", "careful", "echo"]),
            )
            const own = yield* Effect.promise(() =>
              client.callTool({ name: "echo", arguments: { message: "you" } }),
            )
            expect(own.structuredContent).toMatchObject({ text: "You wrote: you" })
            // A client that gives up ends the wait, and not the run.
            const leaving = new AbortController()
            const left = client
              .callTool(
                { name: "run_agent", arguments: { agent_id: "unclaimed", message: "hi", run_id: "left" } },
                { signal: leaving.signal },
              )
              .catch((error: unknown) => error)
            const found = Effect.promise(() =>
              client.callTool({ name: "get_run", arguments: { run_id: "left" } }),
            )
            yield* Effect.repeat(found, { until: ({ isError }) => isError !== true })
            leaving.abort()
            expect(yield* Effect.promise(() => left)).toBeInstanceOf(Error)
            expect((yield* found).structuredContent).toMatchObject({ status: "pending" })
            return pid
          }),
        )
        yield* Effect.repeat(
          Effect.sync(() => lives(host)),
          { until: (is) => !is, schedule: Schedule.spaced("20 millis") },
        )
      }),
    )

    it.scoped(`are there for a client of the server (${mode})`, () =>
      Effect.gen(function* () {
        const { env } = yield* project
        yield* working(env, agents)
        const client = yield* McpHost.http(mode, env)
        const called = yield* Effect.promise(() =>
          client.callTool({ name: "run_agent", arguments: { agent_id: "careful", message: "it" } }),
        )
        expect(called.structuredContent).toMatchObject({
          status: "waiting",
          questions: [{ message: "Is it right?" }],
        })
      }),
    )
  }

  it.scoped("become a task that outlives the server and its client", () =>
    Effect.gen(function* () {
      const { cwd, env, server } = yield* room
      const reference = yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* McpHost.session(env, yield* McpHost.http("auto", env))
          const execution = yield* Effect.promise(() =>
            session.callTool("run_agent", { agent_id: "careful", message: "it", run_id: "durable" }),
          )
          expect([execution.kind, execution.handle?.taskId]).toEqual(["task", "durable"])
          yield* Effect.promise(() => execution.detach())
          // A session that closes cancels each task that has not settled, one that it left too.
          yield* Effect.promise(() => execution.result())
          return {
            endpointId: "runlease",
            generation: "v2",
            taskId: "durable",
            originalOperation: "tools/call",
          } as const
        }),
      )
      yield* server.signal("SIGKILL")
      yield* server.ended
      const { port } = new URL(env.RUNLEASE_URL)
      const again = yield* start(["serve", "--port", port, "--json"], { cwd })
      yield* again.line(() => true)

      yield* working(env, agents)
      const questions: Array<unknown> = []
      const session = yield* McpHost.session(env, yield* McpHost.http("auto", env), (request) => {
        questions.push(request.params?.["message"])
        return Promise.resolve({ action: "accept", content: { approved: true } } as never)
      })
      const execution = yield* Effect.promise(() => session.resumeTask(reference as never))
      const { outcome } = yield* Effect.promise(() => execution.settle())
      expect({ outcome, questions }).toMatchObject({
        outcome: {
          status: "completed",
          result: { isError: false, structuredContent: { run_id: "durable", text: "done" } },
        },
        questions: ["Is it right?"],
      })
    }),
  )

  it.scoped("as lines are messages, each with its answer, and end with the input", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const stdin = [
        "{\n",
        "\n",
        "[]\n",
        line({ id: 1, method: "ping" }),
        line({ method: "notifications/initialized" }),
        line({ id: "two", method: "nothing" }),
        line({ method: "notifications/cancelled", params: { requestId: "unknown" } }),
        line({ id: 3, method: "tools/call", params: { name: "list_runs" } }),
      ].join("")
      const { code, stderr, stdout } = yield* runProcess(["mcp"], { cwd, env, stdin })
      expect([code, stderr]).toEqual([0, ""])
      const answers = jsonLines(stdout)
      expect(answers.map(({ error }) => (error as { code?: number } | undefined)?.code)).toEqual(
        expect.arrayContaining([-32700, -32600, -32601]),
      )
      expect(answers.map(({ id }) => id)).toEqual(expect.arrayContaining([1, "two", 3]))
      expect(answers.length).toBe(5)
      expect(answers.find(({ id }) => id === 3)).toMatchObject({
        result: { structuredContent: { runs: [], next: null } },
      })
    }),
  )

  it.scoped("say why there is no answer, and there are none without a key", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const stdin = line({ id: 1, method: "tools/call", params: { name: "list_runs" } })
      const wrong = { ...env, RUNLEASE_API_KEY: `rlk_${"0".repeat(40)}` }
      const refused = yield* runProcess(["mcp"], { cwd, env: wrong, stdin })
      expect(jsonLines(refused.stdout)[0]).toMatchObject({
        result: { isError: true, content: [{ text: expect.stringContaining("The token was refused") }] },
      })
      const keyless = yield* run(["mcp"], { cwd })
      expect([keyless.code, keyless.stderr.includes("The API key is missing")]).toEqual([64, true])
    }),
  )
})
