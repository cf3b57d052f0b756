import { expect, layer } from "@effect/vitest"
import { Executor, Ids } from "@runlease/core"
import { Effect, Layer } from "effect"
import { connect, until } from "./FaultRoom.js"
import agents from "./fixtures/asking.js"
import { working } from "./OwnWorker.js"
import { json, run, Served, start } from "./Processes.js"

/** A worker that works on the runs of all tests. */
const worker = Layer.scopedDiscard(
  Effect.flatMap(Served, ({ env }) => working(env, Executor.layerFrom(agents))),
)

/** Submits a run and waits until it has an open interrupt. */
const asking = (agent: string, id: string) =>
  Effect.gen(function* () {
    const settings = yield* Served
    const { runs } = yield* connect(settings.env)
    yield* run(["submit", "--agent", agent, "--id", id, "please"], settings)
    yield* until(runs.get(Ids.RunId.make(id)), ({ status }) => status === "waiting")
    return settings
  })

layer(worker.pipe(Layer.provideMerge(Served.layer)), {
  excludeTestServices: true,
})("a run that asks", (it) => {
  it.scoped("is shown with its question and the command to answer it, and goes on after a yes", () =>
    Effect.gen(function* () {
      const settings = yield* asking("approving", "one")
      const shown = yield* run(["runs", "get", "one"], settings)
      const question = 'Deploy it? about {"to":"production","replicas":900}'
      expect(shown.stdout).toContain("  deploy  Deploy it?\n    to: production\n    replicas: 900\n")
      const explained = (yield* run(["runs", "explain", "one"], settings)).stdout
      expect(explained).toContain(
        'It asked for "Deploy it?" about {"to":"production","replicas":900} and let',
      )
      expect(explained).toContain(`It waits for an answer to deploy: ${question}\n`)
      const got = json((yield* run(["runs", "get", "one", "--json"], settings)).stdout)
      expect(got).toMatchObject({ open: [{ metadata: { about: { to: "production", replicas: 900 } } }] })
      const suggested = /Answer with: runlease (resume one) /.exec(shown.stdout)?.[1]
      expect(suggested).toBeDefined()
      const resumed = yield* run([...suggested!.split(" "), "--approve"], settings)
      expect([resumed.code, resumed.stdout]).toEqual([0, "one continues\n"])
      expect((yield* run(["watch", "one"], settings)).stdout).toContain("deployed\n")

      const again = yield* run(["resume", "one", "--interrupt", "deploy", "--approve"], settings)
      expect([again.code, again.stdout]).toEqual([0, "one had that answer\n"])
      const otherwise = yield* run(["resume", "one", "--interrupt", "deploy", "--deny"], settings)
      expect(otherwise.code).toBe(1)
      expect(otherwise.stderr).toContain("another answer")
      expect(otherwise.stderr).toContain("runlease runs get one")
      const nothing = yield* run(["resume", "one", "--approve"], settings)
      expect(nothing.code).toBe(1)
      expect(nothing.stderr).toContain("completed")
      expect(nothing.stderr).toContain("runlease watch one")
    }),
  )

  it.scoped("goes on with what a person has edited, and waits on after edits that do not fit", () =>
    Effect.gen(function* () {
      const settings = yield* asking("refunding", "edited")
      const edit = (json: string, ...more: ReadonlyArray<string>) =>
        run(["resume", "edited", "--edit", json, ...more], settings)
      const wrong = yield* edit('{"euros":"many"}', "--approve")
      expect([wrong.code, wrong.stderr]).toEqual([
        1,
        expect.stringContaining("payload.editedArgs: `euros` is no number"),
      ])
      expect((yield* edit('{"euros":30}', "--deny")).stderr).toContain("--edit goes with --approve")
      expect((yield* edit("30 euros", "--approve")).stderr).toContain("--edit is not JSON")
      expect((yield* edit('{"euros":30}', "--approve")).stdout).toBe("edited continues\n")
      expect((yield* run(["watch", "edited"], settings)).stdout).toContain("refunded 30\n")
      const events = (yield* run(["runs", "events", "edited", "--json"], settings)).stdout
      expect(events).toContain('"edited_args":{"euros":30}')
    }),
  )

  it.scoped("is shown with the arguments of the call that it asks about", () =>
    Effect.gen(function* () {
      const settings = yield* asking("calling", "called")
      const shown = yield* run(["runs", "get", "called"], settings)
      expect(shown.stdout).toContain('  deploy  Deploy it? with {"to":"production","replicas":900}\n')
      const got = json((yield* run(["runs", "get", "called", "--json"], settings)).stdout)
      expect(got).toMatchObject({ open: [{ tool_arguments: { to: "production", replicas: 900 } }] })
    }),
  )

  it.scoped("goes on after a no, whose reason the agent reads", () =>
    Effect.gen(function* () {
      const settings = yield* asking("approving", "refused")
      const deny = ["resume", "refused", "--deny", "--reason", 'Two: "staging" first']
      expect((yield* run(deny, settings)).code).toBe(0)
      expect((yield* run(["watch", "refused"], settings)).stdout).toContain(
        'left alone: Two: "staging" first\n',
      )
    }),
  )

  it.scoped("goes on after an answer to its callback, which is used once", () =>
    Effect.gen(function* () {
      const settings = yield* asking("approving", "called-back")
      const made = yield* run(["runs", "callback", "called-back", "--expires", "1h"], settings)
      expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("answers deploy, once, until")])
      const answer = () =>
        Effect.promise(() =>
          fetch(made.stdout.trim(), {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: '{"approved":true}',
          }),
        )
      expect((yield* answer()).status).toBe(200)
      expect((yield* answer()).status).toBe(409)
      expect((yield* run(["watch", "called-back"], settings)).stdout).toContain("deployed\n")
      const late = yield* run(["runs", "callback", "called-back"], settings)
      expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("waits for nothing")])
    }),
  )

  it.scoped("needs the interrupt's id when several are open, and goes on after the last answer", () =>
    Effect.gen(function* () {
      const settings = yield* asking("asking", "two")
      const diff = "-small\n+large\n"
      const got = json((yield* run(["runs", "get", "two", "--json"], settings)).stdout)
      expect(got).toMatchObject({
        waiting_for: "name, size",
        open: [
          { id: "name", message: "Who is it for?" },
          { id: "size", response_schema: { type: "integer" }, metadata: { about: { diff } } },
        ],
      })
      const [which, wrong, none, many, noJson, noDeny] = yield* Effect.forEach(
        [
          ["--text", "Ann"],
          ["--interrupt", "other", "--text", "Ann"],
          ["--interrupt", "name"],
          ["--interrupt", "name", "--approve", "--text", "Ann"],
          ["--interrupt", "size", "--result", "three"],
          ["--interrupt", "name", "--text", "Ann", "--reason", "why"],
        ],
        (flags) => run(["resume", "two", ...flags], settings),
        { concurrency: 2 },
      )
      expect(which!.code).toBe(64)
      expect(which!.stderr).toContain(
        "--interrupt 'size'  How large?\n    diff:\n      -small\n      +large\n",
      )
      expect(wrong!.code).toBe(1)
      expect(wrong!.stderr).toContain("it waits for name, size")
      for (const misused of [none!, many!]) {
        expect(misused.code).toBe(64)
        expect(misused.stderr).toContain("--approve, --deny, --result JSON or --text TEXT")
      }
      expect(noJson!.code).toBe(64)
      expect(noJson!.stderr).toContain("--text 'three'")
      expect([noDeny!.code, noDeny!.stderr]).toEqual([64, expect.stringContaining("goes with --deny")])

      const first = yield* run(["resume", "two", "--interrupt", "name", "--text", "Ann"], settings)
      expect(first.stdout).toContain("waits for 1 more:\n  --interrupt 'size'  How large?\n    diff:\n")
      expect((yield* run(["resume", "two", "--text", "huge", "--json"], settings)).code).toBe(0)
      const again = yield* start(["watch", "two"], settings)
      const reason = "The answer before does not fit: it is no number"
      yield* again.line((line) => line === `  size~2  How large? (${reason})`)
      expect((yield* run(["resume", "two", "--result", "3", "--json"], settings)).code).toBe(0)
      expect((yield* run(["watch", "two"], settings)).stdout).toContain('["Ann",3]\n')
    }),
  )
})
