/** Trials in the command: runs of a module once more with another message, and their report. */
import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { jsonLines, room, run, start, write } from "./Processes.js"

const agents = `
import { Executor } from "@runlease/core"
import { Effect } from "effect"
export default Executor.layerFrom(({ snapshot }) =>
  Effect.succeed("You wrote: " + snapshot.messages.at(-1).parts[0].text),
)
`

const score = `export default ({ original, trial }) => original.message.length - trial.message.length`

it.scopedLive("a trial of three runs, and what differs", () =>
  Effect.gen(function* () {
    const settings = yield* room
    const [fs, path] = [yield* FileSystem.FileSystem, yield* Path.Path]
    const modules = path.join(import.meta.dirname, "../node_modules")
    yield* fs.symlink(modules, path.join(settings.cwd, "node_modules"))
    yield* write(settings.cwd, "agents.mjs", agents)
    yield* write(settings.cwd, "score.mjs", score)
    const worker = yield* start(["worker", "--module", "./agents.mjs"], settings)
    yield* worker.line((line) => line.includes("waits for runs"))
    for (const id of ["a", "b", "c"]) {
      yield* run(
        ["submit", "--agent", "echo", "--id", id, "--label", "team=x", "--watch", `A long text ${id}`],
        settings,
      )
    }
    const create = (...args: ReadonlyArray<string>) => run(["trials", "create", ...args], settings)
    const flags = ["--label", "team=x", "--message", "Short"]
    const unbound = yield* create("short", ...flags)
    expect([unbound.code, unbound.stderr]).toEqual([64, expect.stringContaining("--budget")])
    const small = yield* create("short", ...flags, "--budget", "tokens=2")
    expect([small.code, small.stderr]).toEqual([64, expect.stringContaining("budget.tokens")])
    const made = yield* create("short", ...flags, "--budget", "tokens=3000")
    expect([made.code, made.stdout]).toEqual([0, "3 runs submitted for the trial\n"])
    const other = yield* create("short", ...flags, "--budget", "tokens=6000")
    expect([other.code, other.stderr]).toEqual([64, expect.stringContaining("Choose another name")])
    const [newest] = jsonLines(
      (yield* run(["runs", "list", "--label", "trial=short", "--json"], settings)).stdout,
    )
    yield* run(["watch", String(newest!["run_id"] ?? newest!["id"])], settings)
    const report = (...args: ReadonlyArray<string>) => run(["trials", "report", "short", ...args], settings)
    const lines = yield* Effect.repeat(
      Effect.map(report("--json", "--score", "./score.mjs", "--save"), ({ stdout }) => jsonLines(stdout)),
      { until: (all) => JSON.stringify(all.at(-1)).includes('"trial":{"outcomes":{"completed":3}') },
    )
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatchObject({
      type: "pair",
      original: { run_id: expect.stringMatching(/^[abc]$/), outcome: "completed" },
      trial: { outcome: "completed", message: "You wrote: Short", tokens: 0, tool_calls: 0 },
      difference: { added: "Short" },
      score: 8,
    })
    expect(lines[3]).toMatchObject({ type: "summary", pairs: 3, same: 0 })
    const scored = yield* run(["runs", "list", "--label", "trial_score=8", "--json"], settings)
    expect(jsonLines(scored.stdout)).toHaveLength(3)
    const runId = String((lines[0]!["trial"] as { readonly run_id: string }).run_id)
    expect(JSON.parse((yield* run(["trials", "keep", runId], settings)).stdout)).toMatchObject({
      runId,
      agentId: "echo",
      request: { messages: [{ parts: [{ text: "Short" }] }] },
      calls: [],
      result: { outcome: "completed", message: "You wrote: Short" },
    })
    const original = yield* run(["trials", "keep", "a"], settings)
    expect([original.code, original.stderr]).toEqual([1, expect.stringContaining("Run a is in no trial")])
    const text = (yield* report()).stdout
    expect(text).toContain("3 pairs, 0 with the same last message")
    const guide = yield* fs.readFileString(
      path.join(import.meta.dirname, "../../../docs/learning-from-past-runs.md"),
    )
    const [, code = ""] = /^```ts\n\/\/ score\.ts\n([\s\S]*?)^```$/m.exec(guide) ?? []
    yield* write(settings.cwd, "score.ts", code)
    yield* run(["submit", "--agent", "support", "--watch", "Is it sent?"], settings)
    const commands = Array.from(guide.matchAll(/^runlease trials (.*)$/gm), ([, line]) => line!)
    expect(commands).toHaveLength(4)
    for (const line of commands) {
      const words = line.replace(" > case.json", "").replace("RUN", runId).split(" ")
      const { code, stderr } = yield* run(["trials", ...words], settings)
      expect([line, code, stderr.replace(/.* so far\n/g, "")]).toEqual([line, 0, ""])
    }
    const unknown = yield* run(["trials", "report", "other"], settings)
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining("runlease help trials create"),
    ])
  }).pipe(Effect.provide(NodeContext.layer)),
)
