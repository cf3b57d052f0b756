import { expect, layer } from "@effect/vitest"
import { Command, FileSystem, Path } from "@effect/platform"
import { Context, Effect, Layer } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import { onTerminal } from "./Terminal.js"
import { has, json, jsonLines, run, type Running, Served, start, write } from "./Processes.js"

/** A program with one behaviour per agent name. */
const program = `
case "$RUNLEASE_AGENT_ID" in
  failing) echo "out of paper" >&2; exit 4 ;;
  endless) sleep 100000 & echo "$! $$" > "$SHARED/pids"; echo begun; wait ;;
  asking)
    if [ -e "$SHARED/interrupted" ]; then echo thanks; exit; fi
    touch "$SHARED/interrupted"
    echo '{"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"interrupt","interrupts":[{"id":"call-1","reason":"approve"}]}}' ;;
esac
`

const module = Effect.promise(() => Bundle.fixture(new URL("fixtures/kinds.ts", import.meta.url)))

/** A worker with a program and a worker with a module, each for its own agents. */
class Workers extends Context.Tag("cli/test/Workers")<
  Workers,
  { readonly ofProgram: Running; readonly ofModule: Running }
>() {
  static readonly layer = Layer.scoped(
    Workers,
    Effect.gen(function* () {
      const settings = yield* Served
      const file = yield* write(settings.cwd, "program.sh", program)
      const agents = (...names: ReadonlyArray<string>) => names.flatMap((name) => ["--agent", name])
      const [ofProgram, ofModule] = yield* Effect.all(
        [
          start(
            ["worker", "--json", ...agents("failing", "endless", "asking")].concat([
              "--env",
              `SHARED=${settings.cwd}`,
              "--grace",
              "1s",
              "--command",
              "sh",
              "--",
              file,
            ]),
            settings,
          ),
          start(
            [
              "worker",
              "--json",
              ...agents("family", "string", "effect", "stream", "promise", "generator", "throws", "paying"),
            ].concat(["--module", yield* module]),
            settings,
          ),
        ],
        { concurrency: 2 },
      )
      yield* ofProgram.line(has({ event: "registered" }))
      yield* ofModule.line(has({ event: "registered" }))
      return { ofProgram, ofModule }
    }),
  )
}

/** The processes among these that run. An ended process may stay a zombie until its parent collects it. */
const running = (pids: ReadonlyArray<number>) =>
  Command.make("ps", "-o", "pid=,stat=", "-p", pids.join(",")).pipe(
    Command.lines,
    Effect.map((lines) =>
      lines
        .map((line) => line.trim().split(/\s+/))
        .filter(([, state]) => state !== undefined && !state.startsWith("Z"))
        .map(([pid]) => Number(pid)),
    ),
  )

layer(Workers.layer.pipe(Layer.provideMerge(Served.layer)), {
  excludeTestServices: true,
})("a run", (it) => {
  it.scoped("that fails is followed to exit code 2, with its error", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const { code, stdout } = yield* run(["submit", "--agent", "failing", "--watch", "print"], settings)
      expect(code).toBe(2)
      expect(stdout).toContain("out of paper")
    }),
  )

  it.scoped("that has failed is submitted again, and one that is not there is not", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      yield* run(["submit", "--agent", "failing", "--id", "failing-1", "--watch", "print"], settings)
      const again = yield* run(["runs", "retry", "failing-1", "--id", "failing-2"], settings)
      expect([again.code, again.stdout]).toEqual([0, "failing-2\n"])
      const watched = yield* run(["watch", "failing-2"], settings)
      expect(watched.code).toBe(2)
      const none = yield* run(["runs", "retry", "no-such-run"], settings)
      expect(none.code).not.toBe(0)
      expect(none.stderr).toContain("no-such-run")
    }),
  )

  it.scoped("that failed behind a payment pays once however it is retried, and again from the start", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const payments = Effect.map(
        fs.readFileString(path.join(settings.cwd, "paid")),
        (text) => text.split("\n").length - 1,
      )
      const ended = (id: string) => run(["watch", id], settings)
      for (const id of ["pay-1", "pay-2"]) {
        yield* run(["submit", "--agent", "paying", "--id", id, "--watch", "go"], settings)
      }
      expect(yield* payments).toBe(2)
      yield* fs.writeFileString(path.join(settings.cwd, "mended"), "")

      yield* run(["runs", "retry", "pay-1", "--id", "pay-1b"], settings)
      expect((yield* ended("pay-1b")).code).toBe(0)
      const events = yield* run(["runs", "events", "pay-1b", "--name", "runlease.retry"], settings)
      expect(events.stdout).toContain('"run_id":"pay-1","records":1')
      const bulk = yield* run(["runs", "bulk", "retry", "--run", "pay-2", "--wait", "--json"], settings)
      expect((yield* ended(`${String(json(bulk.stdout)["id"])}:pay-2`)).code).toBe(0)
      expect(yield* payments).toBe(2)

      // Without a terminal there is no person to say yes.
      for (const command of [
        ["runs", "retry", "pay-1"],
        ["runs", "bulk", "retry", "--run", "pay-1"],
      ]) {
        const refused = yield* run([...command, "--from-start"], settings)
        expect([refused.code, refused.stderr]).toEqual([64, expect.stringContaining("--yes")])
      }
      const args = ["runs", "retry", "pay-1", "--from-start", "--id", "pay-1c"]
      const left = yield* onTerminal(args, settings, [["Go on? [y/N]", "n\n"]])
      expect(left.stdout).toContain("Nothing was done")
      expect(left.stdout).toMatch(/has recorded 1 step, which will be done again\.\s+pay/)
      expect(yield* payments).toBe(2)
      yield* onTerminal(args, settings, [["Go on? [y/N]", "y\n"]])
      expect((yield* ended("pay-1c")).code).toBe(0)
      expect(yield* payments).toBe(3)
      yield* run(["runs", "bulk", "retry", "--run", "pay-2", "--from-start", "--yes", "--wait"], settings)
      yield* Effect.repeat(payments, { until: (count) => count === 4 })
      const anew = yield* run(["runs", "list", "--agent", "paying", "--json"], settings)
      expect(jsonLines(anew.stdout).length).toBe(6)
    }),
  )

  it.scoped("is forked with edits, which count as recorded and are listed", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const paid = fs.readFileString(path.join(settings.cwd, "paid"))
      yield* fs.writeFileString(path.join(settings.cwd, "mended"), "")
      yield* run(["submit", "--agent", "paying", "--id", "forked-1", "--watch", "go"], settings)
      const before = yield* paid
      const fork = (...flags: ReadonlyArray<string>) =>
        run(["runs", "fork", "forked-1", "--after", "1", ...flags], settings)

      const edited = ["--set", "step pay=null", "--message", "Shorter", "--id", "forked-2"]
      expect((yield* fork(...edited)).stdout).toBe("forked-2\n")
      expect((yield* run(["watch", "forked-2"], settings)).code).toBe(0)
      expect(yield* paid).toBe(before)
      const watched = yield* run(["watch", "forked-2"], settings)
      expect(watched.stdout + watched.stderr).toMatch(
        /fork of forked-1 after event 1 by API key [0-9a-f-]+, edited: step pay and the message of the user/,
      )
      const shown = yield* run(["runs", "get", "forked-2", "--json"], settings)
      expect(json(shown.stdout)).toMatchObject({ parent_run_id: "forked-1" })

      const unknown = yield* fork("--set", "step pya=1")
      expect([unknown.code, unknown.stderr]).toEqual([
        1,
        expect.stringContaining("the run has no step of the name or id pya; it has pay"),
      ])
      for (const [set, words] of [
        ["pay=1", "--set says what it edits"],
        ["step pay={", "The value of --set 'step pay' is no JSON at line 1, column 2"],
      ] as const) {
        const refused = yield* fork("--set", set)
        expect([refused.code, refused.stderr]).toEqual([64, expect.stringContaining(words)])
      }
      const versioned = yield* fork("--worker-version", "2")
      expect([versioned.code, versioned.stderr]).toEqual([64, expect.stringContaining("needs an agent")])
      // Another agent does the same request.
      yield* fork("--agent", "string", "--id", "forked-3")
      expect((yield* run(["watch", "forked-3"], settings)).stdout).toContain("from a string")
      yield* fork("--agent", "string", "--worker-version", "2", "--id", "forked-4")
      const pinned = yield* run(["runs", "get", "forked-4", "--json"], settings)
      expect(json(pinned.stdout)).toMatchObject({ version: "2", version_policy: "pinned", status: "pending" })
      yield* run(["runs", "cancel", "forked-4"], settings)
    }),
  )

  it.scoped("goes on when its viewer leaves, and its processes end when it is cancelled", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const { ofProgram } = yield* Workers
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const leaving = yield* start(
        ["submit", "--agent", "endless", "--id", "endless-1", "--watch", "go"],
        settings,
      )
      yield* leaving.line((line) => line === "begun")
      yield* leaving.signal("SIGINT")
      const left = yield* leaving.ended
      expect(left.code).toBe(130)
      const again = /runlease (watch endless-1 --after \d+)\n/.exec(left.stderr)?.[1]
      expect(again).toBeDefined()

      const watching = yield* start([...again!.split(" "), "--json"], settings)
      const pids = (yield* fs.readFileString(path.join(settings.cwd, "pids"))).trim().split(" ").map(Number)
      expect((yield* running(pids)).sort()).toEqual(pids.toSorted())

      const cancelled = yield* run(["runs", "cancel", "endless-1", "--json"], settings)
      expect(json(cancelled.stdout)).toMatchObject({ cancelled: true, status: "cancelled" })
      const watched = yield* watching.ended
      expect(watched.code).toBe(3)
      expect(watched.stdout).not.toContain("begun")
      yield* ofProgram.line(has({ event: "lease_ended", run_id: "endless-1", reason: "cancelled" }))
      expect(yield* running(pids)).toEqual([])
    }),
  )

  it.scoped("with children is shown as a tree, and its children in a list", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const parent = yield* run(
        ["submit", "--agent", "family", "--id", "family-1", "--watch", "go"],
        settings,
      )
      expect(parent.stdout).toContain("Right,Left")
      const [tree, lines, list] = yield* Effect.all(
        [
          run(["runs", "tree", "family-1"], settings),
          run(["runs", "tree", "family-1", "--json"], settings),
          run(["runs", "list", "--parent", "family-1", "--json"], settings),
        ],
        { concurrency: 2 },
      )
      const branches = tree.stdout
        .trim()
        .split("\n")
        .map((line) =>
          line
            .replaceAll(/ runlease\.child\.[0-9a-f-]{36} | [\d.]+s( |$)/g, " ")
            .replaceAll(/ +/g, " ")
            .trim(),
        )
      expect(branches).toEqual([
        "family family-1 completed",
        "├─ string completed",
        "└─ throws failed out of paper",
      ])
      expect(jsonLines(lines.stdout).map((each) => (each as { status: string }).status)).toEqual([
        "completed",
        "completed",
        "failed",
      ])
      expect(jsonLines(list.stdout)).toMatchObject([
        { parent_run_id: "family-1", agent_id: "throws" },
        { parent_run_id: "family-1", agent_id: "string" },
      ])
    }),
  )

  it.scoped("waits for an answer, accepts one JSON answer, and ends", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const { ofProgram } = yield* Workers
      const following = yield* start(
        ["submit", "--agent", "asking", "--id", "asking-1", "--watch", "may I?"],
        settings,
      )
      yield* ofProgram.line(has({ event: "suspended", run_id: "asking-1" }))
      const [got, noJson, otherCall] = yield* Effect.all(
        [
          run(["runs", "get", "asking-1", "--json"], settings),
          run(["runs", "resume", "asking-1", "--tool-call", "call-1", "--result", "yes"], settings),
          run(["runs", "resume", "asking-1", "--tool-call", "call-2", "--result", "true"], settings),
        ],
        { concurrency: 2 },
      )
      expect(json(got.stdout)).toMatchObject({ status: "waiting", waiting_for: "call-1" })
      expect(noJson.code).toBe(64)
      expect(noJson.stderr).toContain("--result")
      expect(otherCall.code).toBe(1)
      expect(otherCall.stderr).toContain("call-2")

      const answer = ["runs", "resume", "asking-1", "--tool-call", "call-1", "--result", "true", "--json"]
      expect(json((yield* run(answer, settings)).stdout)).toMatchObject({ accepted: true, duplicate: false })
      const { code, stdout } = yield* following.ended
      expect(code).toBe(0)
      expect(stdout).toContain("thanks")
    }),
  )

  it.scoped("executes an async generator, and logs the stack of an error that a module throws", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const { ofModule } = yield* Workers
      const watched = yield* run(["submit", "--agent", "generator", "--watch", "x"], settings)
      expect(watched.stdout).toContain("from a generator")
      const failed = yield* run(["submit", "--agent", "throws", "--watch", "x"], settings)
      expect(failed.code).not.toBe(0)
      yield* ofModule.errorLine((line) => line.includes("out of paper") && line.includes("fixtures-kinds"))
    }),
  )

  it.scoped(
    "is executed by a module's function with any kind of output, and is submitted from stdin with others",
    () =>
      Effect.gen(function* () {
        const settings = yield* Served
        const { ofModule } = yield* Workers
        const names = ["string", "effect", "stream", "promise"]
        const stdin = names
          .map((name) => JSON.stringify({ agent: name, text: "x", public_id: name }))
          .join("\n")
        const submit = ["submit", "--jsonl", "-", "--json"]
        const first = jsonLines((yield* run(submit, { ...settings, stdin })).stdout)
        expect(first.map(({ run_id }) => run_id).sort()).toEqual([...names].sort())
        expect(first.map(({ duplicate }) => duplicate)).toEqual([false, false, false, false])
        for (const name of names) yield* ofModule.line(has({ event: "completed", run_id: name }))

        const again = jsonLines((yield* run(submit, { ...settings, stdin })).stdout)
        expect(again.map(({ duplicate }) => duplicate)).toEqual([true, true, true, true])
        const watched = yield* Effect.forEach(names, (name) => run(["watch", name], settings), {
          concurrency: 2,
        })
        for (const [index, name] of names.entries()) {
          expect(watched[index]!.stdout).toContain(`from a ${name}\n`)
          expect(watched[index]!.code).toBe(0)
        }
      }),
  )

  it.scoped("steers the run of its conversation, is rejected beside it, and interrupts it", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      const submit = (...options: ReadonlyArray<string>) =>
        run(["submit", "--agent", "nobody", "--json", ...options, "left"], settings)
      const { conversation_id, run_id } = json((yield* submit()).stdout)
      const first = String(run_id)
      const again = (way: string) => submit("--conversation", String(conversation_id), "--multitask", way)
      expect(json((yield* again("steer")).stdout)).toMatchObject({ run_id, steered: true })
      const rejected = yield* again("reject")
      expect(rejected.code).not.toBe(0)
      expect(rejected.stderr).toContain(first)
      expect(json((yield* again("interrupt")).stdout)).toMatchObject({ status: "pending", steered: false })
      const shown = yield* run(["runs", "get", first, "--json"], settings)
      expect(json(shown.stdout)).toMatchObject({ status: "cancelled" })
    }),
  )
})
