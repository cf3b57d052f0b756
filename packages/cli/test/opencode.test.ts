import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { isMissing } from "../../executor-acp/test/InstalledAgents.js"
import * as ModelServer from "../../executor-acp/test/ModelServer.js"
import * as Opencode from "../../executor-acp/test/Opencode.js"
import { folder, has, room, run, start } from "./Processes.js"

describe.skipIf(isMissing(Opencode.agent))("opencode as a worker's agent", () => {
  layer(NodeContext.layer, { excludeTestServices: true })((it) => {
    it.scoped("edits a file of its working folder after an approval at the command line", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const { cwd, env } = yield* room
        const settings = { cwd, env }
        // It writes to a path in its working folder, which has the name of the conversation.
        const model = yield* ModelServer.make((messages) => {
          const last = messages.at(-1)!
          return last.role === "tool" && !String(last.content).includes("abort")
            ? { text: "It is done." }
            : { tool: "write", input: { filePath: "hello.txt", content: "hello\n" } }
        })
        const variables = yield* Opencode.environment(yield* folder, model.url)
        const worker = yield* start(
          [
            "worker",
            "--json",
            "--acp",
            `${Opencode.agent.command} acp`,
            "--permission",
            "ask",
            ...Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
          ],
          settings,
        )
        yield* worker.line(has({ event: "registered" }))
        const submitted = yield* run(["submit", "--agent", "coder", "--id", "edit", "Write hello"], settings)
        expect(submitted.code).toBe(0)
        yield* worker.line(has({ event: "suspended", run_id: "edit" }))

        const files = Effect.map(fs.readDirectory(`${cwd}/.runlease/work`, { recursive: true }), (names) =>
          names.filter((name) => name.endsWith("hello.txt")),
        )
        expect(yield* files).toEqual([])
        const waiting = yield* run(["runs", "get", "edit"], settings)
        expect(waiting.stdout).toContain("hello.txt")
        const answered = yield* run(["resume", "edit", "--approve"], settings)
        expect(answered.stderr).toBe("")
        expect(answered.code).toBe(0)
        yield* worker.line(has({ event: "completed", run_id: "edit" }))
        const [file, ...others] = yield* files
        expect(others).toEqual([])
        expect(yield* fs.readFileString(`${cwd}/.runlease/work/${file}`)).toBe("hello\n")
      }),
    )
  })
})
