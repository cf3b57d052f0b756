import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { jsonLines, run, Served, write } from "./Processes.js"

const definition = {
  name: "Nightly report",
  target: { kind: "agent", id: "report" },
  schedule: "0 2 * * *",
  timezone: "Europe/Berlin",
}

const cron = ["--schedule", "0 9 * * 1-5", "--timezone", "Europe/Berlin"]

const morning = ["--agent", "report", ...cron, "--prompt", "Write the report"]
const bounds = ["--stale-after", "26h", "--window", "5m", "--max-attempts", "1", "--policy", "Queue"]

/** Runs a command of schedules, which must succeed. */
const schedules = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* run(["schedules", ...args], yield* Served)
  expect({ args, code, stderr }).toMatchObject({ args, code: 0 })
  return stdout
})

/** The JSON lines of such a command. */
const lines = (...args: ReadonlyArray<string>) => Effect.map(schedules(...args, "--json"), jsonLines)

const created = Effect.fnUntraced(function* (name: string, ...flags: ReadonlyArray<string>) {
  const [schedule] = yield* lines("create", name, "--agent", "report", ...flags)
  return schedule!
})

/** What a command that must fail prints on stderr, and its exit code. */
const refusal = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(Served, (served) =>
    Effect.map(run(["schedules", ...args], served), ({ code, stderr }) => ({ code, stderr })),
  )

layer(Layer.provideMerge(Served.layer, NodeContext.layer), { excludeTestServices: true })(
  "schedules",
  (it) => {
    it.scoped("are created, listed, shown, changed, paused, resumed and deleted", () =>
      Effect.gen(function* () {
        const text = yield* schedules("create", "Morning report", ...morning, ...bounds)
        const [, id] = /^Created schedule (\S+); its next run begins at \S+Z\n$/.exec(text) ?? []
        const [made] = yield* lines("get", id!)
        expect(made).toMatchObject({
          id,
          name: "Morning report",
          schedule: "0 9 * * 1-5",
          timezone: "Europe/Berlin",
          target: { kind: "agent", id: "report" },
          config: { prompt: "Write the report" },
          health: { max_staleness_seconds: 93_600 },
          window_seconds: 300,
          backoff_limit: 0,
          concurrency_policy: "Queue",
        })
        expect(yield* schedules("list")).toMatch(
          new RegExp(
            `^SCHEDULE[^]*${id} +Morning report +report +0 9 \\* \\* 1-5 Europe/Berlin .* active$`,
            "m",
          ),
        )
        expect(yield* schedules("get", id!)).toMatch(/^prompt +Write the report$/m)

        const [changed] = yield* lines(
          "update",
          id!,
          "--input",
          '{"topic":"tides"}',
          "--schedule",
          "every 90s",
        )
        expect(changed).toMatchObject({
          schedule: "every 90s",
          config: { prompt: "Write the report", input: { topic: "tides" } },
          timezone: "Europe/Berlin",
        })
        const stale = yield* refusal("update", id!, "--name", "x", "--revision", String(made!["revision"]))
        expect(stale).toMatchObject({ code: 1, stderr: expect.stringContaining(`schedules get ${id}`) })

        expect(yield* schedules("pause", id!, "--reason", "holidays")).toContain(`Paused schedule ${id}`)
        const paused = yield* schedules("get", id!)
        expect(paused).toMatch(/^status +paused: holidays$/m)
        expect(paused).toContain(`runlease schedules resume ${id}`)
        expect(yield* lines("list", "--status", "paused")).toMatchObject([{ id }])
        expect(yield* schedules("resume", id!)).toContain("its next run begins at")
        expect(yield* schedules("delete", id!)).toContain(`Deleted schedule ${id}`)
        expect(yield* refusal("get", id!)).toEqual({
          code: 1,
          stderr: `Error: Schedule ${id} does not exist\nList the schedules of the project with: runlease schedules list\n`,
        })
      }),
    )

    it.scoped("give their runs labels and a limit, and lose what an update clears", () =>
      Effect.gen(function* () {
        const limited = ["--concurrency-key", "reports", "--concurrency-limit", "2"]
        const ends = ["--ends-at", "2090-01-01T00:00:00Z", "--max-runs", "9", "--stale-after", "26h"]
        const made = yield* created(
          "Full",
          ...cron,
          "--prompt",
          "x",
          "--label",
          "tier=gold",
          ...limited,
          ...ends,
        )
        const id = String(made["id"])
        expect(made).toMatchObject({
          config: {
            prompt: "x",
            labels: { tier: "gold" },
            concurrency_key: "reports",
            concurrency_limit: 2,
          },
          max_runs: 9,
        })
        const shown = yield* schedules("get", id)
        expect(shown).toMatch(/^labels +tier=gold$/m)
        expect(shown).toMatch(/^concurrency +reports, 2 at once$/m)
        yield* schedules("run", id)
        expect(yield* schedules("list", "--status", "stale")).toContain("No schedules")

        const cleared = ["prompt", "concurrency-limit", "ends-at", "max-runs", "stale-after"]
        const clear = cleared.flatMap((name) => ["--clear", name])
        const [after] = yield* lines("update", id, "--label", "tier=iron", ...clear)
        expect(after).toMatchObject({
          config: { labels: { tier: "iron" }, concurrency_key: "reports" },
          ends_at: null,
          max_runs: null,
          health: null,
        })
        expect(Object.keys(after!["config"] as object).toSorted()).toEqual(["concurrency_key", "labels"])
        const both = yield* refusal("update", id, "--clear", "prompt", "--prompt", "y")
        expect(both).toMatchObject({
          code: 64,
          stderr: expect.stringContaining("--prompt and --clear prompt exclude each other"),
        })
        const alone = yield* refusal("update", id, "--clear", "concurrency-key", "--concurrency-limit", "2")
        expect(alone).toMatchObject({ code: 64, stderr: expect.stringContaining("needs a concurrency key") })
        const timeout = yield* refusal("update", id, "--clear", "timeout")
        expect(timeout.code).toBe(64)
        yield* schedules("delete", id)
      }),
    )

    it.scoped("are refused with what would be right", () =>
      Effect.gen(function* () {
        const wrong = [
          [["--schedule", "0 9 * * *", "--timezone", "Europe/Nowhere"], "such as Europe/Berlin"],
          [["--schedule", "0 0 30 2 *"], "five fields, minute hour day month weekday"],
          [
            ["--schedule", "0 9 * * *", "--policy", "forbid"],
            "--policy takes Allow, Forbid, Replace, or Queue",
          ],
          [
            ["--schedule", "0 9 * * *", "--starts-at", "tomorrow"],
            "--starts-at takes an instant, as 2026-02-01T",
          ],
          [["--schedule", "0 9 * * *", "--window", "2h"], "--window takes 0 to 1 hour"],
          [["--schedule", "0 9 * * *", "--input", "{topic}"], "--input is no JSON at line 1, column 2"],
        ] as const
        for (const [flags, hint] of wrong) {
          const { code, stderr } = yield* refusal("create", "Wrong", "--agent", "report", ...flags)
          expect({ flags, code, stderr }).toEqual({ flags, code: 64, stderr: expect.stringContaining(hint) })
        }
        expect(yield* lines("list")).toEqual([])
        expect((yield* refusal("pause", "nightly")).stderr).toContain("<schedule> must be a UUID")
        const nothing = yield* refusal("update", "00000000-0000-4000-8000-000000000001")
        expect(nothing).toMatchObject({
          code: 64,
          stderr: expect.stringContaining("There is nothing to change"),
        })
      }),
    )

    it.scoped("of a file are applied, all or none, and pruned", () =>
      Effect.gen(function* () {
        const { cwd } = yield* Served
        const file = (name: string, ...declared: ReadonlyArray<object>) =>
          write(cwd, name, JSON.stringify({ schedules: declared }))
        const both = yield* file(
          "both.json",
          { key: "nightly", ...definition },
          { key: "weekly", ...definition, schedule: "0 3 * * 1" },
        )
        const own = yield* created("Own", ...cron)
        const apply = (path: string, ...flags: ReadonlyArray<string>) =>
          schedules("apply", path, "--source", "shop", ...flags)
        expect(yield* apply(both, "--dry-run")).toBe(
          "created   nightly\ncreated   weekly\n2 created. This was a dry run: nothing has changed\n",
        )
        expect(yield* lines("list", "--source", "shop")).toEqual([])
        expect(yield* apply(both)).toMatch(
          /^created {3}nightly {2}\S{36}\ncreated {3}weekly {2}\S{36}\n2 created\n$/,
        )
        expect(yield* apply(both)).toMatch(/\n2 unchanged\n$/)

        const wrong = yield* file(
          "wrong.json",
          { key: "nightly", ...definition, cron: "x" },
          { ...definition },
        )
        expect(yield* refusal("apply", wrong, "--source", "shop")).toEqual({
          code: 64,
          stderr: expect.stringMatching(
            /schedule "nightly" cron: is not a field here[^]*schedules\.1\.key: is missing\nNothing was changed/,
          ),
        })
        const never = yield* file("never.json", { key: "nightly", ...definition, schedule: "0 0 31 2 *" })
        expect((yield* refusal("apply", never, "--source", "shop")).code).toBe(64)

        const one = yield* file("one.json", { key: "nightly", ...definition, missed: "once" })
        expect(yield* apply(one, "--prune")).toMatch(/1 updated and 1 removed\n$/)
        const [nightly] = yield* lines("list", "--source", "shop")
        expect(nightly).toMatchObject({ source_trigger_id: "nightly", missed: "once" })
        const refused = yield* refusal("update", String(nightly!["id"]), "--name", "x")
        expect(refused).toMatchObject({
          code: 1,
          stderr: expect.stringContaining("runlease schedules apply FILE --source shop"),
        })
        expect(yield* schedules("get", String(own["id"]))).toContain("Own")
        yield* schedules("delete", String(own["id"]))
      }),
    )

    it.scoped("begin a run now, show their next ticks, and begin the runs of past ones", () =>
      Effect.gen(function* () {
        const id = String((yield* created("Ticks", ...cron))["id"])
        const [begun] = yield* lines("run", id, "--idempotency-key", "now")
        expect(begun).toMatchObject({ agent_id: "report", status: "pending", duplicate: false })
        expect(yield* schedules("run", id, "--idempotency-key", "now")).toBe(`${String(begun!["run_id"])}\n`)

        expect((yield* lines("upcoming", id, "--count", "3")).length).toBe(3)
        expect((yield* schedules("upcoming", id)).split("\n").length).toBe(12)
        const backfill = ["backfill", id, "--from", "2026-01-05T00:00:00Z", "--to", "2026-01-09T23:00:00Z"]
        const filled = yield* lines(...backfill, "--limit", "4")
        expect(filled.map(({ nominal_at }) => nominal_at)).toEqual(
          ["05", "06", "07", "08"].map((day) => `2026-01-${day}T08:00:00.000Z`),
        )
        const again = yield* run(["schedules", ...backfill, "--limit", "4"], yield* Served)
        expect(again.stdout.match(/it had this run before/g)?.length).toBe(4)
        expect(again.stderr).toBe("More with --from 2026-01-08T08:00:01.000Z\n")
        const backwards = yield* refusal(
          "backfill",
          id,
          "--from",
          "2026-01-09T00:00:00Z",
          "--to",
          "2026-01-05T00:00:00Z",
        )
        expect(backwards.code).toBe(64)
      }),
    )
  },
)
