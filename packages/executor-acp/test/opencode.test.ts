import { type Interrupt, RequestSnapshot, Runs, Worker } from "@runlease/core"
import { AcpExecutor } from "@runlease/executor-acp"
import { TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect, Fiber } from "effect"
import { existsSync } from "node:fs"
import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { folder, pidsOf, ports, textOf, until, untilText } from "./Agents.js"
import { isMissing } from "./InstalledAgents.js"
import * as ModelServer from "./ModelServer.js"
import * as Opencode from "./Opencode.js"

const opencode = (url: string, permission: AcpExecutor.Permission) =>
  Effect.gen(function* () {
    const root = yield* folder
    const options: AcpExecutor.Options = {
      command: Opencode.agent.command,
      args: ["acp"],
      passEnv: ["PATH"],
      env: yield* Opencode.environment(root, url),
      permission,
      workRoot: join(root, "work"),
    }
    yield* Effect.promise(() => mkdir(options.workRoot))
    return options
  })

const processes = pidsOf(`${Opencode.agent.command} acp`)

describe.skipIf(isMissing(Opencode.agent))("opencode", () => {
  it.live("edits a file once a person has allowed it", () =>
    Effect.gen(function* () {
      let cwd = ""
      const model = yield* ModelServer.make((messages) => {
        const last = messages.at(-1)!
        return last.role === "tool" && !String(last.content).includes("abort")
          ? { text: "It is done." }
          : { tool: "write", input: { filePath: join(cwd, "hello.txt"), content: "hello\n" } }
      })
      const options = yield* opencode(model.url, "ask")
      yield* Effect.forkScoped(
        Effect.scoped(
          Effect.zipRight(Worker.make({ leaseDuration: "60 seconds", drainTimeout: 0 }), Effect.never).pipe(
            Effect.provide(AcpExecutor.layerWith(options)),
          ),
        ),
      )
      const { conversationId, runId } = yield* TestRuns.submit({
        snapshot: RequestSnapshot.fromText("Write hello into hello.txt"),
      })
      cwd = join(options.workRoot, conversationId)
      const waiting = yield* until(
        TestRuns.getRun(runId),
        ({ status }) => status !== "pending" && status !== "running",
      )
      strictEqual(waiting.status, "waiting", JSON.stringify(waiting.error))
      const interrupt = waiting.waiting!.interrupts[0]!
      assertInclude(interrupt.message!, "hello.txt")
      assertTrue(!existsSync(join(cwd, "hello.txt")))
      yield* until(processes, (pids) => pids.length === 0)

      const runs = yield* Runs.Runs
      const answer: Interrupt.Answer = {
        interruptId: interrupt.id,
        status: "resolved",
        payload: { approved: true },
      }
      yield* runs.resume(runId, [answer])
      const ended = yield* until(
        TestRuns.getRun(runId),
        ({ status }) => status !== "pending" && status !== "running",
      )
      strictEqual(ended.status, "completed", JSON.stringify(ended.error))
      strictEqual(yield* Effect.promise(() => readFile(join(cwd, "hello.txt"), "utf8")), "hello\n")
      const events = yield* TestRuns.eventsOf(runId)
      assertTrue(textOf(events).endsWith("It is done."))
      const results = events.filter(({ type }) => type === "TOOL_CALL_RESULT")
      deepStrictEqual(
        results.map(({ content }) => content),
        ["Wrote file successfully."],
      )
      // The first session continues: the request to the model has its earlier output.
      const roles = model.requests.at(-1)!.map(({ role }) => role)
      deepStrictEqual(roles, ["system", "user", "assistant", "tool", "user", "assistant", "tool"])
      yield* until(processes, (pids) => pids.length === 0)
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )

  it.live("leaves no process when it is cancelled during its turn", () =>
    Effect.gen(function* () {
      const model = yield* ModelServer.make(() => ({ begins: "Let me think" }))
      const options = yield* opencode(model.url, "allow")
      const fiber = yield* untilText({ options }, "Let me think")
      assertTrue((yield* processes).length > 0)
      yield* Fiber.interrupt(fiber)
      deepStrictEqual(yield* processes, [])
    }).pipe(Effect.scoped, Effect.provide(ports)),
  )
})
