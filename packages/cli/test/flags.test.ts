import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { folder, has, json, room, run, start } from "./Processes.js"

const env = { RUNLEASE_API_KEY: "rlk_0123456789abcdef" }

layer(NodeContext.layer, { excludeTestServices: true })("flags", (it) => {
  it.scoped("that a command does not have are refused, with a suggestion", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const refusals = [
        [
          ["worker", "--command", "cat", "--agnet", "zz"],
          "runlease worker has no flag --agnet. Did you mean --agent?",
        ],
        [["worker", "--command", "cat", "--agnet=zz", "--json"], "Did you mean --agent?"],
        [["worker", "--agnet", "zz", "--command", "cat"], "Did you mean --agent?"],
        [["worker", "--command", "cat", "-n"], "runlease worker has no flag -n"],
        [["worker", "--command", "cat", "an argument", "--agnet", "zz"], "Did you mean --agent?"],
        [["worker", "--command", "grep", "--color"], "--command PROGRAM -- --color"],
        [["submit", "--agent", "a", "--wacth", "hello"], "Did you mean --watch?"],
        [["submit", "--agent", "a", "hello", "--priorty", "3"], "Did you mean --priority?"],
        [
          ["runs", "list", "--stats", "failed"],
          "runlease runs list has no flag --stats. Did you mean --status?",
        ],
        [["keys", "create", "ci", "--admn"], "Did you mean --admin?"],
        [["serve", "--prot", "4401"], "Did you mean --port?"],
        [["backup", "--databse", "sqlite:x", "copy"], "Did you mean --database?"],
        [["demo", "--floder", "."], "Did you mean --folder?"],
        [["runs", "lst"], "Did you mean list?"],
      ] as const
      yield* Effect.forEach(
        refusals,
        ([args, message]) =>
          Effect.map(run(args, { cwd, env }), ({ code, stderr, stdout }) => {
            expect(stderr).toContain(message)
            expect(stdout).toBe("")
            expect(code).toBe(64)
          }),
        { concurrency: 2 },
      )
    }),
  )

  it.scoped("take any value, even one with a dash, and flags after -- go to the program", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const settings = { cwd, env }
      const echo = 'printf "%s|" "$@"'
      const worker = yield* start(
        [
          "worker",
          "--json",
          "--agent=mine",
          "--command=sh",
          "--arg",
          "-c",
          "--arg",
          echo,
          "--",
          "x",
          "--agnet",
          "-y",
        ],
        settings,
      )
      yield* worker.line(has({ event: "registered" }))
      const submit = (agent: string) => run(["submit", "--agent", agent, "--json", "--", "--text"], settings)
      const other = json((yield* submit("other")).stdout)
      const watched = yield* run(["submit", "-", "--agent", "mine", "--watch"], { ...settings, stdin: "hi" })
      expect(watched.stdout).toContain("--agnet|-y|")
      expect(watched.code).toBe(0)
      const left = json((yield* run(["runs", "get", "--json", String(other["run_id"])], settings)).stdout)
      expect(left).toMatchObject({ status: "pending", agent_id: "other" })
    }),
  )
})
