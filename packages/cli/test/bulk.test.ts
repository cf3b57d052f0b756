import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, jsonLines, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("bulk operations in the command", (it) => {
  it.scoped("cancel, retry and label the runs of a filter, and count them", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const bulk = (...args: ReadonlyArray<string>) => run(["runs", "bulk", ...args], settings)
      const lines = Array.from({ length: 700 }, (_, index) =>
        JSON.stringify({ agent: "bulky", text: "x", public_id: `bulky-${index}`, labels: { import: "7" } }),
      )
      yield* run(["submit", "--jsonl", "-"], { ...settings, stdin: lines.join("\n") })
      yield* run(["submit", "--agent", "other", "--id", "other", "x"], settings)

      const dry = yield* bulk("cancel", "--agent", "bulky", "--dry-run")
      expect([dry.code, dry.stdout]).toEqual([0, "700 runs would be cancelled\n"])
      expect((yield* run(["runs", "get", "bulky-0", "--json"], settings)).stdout).toContain('"pending"')

      const labelled = yield* bulk("label", "--label", "import=7", "--set", "team=a", "--wait")
      expect([labelled.code, labelled.stdout]).toEqual([0, "700 runs labelled\n"])

      const reason = "wrong release"
      const cancelled = yield* bulk("cancel", "--label", "team=a", "--reason", reason, "--wait", "--json")
      expect(cancelled.code).toBe(0)
      expect(json(cancelled.stdout)).toMatchObject({
        action: "cancel",
        done: 700,
        status: "completed",
        reason,
      })
      expect((yield* run(["runs", "get", "bulky-699"], settings)).stdout).toContain(reason)

      const retried = yield* bulk("retry", "--status", "cancelled", "--run", "x")
      expect([retried.code, retried.stderr]).toEqual([64, expect.stringContaining("--run")])
      const named = yield* bulk("retry", "--run", "bulky-0", "--run", "other", "--run", "nowhere", "--wait")
      expect(named.code).toBe(1)
      expect(named.stdout).toContain("1 run submitted again, 1 had not ended, 1 failed")
      expect(named.stdout).toContain("nowhere: Run nowhere does not exist")

      const [newest, ...older] = jsonLines((yield* bulk("list", "--json")).stdout)
      expect([newest!["action"], older.length]).toEqual(["retry", 3])
      const shown = yield* bulk("get", String(newest!["id"]))
      expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining("3 named runs")])
      expect((yield* bulk("list")).stdout).toContain("label team=a")
      const over = yield* bulk("abort", String(newest!["id"]))
      expect([over.code, over.stdout]).toEqual([0, expect.stringContaining("1 run submitted again")])
    }),
  )

  it.scoped("are refused where they name no runs, or something wrong", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const missing = "0190a000-0000-7000-8000-000000000000"
      const refusals = [
        [["cancel"], 64, "--all for every run of the project"],
        [["cancel", "--run", "a", "--all"], 64, "--all"],
        [["cancel", "--status", "done"], 64, "--status"],
        [["cancel", "--label", "customer"], 64, "--label takes name=value"],
        [["cancel", "--since", "yesterday"], 64, "--since takes how long ago"],
        [["label", "--all"], 64, "Give --set NAME=VALUE or --remove NAME"],
        [["label", "--all", "--set", "a=1", "--remove", "a"], 64, "Name each label once"],
        [["get", "x"], 64, "<operation> must be a UUID"],
        [["get", missing], 1, "runlease runs bulk list"],
        [["abort", missing], 1, "runlease runs bulk list"],
      ] as const
      for (const [args, code, says] of refusals) {
        const refused = yield* run(["runs", "bulk", ...args], settings)
        expect([args, refused.code, refused.stderr]).toEqual([args, code, expect.stringContaining(says)])
      }
    }),
  )
})
