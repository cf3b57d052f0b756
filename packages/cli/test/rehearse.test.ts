/** The page of docs about changes of an agent: its module, and changes of that, on runs that are open. */
import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { json, jsonLines, room, run, runProcess, start, write } from "./Processes.js"

const isThere = (line: string) => line.includes("waits for runs")

it.scopedLive(
  "new code is rehearsed on open runs, over HTTP and in the database",
  () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const settings = yield* room
      const { cwd } = settings
      yield* fs.symlink(path.join(import.meta.dirname, "../node_modules"), path.join(cwd, "node_modules"))
      const page = yield* fs.readFileString(
        path.join(import.meta.dirname, "../../../docs/changing-agents.md"),
      )
      const [, code = ""] = /^```ts\n\/\/ refunds\.ts\n([\s\S]*?)^```$/m.exec(page) ?? []
      yield* write(cwd, "refunds.ts", code)
      yield* write(cwd, "renamed.ts", code.replace('"quote"', '"price"'))
      yield* write(
        cwd,
        "narrowed.ts",
        code.replace("euros: Schema.Int", "euros: Schema.String").replace("40", '"40"'),
      )
      yield* write(
        cwd,
        "calling.ts",
        code.replace(
          "const quote",
          'yield* Effect.promise(() => fetch("http://127.0.0.1:9/rate"))\n    const quote',
        ),
      )

      const worker = yield* start(["worker", "--module", "./refunds.ts", "--worker-version", "1.0"], settings)
      yield* worker.line(isThere)
      for (const id of ["refund-1", "refund-2"]) {
        yield* run(
          [
            "submit",
            "--agent",
            "refund",
            "--id",
            id,
            "--label",
            `name=${id}`,
            "--input",
            '{"order": "7"}',
            "--version-policy",
            "pinned",
          ],
          settings,
        )
        yield* worker.line((line) => line.includes(id) && line.includes("waits"))
      }
      yield* worker.signal("SIGTERM")
      yield* worker.ended
      const events = run(["runs", "events", "--json", "refund-1"], settings)
      const before = yield* events

      const rehearse = (module: string, ...flags: ReadonlyArray<string>) =>
        runProcess(["rehearse", "--module", module, ...flags], settings)
      const same = yield* rehearse("./refunds.ts")
      expect([same.code, same.stdout]).toEqual([
        0,
        expect.stringContaining("2 open runs: the new code breaks none."),
      ])
      expect(same.stdout).toMatch(/refund-1 +refund +waiting +waits\n/)

      const renamed = yield* rehearse("./renamed.ts", "--label", "name=refund-2", "--write", "plan.json")
      expect([renamed.code, renamed.stdout]).toEqual([0, expect.stringContaining('skips "quote"')])
      expect(renamed.stdout).not.toContain("refund-1")
      expect(json(yield* fs.readFileString(path.join(cwd, "plan.json")))).toEqual({
        goes_on: [],
        stays: [expect.objectContaining({ run_id: "refund-2", kind: "skips", at: "quote", calls: [] })],
      })

      const moved = (plan: string) =>
        run(["runs", "move", "--from", "1.0", "--to", "2.0", "--plan", plan, "--wait"], settings)
      const versionOf = (id: string) =>
        Effect.map(run(["runs", "get", id, "--json"], settings), ({ stdout }) => json(stdout)["version"])
      expect((yield* moved("plan.json")).stdout).toBe("The plan has no run that may move\n")
      yield* rehearse("./refunds.ts", "--label", "name=refund-1", "--write", "one.json")
      expect((yield* moved("one.json")).stdout).toBe("1 run moved\n")
      expect([yield* versionOf("refund-1"), yield* versionOf("refund-2")]).toEqual(["2.0", "1.0"])
      expect(yield* moved("refunds.ts")).toMatchObject({
        code: 64,
        stderr: expect.stringContaining("refunds.ts is no plan of a rehearsal"),
      })
      expect((yield* moved("nowhere.json")).stderr).toContain("The plan nowhere.json cannot be read")

      const narrowed = yield* rehearse("./narrowed.ts", "--json", "--limit", "1")
      expect([narrowed.code, jsonLines(narrowed.stdout)]).toEqual([
        1,
        [expect.objectContaining({ run_id: "refund-1", verdict: "unreadable", at: "quote", calls: [] })],
      ])

      const calling = yield* rehearse("./calling.ts", "--run", "refund-2", "--json")
      expect([calling.code, jsonLines(calling.stdout)]).toEqual([
        1,
        [expect.objectContaining({ verdict: "undecided", calls: ["GET http://127.0.0.1:9/rate"] })],
      ])

      const embedded = yield* rehearse(
        "./narrowed.ts",
        "--database",
        "sqlite:.runlease/runlease.sqlite",
        "--agent",
        "refund",
      )
      expect([embedded.code, embedded.stdout]).toEqual([1, expect.stringContaining('unreadable "quote"')])
      expect(yield* events).toEqual(before)
    }).pipe(Effect.provide(NodeContext.layer)),
  120_000,
)
