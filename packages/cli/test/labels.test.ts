import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, jsonLines, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("labels in the command", (it) => {
  it.scoped("are given at the submission, listed, shown, changed, and refused where none can be so", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const submit = (...args: ReadonlyArray<string>) =>
        run(["submit", "--agent", "labelled", ...args, "x"], settings)
      yield* submit("--id", "one", "--label", "customer=42", "--label", "note=a=b")
      yield* submit("--id", "two", "--label", "customer=42")
      const ids = (...labels: ReadonlyArray<string>) =>
        Effect.map(
          run(["runs", "list", "--json", ...labels.flatMap((label) => ["--label", label])], settings),
          ({ stdout }) => jsonLines(stdout).map((line) => line["run_id"]),
        )
      expect(yield* ids("customer=42")).toEqual(["two", "one"])
      expect(yield* ids("customer=42", "note=a=b")).toEqual(["one"])
      expect((yield* run(["runs", "get", "one"], settings)).stdout).toContain("customer=42 note=a=b")
      const changed = yield* run(["runs", "label", "one", "--set", "tier=gold", "--remove", "note"], settings)
      expect([changed.code, changed.stdout]).toEqual([0, "customer=42 tier=gold\n"])
      for (const wrong of [
        ["--label", "customer"],
        ["--label", "Customer=1"],
        ["--label", "a=1", "--label", "a=2"],
      ]) {
        const refused = yield* submit(...wrong)
        expect(refused.code).toBe(64)
        expect(refused.stderr).toContain("--label")
      }
      expect((yield* run(["runs", "label", "one"], settings)).code).toBe(64)
    }),
  )

  it.scoped("are beside a time of the submission in a list", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      yield* run(["submit", "--agent", "timed", "--id", "timed", "x"], settings)
      const ids = (...flags: ReadonlyArray<string>) =>
        Effect.map(run(["runs", "list", "--json", "--agent", "timed", ...flags], settings), ({ stdout }) =>
          jsonLines(stdout).map((line) => line["run_id"]),
        )
      expect(yield* ids("--since", "1h")).toEqual(["timed"])
      expect(yield* ids("--until", "1h")).toEqual([])
      expect(yield* ids("--since", "2026-02-01T09:00:00Z", "--until", "0s")).toEqual(["timed"])
      expect(yield* ids("--until", "2026-02-01T09:00:00+01:00")).toEqual([])
      const refused = yield* run(["runs", "list", "--since", "yesterday"], settings)
      expect([refused.code, refused.stderr]).toEqual([
        64,
        expect.stringContaining("--since takes how long ago"),
      ])
    }),
  )

  it.scoped(
    "are in the lines of --jsonl, which are sent in batches; a line that is refused leaves the others",
    () =>
      Effect.gen(function* () {
        const settings = yield* Served
        const lines = Array.from({ length: 300 }, (_, index) =>
          JSON.stringify({
            agent: "batched",
            text: "x",
            public_id: `line-${index}`,
            batch_id: "import-7",
            labels: { import: "7" },
          }),
        )
        const args = ["submit", "--jsonl", "-"]
        const sent = yield* run(args, { ...settings, stdin: lines.join("\n") })
        expect(sent.code).toBe(0)
        expect(new Set(sent.stdout.trim().split("\n")).size).toBe(300)
        const shown = json((yield* run(["runs", "get", "line-299", "--json"], settings)).stdout)
        expect(shown).toMatchObject({ batch_id: "import-7", labels: { import: "7" } })
        const other = JSON.stringify({ agent: "another", text: "x", public_id: "line-0" })
        const late = JSON.stringify({ agent: "batched", text: "x", public_id: "late" })
        const conflict = yield* run(args, { ...settings, stdin: `${other}\n${late}` })
        expect([conflict.code, conflict.stdout]).toEqual([1, "late\n"])
        expect(conflict.stderr).toContain("1 of 2 were submitted")
      }),
  )
})
