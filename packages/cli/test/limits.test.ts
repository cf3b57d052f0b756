import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { json, project, run, Served } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("limits", (it) => {
  it.scoped("are given at a submission, listed, paused and resumed, and explained", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const submit = (id: string) =>
        run(
          ["submit", "--agent", "a", "--id", id, "--concurrency-key", "k", "--concurrency-limit", "1", "x"],
          settings,
        )
      for (const id of ["limited-1", "limited-2", "limited-3"]) {
        expect((yield* submit(id)).code).toBe(0)
      }
      const usage = {
        kind: "concurrency_key",
        name: null,
        key: "k",
        max_running: 1,
        rate: null,
        max_pending: null,
        running: 0,
        pending: 3,
        next_start_at: null,
      }
      expect(json((yield* run(["limits", "list", "--json"], settings)).stdout)).toEqual({
        ...usage,
        paused: false,
        open: 1,
        waiting: 2,
      })
      const explained = yield* run(["runs", "explain", "limited-3"], settings)
      expect(explained.stdout).toContain('It waits for a place at limit "k", 2nd of 2.')
      expect(json((yield* run(["limits", "pause", "k", "--json"], settings)).stdout)).toEqual({
        ...usage,
        paused: true,
        open: 0,
        waiting: 3,
      })
      const paused = yield* run(["runs", "explain", "limited-3"], settings)
      expect(paused.stdout).toContain("runlease limits resume")
      expect((yield* run(["limits", "resume", "k"], settings)).stdout).toContain("2 of its runs wait")
      const alone = yield* run(["submit", "--agent", "a", "--concurrency-limit", "2", "x"], settings)
      expect(alone.code).not.toBe(0)
      expect(alone.stderr).toContain("needs a concurrency key")
    }),
  )

  it.scoped("are set for an agent, which is paused and resumed, and then removed", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const limits = (...args: ReadonlyArray<string>) => run(["limits", ...args], settings)
      for (const id of ["governed-1", "governed-2"]) {
        expect((yield* run(["submit", "--agent", "busy", "--id", id, "x"], settings)).code).toBe(0)
      }
      const set = yield* limits("set", "--agent", "busy", "--max-running", "1", "--json")
      const usage = {
        kind: "agent",
        name: null,
        key: "busy",
        max_running: 1,
        rate: null,
        max_pending: null,
        running: 0,
        pending: 2,
        next_start_at: null,
      }
      expect(json(set.stdout)).toEqual({ ...usage, paused: false, open: 1, waiting: 1 })
      const explained = yield* run(["runs", "explain", "governed-2"], settings)
      expect(explained.stdout).toContain('It waits for a place at the limit of agent "busy", 1st of 1.')
      expect((yield* limits("pause", "--agent", "busy")).stdout).toContain(
        "runlease limits resume --agent busy",
      )
      expect((yield* limits("list")).stdout).toMatch(/agent +busy +paused/)
      expect((yield* limits("pause", "another")).code).toBe(0)
      const first = yield* limits("list", "--limit", "1")
      expect(first.stderr).toMatch(/^More with --cursor /)
      const cursor = first.stderr.trim().split(" ").at(-1)!
      const second = yield* limits("list", "--limit", "1", "--cursor", cursor)
      expect([first.stdout, second.stdout].join("")).toMatch(/busy/)
      expect(second.stdout).not.toBe(first.stdout)
      expect((yield* limits("resume", "another")).code).toBe(0)
      const paused = yield* run(["runs", "explain", "governed-1"], settings)
      expect(paused.stdout).toContain('runlease limits resume --agent "busy"')
      expect((yield* limits("resume", "--agent", "busy")).stdout).toContain("1 of its runs wait")
      const removed = yield* limits("delete", "--agent", "busy", "--json")
      expect(json(removed.stdout)).toEqual({
        ...usage,
        max_running: null,
        paused: false,
        open: 2,
        waiting: 0,
      })
      const both = yield* limits("pause", "k", "--agent", "busy")
      expect([both.code, both.stderr]).toEqual([64, expect.stringContaining("One key or one agent")])
    }),
  )

  it.scoped("are set for the project, which is paused and resumed, and are explained", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const limits = (...args: ReadonlyArray<string>) => run(["limits", ...args], settings)
      expect((yield* run(["submit", "--agent", "p", "--id", "whole", "x"], settings)).code).toBe(0)
      const set = yield* limits("set", "--all", "--max-running", "3", "--json")
      const usage = { kind: "project", name: null, max_running: 3, running: 0, open: 0, waiting: 0 }
      expect(json(set.stdout)).toMatchObject({ ...usage, key: expect.any(String), paused: false })
      const paused = yield* limits("pause", "--all")
      expect(paused.stdout).toContain("To resume it: runlease limits resume --all")
      expect((yield* limits("list")).stdout).toMatch(/project +paused/)
      const explained = yield* run(["runs", "explain", "whole"], settings)
      expect(explained.stdout).toContain("The project is paused.")
      expect(explained.stdout).toContain("runlease limits resume --all")
      expect((yield* limits("resume", "--all")).stdout).toContain("Resumed the project")
      expect((yield* limits("delete", "--all")).stdout).toContain("Any number of runs of the project")
      const none = yield* limits("set", "--all", "--max-running", "0")
      expect([none.code, none.stderr]).toEqual([64, expect.stringContaining("limits pause --all")])
      const both = yield* limits("set", "gpu", "--all", "--max-running", "1")
      expect([both.code, both.stderr]).toEqual([64, expect.stringContaining("One name, one agent or --all")])
    }),
  )

  it.scoped("with a name are of the later runs of agents, by a key of their labels", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const limits = (...args: ReadonlyArray<string>) => run(["limits", ...args], settings)
      const agents = ["--agent", "import", "--agent", "export"]
      const keyed = ["--key-from", "labels.customer"]
      const set = yield* limits("set", "crm", "--max-running", "1", ...agents, ...keyed, "--json")
      const named = {
        name: "crm",
        max_running: 1,
        agent_ids: ["import", "export"],
        key_from: "labels.customer",
        rate: null,
        max_pending: null,
      }
      expect(json(set.stdout)).toEqual(named)
      expect(json((yield* limits("get", "crm", "--json")).stdout)).toEqual(named)
      expect((yield* limits("get", "crm")).stdout).toContain("New runs of import, export are under it")
      const submit = (id: string) =>
        run(["submit", "--agent", "import", "--id", id, "--label", "customer=7", "x"], settings)
      for (const id of ["keyed-1", "keyed-2"]) expect((yield* submit(id)).code).toBe(0)
      const explained = yield* run(["runs", "explain", "keyed-2"], settings)
      expect(explained.stdout).toContain('It waits for a place at limit crm, key "7", 1st of 1.')
      const path = yield* limits("set", "crm", "--max-running", "1", ...agents, "--key-from", "output")
      expect([path.code, path.stderr]).toEqual([64, expect.stringContaining("--key-from")])
      const alone = yield* limits("set", "other", "--max-running", "1", ...keyed)
      expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining("keyFrom")])
      const ofAgent = yield* limits("set", "--agent", "import", "--max-running", "1", ...keyed)
      expect([ofAgent.code, ofAgent.stderr]).toEqual([64, expect.stringContaining("limit with a name")])
      const cleared = yield* limits("set", "crm", "--clear", "agent", "--json")
      expect(json(cleared.stdout)).toEqual({ name: "crm", max_running: 1, rate: null, max_pending: null })
      expect((yield* limits("delete", "crm")).code).toBe(0)
    }),
  )

  it.scoped("have names, which submissions give keys of", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const submit = (id: string, limit: string) =>
        run(["submit", "--agent", "named", "--id", id, "--limit", limit, "x"], settings)
      const unknown = yield* submit("named-0", "gpu=eu")
      expect(unknown.code).not.toBe(0)
      expect(unknown.stderr).toContain("limits.gpu: there is no such limit")
      const set = yield* run(["limits", "set", "gpu", "--max-running", "1", "--json"], settings)
      expect(json(set.stdout)).toEqual({ name: "gpu", max_running: 1, rate: null, max_pending: null })
      for (const id of ["named-1", "named-2"]) expect((yield* submit(id, "gpu=eu")).code).toBe(0)
      expect((yield* run(["limits", "get", "gpu"], settings)).stdout).toContain("At most 1 runs")
      const explained = yield* run(["runs", "explain", "named-2"], settings)
      expect(explained.stdout).toContain('It waits for a place at limit gpu, key "eu", 1st of 1.')
      const paused = yield* run(["limits", "pause", "--limit", "gpu=eu", "--json"], settings)
      expect(json(paused.stdout)).toMatchObject({ kind: "named", name: "gpu", key: "eu", waiting: 2 })
      expect((yield* run(["limits", "delete", "gpu"], settings)).code).toBe(0)
      const gone = yield* run(["limits", "get", "gpu"], settings)
      expect([gone.code === 0, gone.stderr]).toEqual([
        false,
        expect.stringContaining("There is no limit gpu"),
      ])
    }),
  )

  it.scoped("have rates and a largest number of pending runs, each of which is set and cleared alone", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const limits = (...args: ReadonlyArray<string>) => run(["limits", ...args], settings)
      const set = yield* limits("set", "api", "--rate", "1/1h", "--max-pending", "1", "--json")
      const bounds = {
        name: "api",
        max_running: null,
        rate: { count: 1, period_seconds: 3600, burst: 1 },
        max_pending: 1,
      }
      expect(json(set.stdout)).toEqual(bounds)
      const more = yield* limits("set", "api", "--max-running", "4", "--burst", "2", "--json")
      const whole = { ...bounds, max_running: 4, rate: { ...bounds.rate, burst: 2 } }
      expect(json(more.stdout)).toEqual(whole)
      const submit = (id: string) =>
        run(["submit", "--agent", "rated", "--id", id, "--limit", "api=eu", "x"], settings)
      for (const id of ["rated-1", "rated-2", "rated-3"]) expect((yield* submit(id)).code).toBe(0)
      const refused = yield* submit("rated-4")
      expect([refused.code === 0, refused.stderr]).toEqual([
        false,
        expect.stringContaining("Limit api takes no further run of eu for now"),
      ])
      expect((yield* limits("list")).stdout).toMatch(/api +eu +4 +1\/1h +1 +0 +2 +1/)
      const explained = yield* run(["runs", "explain", "rated-3"], settings)
      expect(explained.stdout).toContain('It waits for the rate of limit api, key "eu", 1st of 1:')
      expect((yield* limits("get", "api")).stdout).toContain("1 runs of each key of api start in 1h")
      const cleared = yield* limits("set", "api", "--clear", "max-pending", "--clear", "rate", "--json")
      expect(json(cleared.stdout)).toEqual({ ...whole, rate: null, max_pending: null })
      const refusals = [
        [["set", "api", "--clear", "max-running"], 1, "maxRunning"],
        [["set", "api"], 64, "The limit is missing"],
        [["set", "api", "--burst", "2"], 64, "--burst needs a rate"],
        [["set", "api", "--rate", "1/1m", "--clear", "rate"], 64, "both set and cleared"],
        [["set", "api", "--rate", "10"], 64, "--rate takes a count and whole seconds"],
        [["set", "api", "--rate", "0/1m"], 64, "--rate takes"],
        [["set", "--agent", "rated", "--rate", "1/1m"], 64, "An agent has --max-running alone"],
      ] as const
      for (const [args, code, message] of refusals) {
        const answer = yield* limits(...args)
        expect([args, answer.code, answer.stderr]).toEqual([args, code, expect.stringContaining(message)])
      }
    }),
  )
})
