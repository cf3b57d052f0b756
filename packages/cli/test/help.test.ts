import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { folder, run } from "./Processes.js"

/** The help line of a flag. */
const lineOf = (help: string, flag: string) =>
  help.split("\n").find((line) => new RegExp(`^ +${flag}( |$)`).test(line)) ?? ""

layer(NodeContext.layer, { excludeTestServices: true })("help", (it) => {
  it.scoped("has a line for each flag, with its default and its variable, after the examples", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { code, stderr, stdout } = yield* run(["worker", "--help"], { cwd })
      expect(code).toBe(0)
      expect(stderr).toBe("")
      expect(stdout.split("\n").length).toBeLessThan(81)
      expect(stdout.indexOf("Examples:")).toBeGreaterThan(0)
      expect(stdout.indexOf("Examples:")).toBeLessThan(stdout.indexOf("Usage:"))
      expect(stdout).toContain("runlease worker [flags] [-- ARGUMENT...]")
      expect(lineOf(stdout, "--concurrency")).toMatch(/ N +.*\(default 10; RUNLEASE_CONCURRENCY\)$/)
      expect(lineOf(stdout, "--lease")).toMatch(/\(default 1m; RUNLEASE_LEASE\)$/)
      expect(lineOf(stdout, "--api-key")).toMatch(/\(RUNLEASE_API_KEY\)$/)
      expect(lineOf(stdout, "--permission")).toContain("allow|deny|ask")
      expect(stdout).toContain("\nClaiming:\n")
      expect(stdout).not.toContain("optional")
    }),
  )

  it.scoped("exists for every command, in each form of the request, without colour codes", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const commands = [
        ["init"],
        ["serve"],
        ["backup"],
        ["submit"],
        ["watch"],
        ["runs", "list"],
        ["runs", "prune"],
        ["runs", "explain"],
        ["doctor"],
        ["resume"],
        ["tell"],
        ["mcp"],
        ["runs", "usage"],
        ["workers", "revoke"],
        ["keys", "create"],
        ["sql", "steps"],
        ["webhooks", "create"],
        ["webhooks", "retry"],
        ["schedules", "create"],
        ["schedules", "apply"],
        ["demo"],
      ]
      yield* Effect.forEach(
        commands,
        (command) =>
          Effect.gen(function* () {
            // stdout is no terminal, so there are no colours even without NO_COLOR.
            const requested = yield* run(["help", ...command], { cwd, env: { NO_COLOR: "" } })
            expect(requested.stdout).toContain(`  runlease ${command.join(" ")} [flags]`)
            expect(requested.stdout).not.toContain("\u001B")
            expect(requested.code).toBe(0)
            expect((yield* run([...command, "-h"], { cwd })).stdout).toBe(requested.stdout)
          }),
        { concurrency: 2 },
      )
      const group = yield* run(["runs"], { cwd })
      expect(group.stdout).toContain("  runlease runs COMMAND")
      expect(group.stdout).toMatch(/\n {2}prune +Delete runs/)
    }),
  )

  it.scoped("describes the form of a duration in the units of its flag", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { code, stderr } = yield* run(["worker", "--command", "cat", "--lease", "1h"], { cwd })
      expect(stderr).toContain('--lease takes 5 to 300 seconds, written as 30s or 5m, not "1h"')
      expect(code).toBe(64)
    }),
  )

  it.scoped("names the bounds of a limit of time", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      for (const [flag, wrong] of [
        ["--ttl", "0s"],
        ["--timeout", "366d"],
      ] as const) {
        const { code, stderr } = yield* run(["submit", "--agent", "a", flag, wrong, "x"], { cwd })
        expect(stderr).toContain(`${flag} takes 1s to 365d, written as 500ms, 30s, 5m, 1h or 30d`)
        expect(code).toBe(64)
      }
    }),
  )

  it.scoped("names the limits of a budget", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      for (const wrong of ["tokens=0", "words=5", "tokens=1,tokens=2", "5"]) {
        const { code, stderr } = yield* run(["submit", "--agent", "a", "--budget", wrong, "x"], { cwd })
        expect(stderr).toContain("--budget takes limits of tokens, cost, steps, seconds, runs")
        expect(code).toBe(64)
      }
    }),
  )

  it.scoped("has completions of three shells, with every command", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      for (const shell of ["bash", "fish", "zsh"]) {
        const { code, stdout } = yield* run(["--completions", shell], { cwd })
        expect(code).toBe(0)
        for (const word of ["worker", "drain-timeout", "prune"]) expect(stdout).toContain(word)
      }
    }),
  )
})
