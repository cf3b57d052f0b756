import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, jsonLines, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("debounced submissions", (it) => {
  it.scoped("of one key become one run, with the newest text", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const submit = (text: string, ...args: ReadonlyArray<string>) =>
        run(["submit", "--agent", "debounced", "--json", ...args, text], settings)
      const wait = ["--debounce", "1h", "--debounce-key", "pull 12"]
      const first = json((yield* submit("one", ...wait, "--debounce-max", "2h")).stdout)
      expect(first).toMatchObject({ debounced: false, status: "pending" })
      const second = json((yield* submit("two", ...wait)).stdout)
      expect(second).toMatchObject({ debounced: true, run_id: first["run_id"] })
      const line = { input: { pull: 12 }, agent: "debounced", debounce: { key: "pull 12", seconds: 60 } }
      const sent = yield* run(["submit", "--jsonl", "-", "--json"], {
        ...settings,
        stdin: JSON.stringify(line),
      })
      expect(jsonLines(sent.stdout)).toMatchObject([{ debounced: true, run_id: first["run_id"] }])
      expect((yield* run(["runs", "get", String(first["run_id"])], settings)).stdout).toContain('"pull":12')
    }),
  )

  it.scoped("have a key and a time, and nothing that they cannot go with", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const refused = (...args: ReadonlyArray<string>) =>
        run(["submit", "--agent", "debounced", ...args, "x"], settings)
      const noKey = yield* refused("--debounce", "30s")
      expect([noKey.code, noKey.stderr]).toEqual([64, expect.stringContaining("--debounce-key")])
      const noTime = yield* refused("--debounce-key", "k")
      expect([noTime.code, noTime.stderr]).toEqual([64, expect.stringContaining("--debounce 30s")])
      const both = yield* refused("--debounce", "30s", "--debounce-key", "k", "--multitask", "latest")
      expect(both.code).not.toBe(0)
      expect(both.stderr).toContain("debounce: goes without a multitask")
    }),
  )
})
