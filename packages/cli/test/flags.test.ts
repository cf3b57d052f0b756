import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Commands from "../src/commands/Commands.js"
import * as CommandTree from "../src/help/CommandTree.js"
import { folder, has, json, room, run, start } from "./Processes.js"

interface NamedCommand {
  readonly names: ReadonlyArray<string>
  readonly flags: ReadonlyArray<CommandTree.Flag>
}

const commandsOf = (
  names: ReadonlyArray<string>,
  tree: CommandTree.CommandTree,
): ReadonlyArray<NamedCommand> =>
  tree.subcommands.length === 0
    ? [{ names, flags: tree.flags }]
    : tree.subcommands.flatMap((subcommand) => commandsOf([...names, subcommand.name], subcommand))

/** Every command with its flags. */
const commands = Effect.map(Commands.load([]), (command) => commandsOf([], CommandTree.of(command)))

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

  it.scoped("are named by the error of a wrong value, and of a value that appears twice", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const constrained = (yield* commands).flatMap(({ flags, names }) =>
        flags.flatMap((flag) => (flag.value === undefined ? [] : [{ ...flag, names }])),
      )
      expect(constrained.length).toBeGreaterThan(100)
      for (const { choices, name, names, repeatable, value } of constrained) {
        if (value !== "TEXT") {
          const { code, stderr } = yield* run([...names, name, "~bad~"], { cwd, env })
          expect([names, code, stderr]).toEqual([names, 64, expect.stringMatching(`${name} takes .*~bad~`)])
        }
        if (repeatable || choices !== undefined) continue
        const { code, stderr } = yield* run([...names, name, "1", name, "1"], { cwd, env })
        expect([names, code, stderr]).toEqual([names, 64, expect.stringContaining(`${name} appears twice`)])
      }
    }),
  )

  it.scoped("and arguments are named by the error of a text that is none of theirs", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const long = "x".repeat(300)
      const id = "00000000-0000-4000-8000-000000000000"
      const refusals = [
        [["submit", "--agent", "", "x"], "--agent must not be empty"],
        [["submit", "--agent", "a", "--id", "..", "x"], "--id must not be . or .."],
        [["submit", "--agent", "a", "--conversation", "c", "x"], "--conversation must be a UUID"],
        [["submit", "--agent", "a", "--kind", "a b", "x"], "--kind must be 1 to 64 letters"],
        [["submit", "--agent", "a", "--key", "a b", "x"], "--key must be 1 to 128 letters"],
        [["runs", "list", "--agent", long], "--agent must be at most 128 characters"],
        [["runs", "list", "--parent", long], "--parent must be at most 128 characters"],
        [["runs", "retry", "run-1", "--id", long], "--id must be at most 128 characters"],
        [["runs", "get", long], "<run-id> must be at most 128 characters"],
        [["keys", "create", long], "<name> must be at most 128 characters"],
        [["keys", "revoke", "k"], "<key-id> must be a UUID"],
        [["tokens", "create", "--scope", "read"], "Nothing was named"],
        [["tokens", "create", "--run", "r"], "The scope is missing"],
        [
          ["tokens", "create", "--run", "r", "--thread", "t", "--scope", "read"],
          "A token is bound to one thing",
        ],
        [
          ["tokens", "create", "--label", "a=b", "--label", "c=d", "--scope", "read"],
          "A token is bound to one thing",
        ],
        [["workers", "drain", "w"], "<worker-id> must be a UUID"],
        [["worker", "--command", "cat", "--agent", ""], "--agent must not be empty"],
        [["worker", "--command", "cat", "--kind", "a b"], "--kind must be 1 to 64 letters"],
        [["worker", "--command", "cat", "--key", "a b"], "--key must be 1 to 128 letters"],
        [["worker", "--command", "cat", "--name", long], "--name must be at most 128 characters"],
        [["tell", "run-1", "--key", long, "x"], "--key must be at most 200 characters"],
        [["schedules", "create", "Report", "--agent", "a"], "The schedule is missing"],
        [["schedules", "create", "Report", "--schedule", "0 9 * * *"], "The agent is missing"],
        [["schedules", "apply", "schedules.json"], "The source is missing"],
        [["schedules", "backfill", id, "--to", "2026-01-31T00:00:00Z"], "--from or --to is missing"],
      ] as const
      for (const [args, message] of refusals) {
        const { code, stderr } = yield* run(args, { cwd, env })
        expect([args, code, stderr]).toEqual([args, 64, expect.stringContaining(message)])
      }
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
