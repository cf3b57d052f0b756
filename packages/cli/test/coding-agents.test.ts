import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as CodingAgents from "../../executor-acp/test/CodingAgents.js"
import { isMissing } from "../../executor-acp/test/InstalledAgents.js"
import type { Answer } from "../../executor-acp/test/ModelServer.js"
import { folder, has, json, room, run, start } from "./Processes.js"

/** A server with its database, a home folder for the agent, and its model. */
const setUp = (agent: CodingAgents.CodingAgent, answer: (body: string) => Answer) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { cwd, env } = yield* room
    const settings = { cwd, env }
    const model = yield* agent.model(answer)
    const variables = yield* agent.environment(yield* folder, model.url)
    const worker = Effect.gen(function* () {
      const started = yield* start(
        [
          "worker",
          "--json",
          "--acp",
          agent.command,
          "--permission",
          "ask",
          ...Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
        ],
        settings,
      )
      yield* started.line(has({ event: "registered" }))
      return started
    })
    return {
      worker,
      cli: (...args: ReadonlyArray<string>) =>
        Effect.tap(run(args, settings), ({ code, stderr }) =>
          Effect.sync(() => expect([code, stderr]).toEqual([0, ""])),
        ),
      /** The contents of each file of that name, in the working folders of all conversations. */
      contents: (name: string) =>
        fs.readDirectory(`${cwd}/.runlease/work`, { recursive: true }).pipe(
          Effect.map((names) => names.filter((file) => file.endsWith(name))),
          Effect.flatMap(Effect.forEach((file) => fs.readFileString(`${cwd}/.runlease/work/${file}`))),
        ),
    }
  })

/** A model that writes the file that the request names, and repeats the call when the run goes on. */
const writing =
  (agent: CodingAgents.CodingAgent) =>
  (body: string): Answer => {
    const [, file = ""] = /Write (\w+\.txt)/.exec(body) ?? []
    return agent.hasResult(body) ? { text: "It is done." } : agent.write(file, "hello", body)
  }

const ended = (runId: string) => (line: string) =>
  line.startsWith("{") &&
  json(line)["run_id"] === runId &&
  ["completed", "failed", "cancelled"].includes(String(json(line)["event"]))

for (const agent of [CodingAgents.claude, CodingAgents.codex]) {
  describe.skipIf(isMissing(agent))(`${agent.name}, under ask`, () => {
    layer(NodeContext.layer, { excludeTestServices: true })((it) => {
      it.scoped("writes an allowed file, and not a denied one", () =>
        Effect.gen(function* () {
          const { cli, contents, worker } = yield* setUp(agent, writing(agent))
          const working = yield* worker
          for (const [id, answer, written] of [
            ["refused", "--deny", []],
            ["allowed", "--approve", ["hello"]],
          ] as const) {
            yield* cli("submit", "--agent", "coder", "--id", id, `Write ${id}.txt`)
            yield* working.line(has({ event: "suspended", run_id: id }))
            expect((yield* cli("runs", "get", id)).stdout).toContain(`${id}.txt`)
            expect(yield* contents(`${id}.txt`)).toEqual([])
            yield* cli("resume", id, answer)
            yield* working.line(ended(id))
            expect(yield* contents(`${id}.txt`)).toEqual(written)
          }
        }),
      )

      it.scoped("goes on with another worker after its own was killed with an open question", () =>
        Effect.gen(function* () {
          const { cli, contents, worker } = yield* setUp(agent, writing(agent))
          const first = yield* worker
          yield* cli("submit", "--agent", "coder", "--id", "killed", "Write killed.txt")
          yield* first.line(has({ event: "suspended", run_id: "killed" }))
          yield* first.signal("SIGKILL")
          yield* first.ended
          expect(yield* contents("killed.txt")).toEqual([])
          yield* cli("resume", "killed", "--approve")
          const second = yield* worker
          yield* second.line(has({ event: "completed", run_id: "killed" }))
          expect(yield* contents("killed.txt")).toEqual(["hello"])
        }),
      )
    })
  })
}

describe.skipIf(!CodingAgents.claude.isInstalled)("claude-agent-acp, which asks a question", () => {
  layer(NodeContext.layer, { excludeTestServices: true })((it) => {
    it.scoped("has its form answered at the command line", () =>
      Effect.gen(function* () {
        const question = {
          question: "Which colour?",
          header: "Colour",
          multiSelect: false,
          options: [
            { label: "Red", description: "As fire" },
            { label: "Blue", description: "As the sea" },
          ],
        }
        const { cli, worker } = yield* setUp(CodingAgents.claude, (body) => {
          if (!CodingAgents.claude.hasResult(body)) {
            return { tool: "AskUserQuestion", input: { questions: [question] } }
          }
          const chosen = /Which colour\?\\*"=\\*"(\w+)/.exec(body)?.[1]
          return { text: `It is ${chosen}.` }
        })
        const working = yield* worker
        yield* cli("submit", "--agent", "coder", "--id", "form", "Paint it")
        yield* working.line(has({ event: "suspended", run_id: "form" }))
        expect((yield* cli("runs", "get", "form")).stdout).toContain("Which colour?")
        yield* cli("resume", "form", "--result", '{"question_0":"Blue"}')
        yield* working.line(has({ event: "completed", run_id: "form" }))
        expect((yield* cli("watch", "form")).stdout).toContain("It is Blue.")
      }),
    )
  })
})

describe.skipIf(!CodingAgents.codex.isInstalled)("codex-acp, whose model asks for nothing", () => {
  layer(NodeContext.layer, { excludeTestServices: true })((it) => {
    it.scoped("writes nothing with --permission ask, since its mode is read-only", () =>
      Effect.gen(function* () {
        const { cli, contents, worker } = yield* setUp(CodingAgents.codex, (body) =>
          CodingAgents.codex.hasResult(body)
            ? { text: "It is done." }
            : { tool: "exec_command", input: { cmd: "printf hello > unasked.txt; echo tried" } },
        )
        const working = yield* worker
        yield* cli("submit", "--agent", "coder", "--id", "unasked", "Write it")
        yield* working.line(
          (line) => ended("unasked")(line) || has({ event: "suspended", run_id: "unasked" })(line),
        )
        expect(yield* contents("unasked.txt")).toEqual([])
        expect((yield* cli("watch", "unasked", "--json")).stdout).toContain("printf hello > unasked.txt")
      }),
    )
  })
})
