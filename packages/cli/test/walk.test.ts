import { expect, layer } from "@effect/vitest"
import { Command, FileSystem, Path } from "@effect/platform"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import packageJson from "../package.json" with { type: "json" }
import { has, json, jsonLines, project, room, run, Served, start, write } from "./Processes.js"

const says = ["--command", "sh", "--", "-c", 'printf "You said: %s\\n" "$RUNLEASE_PROMPT"']

layer(Served.layer, { excludeTestServices: true })("runlease", (it) => {
  it.scoped("serves, works, submits, watches, and shows finished runs", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { cwd, env, ready, server } = yield* room
      expect(Object.keys(ready).sort()).toEqual(["api_key", "database", "url"])
      expect(yield* fs.readDirectory(cwd)).toEqual([".runlease"])
      const settings = { cwd, env }

      const worker = yield* start(
        ["worker", "--json", "--name", "echoer", "--agent", "echo", ...says],
        settings,
      )
      const registered = json(yield* worker.line(has({ event: "registered" })))

      const submitted = yield* run(
        ["submit", "--agent", "echo", "--id", "first", "--watch", "hello there"],
        settings,
      )
      expect(submitted.stderr).toBe("")
      expect(submitted.code).toBe(0)
      expect(submitted.stdout).toContain("You said: hello there\n")
      yield* worker.line(has({ event: "completed", run_id: "first" }))

      const [watched, fromStdin, waiting, workers] = yield* Effect.all(
        [
          run(["watch", "first", "--json"], settings),
          run(["submit", "--agent", "echo", "--id", "second", "--json", "-"], {
            ...settings,
            stdin: "from a pipe",
          }),
          run(["submit", "--agent", "unclaimed", "--id", "third", "--json", "wait for me"], settings),
          run(["workers", "list", "--json"], settings),
        ],
        { concurrency: 2 },
      )
      expect(watched.code).toBe(0)
      const events = jsonLines(watched.stdout)
      const types = events.map(({ event }) => (event as { readonly type: string }).type)
      expect(types[0]).toBe("RUN_STARTED")
      expect(types.at(-1)).toBe("RUN_FINISHED")
      expect(events.map(({ event_id }) => event_id)).toEqual(events.map((_, index) => index + 1))
      expect(json(fromStdin.stdout)).toMatchObject({ run_id: "second" })
      expect(waiting.code).toBe(0)
      expect(jsonLines(workers.stdout)).toMatchObject([
        { worker_id: registered["worker_id"], display_name: "echoer" },
      ])
      yield* worker.line(has({ event: "completed", run_id: "second" }))

      const cancelled = yield* run(["runs", "cancel", "third"], settings)
      expect(cancelled.code).toBe(0)
      const [again, follow, got, listed, table, events2] = yield* Effect.all(
        [
          run(["runs", "cancel", "third"], settings),
          run(["watch", "third"], settings),
          run(["runs", "get", "second", "--json"], settings),
          run(["runs", "list", "--agent", "echo", "--status", "completed", "--json"], settings),
          run(["runs", "list"], settings),
          run(["runs", "events", "second", "--json"], settings),
        ],
        { concurrency: 2 },
      )
      expect(again.code).not.toBe(0)
      expect(follow.code).toBe(3)
      expect(json(got.stdout)).toMatchObject({ run_id: "second", agent_id: "echo", status: "completed" })
      expect(jsonLines(listed.stdout).map(({ run_id }) => run_id)).toEqual(["second", "first"])
      expect(table.stdout).toMatch(/third +unclaimed/)
      expect(jsonLines(events2.stdout).length).toBeGreaterThan(3)

      yield* Effect.all([worker.signal("SIGTERM"), server.signal("SIGTERM")])
      expect((yield* worker.ended).code).toBe(0)
      const stopped = yield* server.ended
      expect(stopped.code).toBe(0)
      expect(stopped.stderr).not.toContain(env.RUNLEASE_API_KEY)

      // A restarted server does not show the key again.
      const next = yield* start(["serve", "--port", "0", "--json"], { cwd })
      const second = json(yield* next.line(() => true))
      expect(Object.keys(second).sort()).toEqual(["database", "url"])
      const finished = yield* run(
        ["runs", "get", "first", "--json", "--url", String(second["url"])],
        settings,
      )
      expect(json(finished.stdout)).toMatchObject({ status: "completed" })
    }),
  )

  it.scoped("starts from its sources too", () =>
    Effect.gen(function* () {
      const sources = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
      const version = yield* Command.string(
        Command.make(process.execPath, "--import", "tsx", sources, "--version"),
      )
      expect(version.trim()).toBe(packageJson.version)
    }),
  )

  it.scoped("creates keys, shows each once, and revokes them", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const created = json((yield* run(["keys", "create", "ci", "--json"], settings)).stdout)
      const asCi = { cwd, env: { ...env, RUNLEASE_API_KEY: String(created["token"]) } }
      const [lists, notAdmin, keys] = yield* Effect.all(
        [
          run(["runs", "list"], asCi),
          run(["keys", "create", "another"], asCi),
          run(["keys", "list", "--json"], settings),
        ],
        { concurrency: 2 },
      )
      expect(lists.code).toBe(0)
      expect(notAdmin.code).toBe(77)
      expect(notAdmin.stderr).toMatch(/admin/)
      expect(keys.stdout).not.toContain(String(created["token"]))
      expect(jsonLines(keys.stdout)).toHaveLength(2)

      expect((yield* run(["keys", "revoke", String(created["id"])], settings)).code).toBe(0)
      expect((yield* run(["runs", "list"], asCi)).code).toBe(77)
    }),
  )

  it.scoped("makes tokens for a page, and refuses them after a rotation", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      yield* run(["submit", "--agent", "a", "--id", "mine", "hello"], settings)
      yield* run(["submit", "--agent", "a", "--id", "other", "hello"], settings)
      const create = ["tokens", "create", "--run", "mine", "--scope", "read"]
      const made = yield* run([...create, "--expires", "1h"], settings)
      expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("To read, until ")])
      const asPage = { cwd, env: { ...env, RUNLEASE_API_KEY: made.stdout.trim() } }
      const codes = Effect.forEach(
        [
          ["watch", "mine", "--json"],
          ["runs", "cancel", "mine"],
        ],
        (args) => Effect.map(run(args, asPage), ({ code }) => code),
      )
      yield* run(["runs", "cancel", "mine"], settings)
      expect(yield* codes).toEqual([3, 77])
      const stopping = json((yield* run([...create, "--scope", "stop", "--json"], settings)).stdout)
      expect(stopping["scopes"]).toEqual(["read", "stop"])
      expect((yield* run(["tokens", "rotate"], settings)).code).toBe(0)
      expect(yield* codes).toEqual([77, 77])
    }),
  )

  it.scoped("works with a TypeScript module, and fails a run whose executor fails", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      // Syntax that only TypeScript has, in a folder without a package.json.
      yield* write(
        cwd,
        "worker.ts",
        [
          "interface Run { readonly agentId: string; readonly runId: string }",
          "enum Tone { Loud = 'LOUD' }",
          "export default (run: Run): string => {",
          "  if (run.agentId === 'broken') throw new Error('out of order')",
          "  return `${Tone.Loud} ${run.runId}`",
          "}",
        ].join("\n"),
      )
      yield* start(["worker", "--module", "./worker.ts"], settings)
      const [good, bad] = yield* Effect.all(
        [
          run(["submit", "--agent", "any", "--id", "good", "--watch", "x"], settings),
          run(["submit", "--agent", "broken", "--id", "bad", "--watch", "x"], settings),
        ],
        { concurrency: 2 },
      )
      expect(good.stdout).toContain("LOUD good")
      expect(good.code).toBe(0)
      expect(bad.stdout).toContain("out of order")
      expect(bad.code).toBe(2)
    }),
  )

  it.scoped("works with a module that is written on Effect and this repository's core", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      // The module resolves the same packages from its own folder, as if installed beside the command.
      yield* fs.makeDirectory(path.join(cwd, "node_modules", "@runlease"), { recursive: true })
      for (const name of ["effect", "@runlease/core"]) {
        const installed = path.join(import.meta.dirname, "..", "node_modules", name)
        yield* fs.symlink(yield* fs.realPath(installed), path.join(cwd, "node_modules", name))
      }
      yield* write(
        cwd,
        "worker.ts",
        [
          `import { Executor } from "@runlease/core"`,
          `import { Stream } from "effect"`,
          `export default Executor.layerFrom((run) => Stream.make("one ", "two ", run.runId))`,
        ].join("\n"),
      )
      yield* start(["worker", "--module", "worker.ts"], settings)
      const { code, stdout } = yield* run(
        ["submit", "--agent", "a", "--id", "three", "--watch", "x"],
        settings,
      )
      expect(stdout).toContain("one two three")
      expect(code).toBe(0)
    }),
  )

  it.scoped("submits every line of a file, or none", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      yield* write(
        cwd,
        "bad.jsonl",
        `{"text": "one", "public_id": "one"}\n{"text": "two", "priority": "high"}\n{"text": \n`,
      )
      yield* write(
        cwd,
        "good.jsonl",
        `{"text": "one", "public_id": "one", "priority": 5}\n\n{"agent": "b", "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "two"}]}], "public_id": "two"}\n`,
      )
      const bad = yield* run(["submit", "--agent", "a", "--jsonl", "bad.jsonl"], settings)
      expect(bad.code).toBe(64)
      expect(bad.stderr).toMatch(/2.*priority/)
      expect(bad.stderr).toMatch(/3/)
      expect((yield* run(["runs", "list", "--json"], settings)).stdout).toBe("")

      const good = yield* run(["submit", "--agent", "a", "--jsonl", "good.jsonl", "--json"], settings)
      expect(good.code).toBe(0)
      expect(jsonLines(good.stdout).map(({ run_id }) => run_id)).toEqual(["one", "two"])
      const listed = jsonLines((yield* run(["runs", "list", "--json"], settings)).stdout)
      expect(listed.map(({ agent_id }) => agent_id)).toEqual(["b", "a"])
    }),
  )
})
