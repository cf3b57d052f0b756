import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { folder, json, project, refuseToWork, run, runProcess, Served, start, write } from "./Processes.js"

// Nothing listens on the discard port.
const nowhere = "http://127.0.0.1:9"

layer(Served.layer, { excludeTestServices: true })("the errors of the command", (it) => {
  it.scoped("name the setting, its source and the allowed values", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const flag = yield* run(["serve", "--port", "65536"], { cwd })
      expect(flag.code).toBe(64)
      expect(flag.stderr).toMatch(/--port/)
      expect(flag.stderr).toMatch(/0 to 65535/)

      const environment = yield* run(["serve"], { cwd, env: { RUNLEASE_PORT: "many" } })
      expect(environment.code).toBe(64)
      expect(environment.stderr).toMatch(/RUNLEASE_PORT/)
      expect(environment.stderr).toMatch(/0 to 65535/)

      const file = yield* write(cwd, "settings.json", `{"port": "many"}`)
      const inFile = yield* run(["serve", "--config", file], { cwd })
      expect(inFile.code).toBe(64)
      expect(inFile.stderr).toMatch(/port/)
      expect(inFile.stderr).toContain("settings.json")
    }),
  )

  it.scoped("name the kinds of databases, and no secret of an unsupported one", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const refused = yield* run(["serve", "--database", "mysql://me:hunter2@host/db"], { cwd })
      expect(refused.code).toBe(64)
      expect(refused.stderr).toContain("sqlite:")
      expect(refused.stderr).not.toContain("hunter2")
    }),
  )

  it.scoped("name in one line what builds the driver of SQLite where that is missing", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const preload = yield* write(
        cwd,
        "unbuilt.cjs",
        `require("node:module")._extensions[".node"] = (_, path) => {
  throw Object.assign(new Error("Cannot find module " + path), { code: "MODULE_NOT_FOUND" })
}
`,
      )
      const unbuilt = yield* runProcess(["serve", "--port", "0", "--database", "sqlite:runs.sqlite"], {
        cwd,
        env: { NODE_OPTIONS: `--require=${preload}` },
      })
      expect([unbuilt.code, unbuilt.stdout, unbuilt.stderr]).toEqual([
        69,
        "",
        "Error: SQLite cannot be used: the native part of its driver is missing, or is for another Node.js. Build it with: npm rebuild better-sqlite3\n",
      ])
    }),
  )

  it.scoped("name the line and the field of an invalid submission", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* write(cwd, "runs.jsonl", `{"text": "one"}\n{"text": "two", "maxAttempts": 2}\n`)
      const env = { RUNLEASE_URL: nowhere, RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const refused = yield* run(["submit", "--agent", "a", "--jsonl", "runs.jsonl"], { cwd, env })
      expect(refused.code).toBe(64)
      expect(refused.stderr).toContain("line 2: maxAttempts: is not a field here; did you mean max_attempts?")
    }),
  )

  it.scoped("name a field of a line that is null", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const lines = [
        { priority: null },
        { batch_id: null },
        { debounce: { key: "k", seconds: 1, max_seconds: null } },
      ]
      yield* write(cwd, "runs.jsonl", lines.map((line) => JSON.stringify({ text: "x", ...line })).join("\n"))
      const env = { RUNLEASE_URL: nowhere, RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const refused = yield* run(["submit", "--agent", "a", "--jsonl", "runs.jsonl"], { cwd, env })
      expect(refused.code).toBe(64)
      for (const field of ["line 1: priority:", "line 2: batch_id:", "line 3: debounce.max_seconds:"]) {
        expect(refused.stderr).toContain(field)
      }
    }),
  )

  it.scoped("name the project of the key when the command names another project", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const wrong = ["--project", "nope", "--agent", "a"]
      const submit = yield* run(["submit", ...wrong, "hello"], { cwd, env })
      expect(submit.code).not.toBe(0)
      expect(submit.stdout).toBe("")
      expect(submit.stderr).toMatch(/Project nope does not exist for this key, which is for project default/)
      expect((yield* run(["runs", "list", "--json"], { cwd, env })).stdout).toBe("")
    }),
  )

  it.scoped("refuse an origin that no browser sends", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const refused = yield* run(
        ["serve", "--port", "0", "--cors-origin", "https://a.example,app.example/"],
        { cwd },
      )
      expect(refused.code).toBe(64)
      expect(refused.stderr).toMatch(/--cors-origin takes origins/)
      expect(refused.stderr).toContain("app.example/")
    }),
  )

  it.scoped("say that a file is not a database, and that a folder cannot be made", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* write(cwd, "notes.sqlite", "these are notes, not tables\n".repeat(200))
      const corrupt = yield* run(["serve", "--port", "0", "--database", "sqlite:notes.sqlite"], { cwd })
      expect(corrupt.code).not.toBe(0)
      expect(corrupt.stderr).toContain("notes.sqlite")
      expect(corrupt.stderr).toMatch(/not an SQLite database|damaged/)
      expect(corrupt.stderr).not.toMatch(/\n\s+at /)

      // A file in the place of the folder: not even root can write there.
      const blocked = yield* run(["serve", "--port", "0", "--database", "sqlite:notes.sqlite/a.sqlite"], {
        cwd,
      })
      expect(blocked.code).not.toBe(0)
      expect(blocked.stderr).toContain("notes.sqlite")
      expect(blocked.stderr).not.toMatch(/\n\s+at /)
    }),
  )

  it.scoped("say that a port is in use", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const { port } = new URL(env.RUNLEASE_URL)
      const second = yield* run(["serve", "--port", port, "--database", "sqlite:other.sqlite"], { cwd })
      expect(second.code).not.toBe(0)
      expect(second.stderr).toContain(port)
      expect(second.stderr).toMatch(/in use/i)
      expect(second.stderr).not.toMatch(/\n\s+at /)
    }),
  )

  it.scoped("say that a key has a character that no key has", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const commands = [
        ["runs", "list"],
        ["submit", "--agent", "a", "hello"],
        ["watch", "run-1"],
        ["keys", "list"],
        ["worker", "--command", "cat"],
        ["serve", "--port", "0"],
        ["dev", "--port", "0"],
      ]
      for (const key of ["rlk_ 0123", "rlk_0123\r", "rlk_\u00e9"]) {
        const env = { RUNLEASE_URL: nowhere, RUNLEASE_API_KEY: key }
        for (const args of commands) {
          const { code, stderr } = yield* run(args, { cwd, env })
          expect([args, code, stderr]).toEqual([
            args,
            64,
            expect.stringMatching(/RUNLEASE_API_KEY.* is no API key/),
          ])
          expect(stderr).not.toContain("rlk_")
        }
      }
      const header = yield* run(["worker", "--ag-ui", "http://127.0.0.1:9/", "--ag-ui-header", "X Y=a"], {
        cwd,
        env: { RUNLEASE_API_KEY: "rlk_0123" },
      })
      expect([header.code, header.stderr]).toEqual([64, expect.stringContaining("--ag-ui-header")])
    }),
  )

  it.scoped("name the project, and do not blame the key for it", () =>
    Effect.gen(function* () {
      const settings = yield* Served
      for (const args of [
        ["runs", "list"],
        ["keys", "list"],
        ["submit", "--agent", "a", "hello"],
        ["worker", "--command", "cat"],
      ]) {
        const { code, stderr } = yield* run([...args, "--project", "nope"], settings)
        expect([args, code === 0, stderr]).toEqual([args, false, expect.stringContaining("--project")])
        expect(stderr).not.toContain("RUNLEASE_API_KEY")
      }
    }),
  )

  it.scoped("show where a module cannot be read, and no hint of something else", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { RUNLEASE_URL: nowhere, RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      yield* write(cwd, "broken.ts", "export default (\n")
      yield* write(cwd, "importing.ts", 'import "./absent.ts"\nexport default () => "x"\n')
      yield* write(cwd, "empty.ts", "export {}")
      const load = (module: string) => runProcess(["worker", "--module", module], { cwd, env })
      const [broken, importing, empty] = yield* Effect.forEach(
        ["./broken.ts", "./importing.ts", "./empty.ts"],
        load,
      )
      const absent = yield* run(["worker", "--module", "./absent.ts"], { cwd, env })
      expect(broken!.stderr).toMatch(/The module \.\/broken\.ts cannot be loaded: .*broken\.ts:2:0: ERROR/s)
      expect(importing!.stderr).toMatch(/absent\.ts/)
      expect(absent.stderr).toContain("--module: ./absent.ts does not exist")
      for (const { code, stderr } of [broken!, importing!, absent]) {
        expect([code, stderr]).toEqual([64, expect.not.stringContaining("default export")])
        expect(stderr).not.toMatch(/node:internal|node_modules/)
      }
      expect(empty!.code).toBe(64)
      expect(empty!.stderr).not.toMatch(/\n\s+at /)
      expect(empty!.stderr).toContain("exports no executor as its default")
      expect(empty!.stderr).toContain("Its default export is an executor")
    }),
  )

  it.scoped("distinguish a missing key, a refused key and an unreachable server", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const wrong = { ...env, RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const [missing, submit, worker, unreachable] = yield* Effect.all(
        [
          run(["runs", "list"], { cwd, env: { RUNLEASE_URL: env.RUNLEASE_URL } }),
          run(["submit", "--agent", "a", "hello"], { cwd, env: wrong }),
          run(["worker", "--command", "cat"], { cwd, env: wrong }),
          run(["runs", "list"], { cwd, env: { ...env, RUNLEASE_URL: nowhere } }),
        ],
        { concurrency: 2 },
      )
      expect(missing.code).toBe(64)
      expect(missing.stderr).toContain("RUNLEASE_API_KEY")
      for (const refused of [submit, worker]) {
        expect(refused.code).toBe(77)
        expect(refused.stderr).toMatch(/key/i)
        expect(refused.stderr).not.toContain("rlk_0123456789abcdef")
        expect(refused.stderr).not.toMatch(/\n\s+at /)
      }
      expect(unreachable.code).toBe(69)
      expect(unreachable.stderr).toContain(nowhere)
      expect(unreachable.stderr).not.toContain(env.RUNLEASE_API_KEY)
    }),
  )

  it.scoped("name the unreachable server and the reason", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const unknown = "http://no-such-host.invalid:4400"
      const causes = [
        [
          ["runs", "list", "--url", nowhere],
          `at ${nowhere} could not be reached: nothing listens there (ECONNREFUSED)`,
        ],
        [
          ["keys", "list", "--url", nowhere],
          `at ${nowhere} could not be reached: nothing listens there (ECONNREFUSED)`,
        ],
        [["runs", "list", "--url", unknown], `at ${unknown} could not be reached: its name`],
        [["keys", "list", "--url", unknown], `at ${unknown} could not be reached: its name`],
      ] as const
      yield* Effect.forEach(
        causes,
        ([args, message]) =>
          Effect.map(
            run(args, { cwd, env: { RUNLEASE_API_KEY: "rlk_0123456789abcdef" } }),
            ({ code, stderr }) => {
              expect(stderr).toContain(message)
              expect(code).toBe(69)
            },
          ),
        { concurrency: 2 },
      )
    }),
  )

  it.scoped("refuse unknown flags, and programs that do not exist", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const [flag, command, both] = yield* Effect.all(
        [
          run(["watch", "--aftr", "3", "run-1"], { cwd, env }),
          run(["wach", "run-1"], { cwd, env }),
          run(["worker", "--command", "cat", "--module", "./worker.ts"], { cwd, env }),
        ],
        { concurrency: 2 },
      )
      expect(flag.code).toBe(64)
      expect(flag.stderr).toContain("--aftr")
      expect(command.code).toBe(64)
      expect(command.stderr).toContain("watch")
      expect(both.code).toBe(64)
      expect(both.stderr).toContain("--module")
    }),
  )

  it.scoped("refuse flags that select no executor, or more than one", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { RUNLEASE_API_KEY: "rlk_0123456789abcdef" }
      const refusals = [
        [[], "Nothing says how to work on a run"],
        [["--arg", "x"], "--arg goes with --command, which is missing"],
        [["--command", "cat", "--module", "./worker.ts"], "--command and --module exclude each other"],
        [["--module", "./worker.ts", "--format", "text"], "--format goes with --command, not with --module"],
        [["--module", "./worker.ts", "--pass-env", "HOME"], "--pass-env is for the process that --command"],
        [["--module", "./worker.ts", "--", "more"], '"more" is for the process that --command'],
      ] as const
      yield* refuseToWork(refusals, 64, { cwd, env })
    }),
  )

  it.scoped("come from the setting in force: a flag before the environment, and that before the file", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      yield* write(
        cwd,
        "runlease.json",
        JSON.stringify({ url: nowhere, api_key: env.RUNLEASE_API_KEY, project: env.RUNLEASE_PROJECT }),
      )
      const [fromFile, fromEnvironment, fromFlag] = yield* Effect.all(
        [
          run(["runs", "list", "--json"], { cwd }),
          run(["runs", "list", "--json"], { cwd, env: { RUNLEASE_URL: env.RUNLEASE_URL } }),
          run(["runs", "list", "--json", "--url", env.RUNLEASE_URL], { cwd, env: { RUNLEASE_URL: nowhere } }),
        ],
        { concurrency: 2 },
      )
      expect(fromFile.code).toBe(69)
      expect(fromEnvironment.code).toBe(0)
      expect(fromFlag.code).toBe(0)
    }),
  )

  it.scoped("name an invalid file", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* write(cwd, "runlease.json", "{ url: 1 ")
      const { code, stderr } = yield* run(["runs", "list"], { cwd })
      expect(code).toBe(64)
      expect(stderr).toContain("runlease.json")
    }),
  )
})

layer(NodeContext.layer, { excludeTestServices: true })("a server", (it) => {
  it.scoped("makes and shows a key where that of the environment is empty", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { RUNLEASE_API_KEY: "" }
      const server = yield* start(["serve", "--port", "0", "--json"], { cwd, env })
      const { api_key: key, url } = json(yield* server.line(() => true))
      expect(key).toMatch(/^rlk_/)
      const none = yield* run(["keys", "list", "--url", String(url)], { cwd, env })
      expect([none.code, none.stderr]).toEqual([64, expect.stringContaining("The API key is missing")])
    }),
  )
})
