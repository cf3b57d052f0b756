import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { type Ended, run, runProcess, Served, start, write } from "./Processes.js"

const apiKey = "rlk_0123456789abcdef"

/** The output without what a log line says of its instant and its fiber. */
const comparable = ({ code, stderr, stdout }: Ended) => ({
  code,
  stdout,
  stderr: stderr.replaceAll(/timestamp=\S+ /g, "").replaceAll(/fiber=#\d+ /g, ""),
})

layer(Served.layer, { excludeTestServices: true })("the command within the process of a test", (it) => {
  it.scoped("prints what a process prints, and ends with its code", () =>
    Effect.gen(function* () {
      const served = yield* Served
      yield* start(["worker", "--agent", "echo", "--command", "sh", "--", "-c", "cat"], served)
      yield* run(["submit", "--agent", "echo", "--id", "done", "--watch", "héllo"], served)
      yield* run(["submit", "--agent", "other", "--id", "open", "x"], served)
      yield* write(served.cwd, "bad.jsonl", `{"text": "one"}\n{"txt": "two"}\n`)
      yield* write(served.cwd, "other.json", JSON.stringify({ url: "http://127.0.0.1:9" }))
      const lines = JSON.stringify({ agent: "other", text: "x", public_id: "open" })

      const env = (more: Readonly<Record<string, string>>) => ({
        ...served,
        env: { ...served.env, ...more },
      })
      const commands = [
        // Success.
        [["--version"], 0],
        [[], 0],
        [["help", "runs", "list"], 0],
        [["watch", "done"], 0],
        [["watch", "done", "--json"], 0],
        [["keys", "list"], 0],
        [["submit", "--jsonl", "-", "--json"], 0, { ...served, stdin: lines }],
        [["submit", "--agent", "other", "--id", "open", "--json", "-"], 0, { ...served, stdin: "x" }],
        // Misuse.
        [["watch", "--aftr", "3", "done"], 64],
        [["submit", "--agent", "a", "--jsonl", "bad.jsonl"], 64],
        [["runs", "list"], 64, env({ RUNLEASE_API_KEY: "" })],
        // Refusals.
        [["runs", "get", "none"], 1],
        [["runs", "list"], 77, env({ RUNLEASE_API_KEY: apiKey })],
        [["worker", "--command", "cat"], 77, env({ RUNLEASE_API_KEY: apiKey })],
        // No server, and no database.
        [
          ["runs", "list", "--config", "other.json"],
          69,
          { cwd: served.cwd, env: { RUNLEASE_API_KEY: apiKey } },
        ],
        [["serve", "--database", "sqlite:bad.jsonl"], 69],
      ] as const
      const compared = yield* Effect.forEach(
        commands,
        ([args, code, settings = served]) =>
          Effect.map(Effect.all([run(args, settings), runProcess(args, settings)]), ([within, process]) => ({
            args,
            code,
            within,
            process,
          })),
        { concurrency: 2 },
      )
      for (const { args, code, process, within } of compared) {
        expect({ args, ...comparable(within) }).toEqual({ args, ...comparable(process) })
        expect({ args, code: within.code }).toEqual({ args, code })
      }
    }),
  )

  it.scoped("leaves the process as it was", () =>
    Effect.gen(function* () {
      const served = yield* Served
      const state = () => [
        process.cwd(),
        process.env,
        process.argv,
        process.stdin,
        process.stdout,
        process.stderr,
        console,
        process.listenerCount("SIGINT"),
        process.listenerCount("SIGTERM"),
        process.listenerCount("SIGHUP"),
      ]
      const before = state()
      yield* run(["runs", "list"], served)
      yield* run(["no-such-command"], served)
      for (const [index, value] of state().entries()) expect(value).toBe(before[index])
    }),
  )
})
