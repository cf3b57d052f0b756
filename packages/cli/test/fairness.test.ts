import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, room, run, Served, write } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("fairness", (it) => {
  it.scoped("is given at a submission and in JSON lines, shown, and refused where it is wrong", () =>
    Effect.gen(function* () {
      const { cwd } = yield* room
      const { env } = yield* Served
      const settings = { cwd, env }
      const submit = (...flags: ReadonlyArray<string>) =>
        run(["submit", "--agent", "a", ...flags, "x"], settings)
      const fairnessOf = (id: string) =>
        Effect.map(run(["runs", "get", id, "--json"], settings), ({ stdout }) => {
          const { fairness_key, fairness_weight } = json(stdout) as Record<string, unknown>
          return [fairness_key, fairness_weight]
        })

      expect((yield* submit("--id", "heavy", "--fairness-key", "customer-7")).code).toBe(0)
      expect(yield* fairnessOf("heavy")).toEqual(["customer-7", 1])
      yield* submit("--id", "light", "--fairness-key", "customer-8", "--fairness-weight", "2.5")
      expect(yield* fairnessOf("light")).toEqual(["customer-8", 2.5])
      yield* submit("--id", "none")
      expect(yield* fairnessOf("none")).toEqual([null, null])

      const line = {
        agent: "a",
        public_id: "line",
        text: "x",
        fairness_key: "customer-9",
        fairness_weight: 0.5,
      }
      yield* write(cwd, "runs.jsonl", JSON.stringify(line))
      expect((yield* run(["submit", "--jsonl", "runs.jsonl"], settings)).code).toBe(0)
      expect(yield* fairnessOf("line")).toEqual(["customer-9", 0.5])

      for (const weight of ["0", "100.5", "-1", "1e1", "heavy"]) {
        const refused = yield* submit("--fairness-key", "k", "--fairness-weight", weight)
        expect(refused.code).not.toBe(0)
        expect(refused.stderr).toContain("a number, 0.1 to 100")
      }
      const alone = yield* submit("--fairness-weight", "2")
      expect(alone.code).not.toBe(0)
      expect(alone.stderr).toContain("needs a fairness key")
    }),
  )
})
