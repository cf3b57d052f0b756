import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, project, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("rollouts", (it) => {
  it.scoped("are set, shown and deleted, and route the runs of their agent", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const rollout = (...args: ReadonlyArray<string>) => run(["rollout", ...args], settings)
      const submit = (...args: ReadonlyArray<string>) =>
        Effect.map(run(["submit", "--agent", "writer", "--json", ...args, "x"], settings), ({ stdout }) =>
          json(stdout),
        )
      const missing = yield* rollout("get", "writer")
      expect(missing.code).not.toBe(0)
      expect(missing.stderr).toContain("Agent writer has no rollout")
      const set = yield* rollout("set", "writer", "--current", "1.4.0")
      expect(set.stdout).toBe("Runs of agent writer go to version 1.4.0\n")
      expect((yield* submit())["version"]).toBe("1.4.0")
      const ramp = ["--ramp", "1.5.0", "--percent", "100", "--version-policy", "pinned"]
      const ramped = yield* rollout("set", "writer", "--current", "1.4.0", ...ramp)
      expect(ramped.stdout).toBe(
        "Runs of agent writer go to version 1.4.0, and 100 % of them to version 1.5.0; new ones are pinned\n",
      )
      const pinned = yield* submit()
      expect([pinned["version"], pinned["version_policy"]]).toEqual(["1.5.0", "pinned"])
      const shown = json((yield* rollout("get", "writer", "--json")).stdout)
      expect(shown).toMatchObject({
        agent_id: "writer",
        current: "1.4.0",
        ramp: { version: "1.5.0", percent: 100 },
        version_policy: "pinned",
      })
      const bulk = yield* run(["runs", "bulk", "get", String(shown["bulk_id"])], settings)
      expect(bulk.stdout).toContain("route")
      expect((yield* rollout("delete", "writer")).stdout).toBe(
        "Runs of agent writer go to workers of any version\n",
      )
      expect((yield* submit())["version"] ?? null).toBe(null)
    }),
  )

  it.scoped("refuse half a ramp, a share beyond 100, and one version twice", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const set = (...args: ReadonlyArray<string>) => run(["rollout", "set", "writer", ...args], settings)
      const half = yield* set("--current", "1", "--ramp", "2")
      expect([half.code, half.stderr]).toEqual([64, expect.stringContaining("--ramp VERSION --percent N")])
      const beyond = yield* set("--current", "1", "--ramp", "2", "--percent", "101")
      expect(beyond.stderr).toContain("ramp.percent")
      const twice = yield* set("--current", "1", "--ramp", "1", "--percent", "5")
      expect(twice.stderr).toContain("ramp.version: must be another version than current")
    }),
  )
})
