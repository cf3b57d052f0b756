/** `runlease dev` as somebody uses it who writes an agent. */
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import { folder, jsonLines, run, start, write } from "./Processes.js"

const says = (text: string): string => `export default async () => ${JSON.stringify(text)}\n`

layer(NodeContext.layer, { excludeTestServices: true })("runlease dev", (it) => {
  it.scoped("has a dashboard, a key and a worker, which starts again when its module changes", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* write(cwd, "agent.ts", says("one"))
      const dev = yield* start(["dev", "--port", "0", "--module", "./agent.ts"], { cwd })
      const [, url] = /(http:\S+)\/$/.exec(yield* dev.line((line) => line.startsWith("Runlease:")))!
      const [, apiKey] = /(rlk_\S+)/.exec(yield* dev.line((line) => line.includes("API key")))!
      const env = { RUNLEASE_URL: url!, RUNLEASE_API_KEY: apiKey! }
      const page = yield* Effect.promise(async () =>
        (await fetch(`${url}/runs`, { headers: { accept: "text/html" } })).text(),
      )
      expect(page).toContain("<title>Runlease</title>")

      const answer = Effect.map(
        run(["submit", "--agent", "any", "--watch", "--json", "hello"], { cwd, env }),
        ({ stdout }) =>
          jsonLines(stdout).flatMap(({ event }) =>
            Predicate.hasProperty(event, "delta") ? [event.delta] : [],
          ),
      )
      yield* dev.line((line) => line.includes("waits for runs"))
      expect(yield* answer).toEqual(["one"])

      yield* write(cwd, "agent.ts", "export default (")
      yield* dev.line((line) => line.includes("It starts again when ./agent.ts"))
      yield* write(cwd, "agent.ts", says("two"))
      expect(yield* answer).toEqual(["two"])

      yield* dev.signal("SIGTERM")
      expect((yield* dev.ended).code).toBe(0)
    }),
  )

  it.scoped("keeps its key over restarts, and refuses a wrong executor before anything starts", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const keyOf = Effect.scoped(
        Effect.gen(function* () {
          const dev = yield* start(["dev", "--port", "0"], { cwd })
          const line = yield* dev.line((text) => text.includes("API key"))
          yield* dev.signal("SIGTERM")
          yield* dev.ended
          return line
        }),
      )
      expect(yield* keyOf).toBe(yield* keyOf)
      const { code, stderr } = yield* run(["dev", "--module", "./agent.ts", "--command", "true"], { cwd })
      expect(stderr).toContain("exclude each other")
      expect(code).toBe(64)
    }),
  )
})
