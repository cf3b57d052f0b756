import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Documented from "../../executor-command/test/Documented.js"
import { connect, eventOf, submit, until, wholeLog } from "./FaultRoom.js"
import { has, project, Served, start } from "./Processes.js"

layer(Served.layer, { excludeTestServices: true })("a program that records steps", (it) => {
  for (const language of Documented.languages) {
    it.scoped(`goes on behind them, in ${language}, when its worker is killed`, () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* project
        const ports = yield* connect(env)
        const program = yield* Documented.program(language, "exec sleep 1000")
        const variables = Object.entries(program.env).flatMap(([name, value]) => [
          "--env",
          `${name}=${value}`,
        ])
        const startWorker = Effect.gen(function* () {
          const worker = yield* start(
            ["worker", "--json", "--lease", "5s", ...variables, "--command", program.command],
            { cwd, env },
          )
          yield* worker.line(has({ event: "registered" }))
          return worker
        })

        const first = yield* startWorker
        const runId = yield* submit(ports, "run-1")
        const steps = Effect.map(ports.log.read({ runId }), (entries) =>
          entries.filter(({ event }) => event["name"] === "runlease.step"),
        )
        // Two steps are in the log, and the third is being done.
        yield* until(steps, ({ length }) => length === 2)
        yield* until(program.calls, (calls) => calls.at(-1) === "fetch-page b")
        yield* first.signal("SIGKILL")
        yield* first.ended

        const second = yield* startWorker
        yield* eventOf(second, "completed", runId)
        expect(yield* program.calls).toEqual(Documented.expectedCalls)
        expect(yield* steps).toHaveLength(5)
        const { entries } = yield* wholeLog(ports, runId)
        const text = entries.map(({ event }) => String(event["delta"] ?? "")).join("")
        expect(text.trim()).toBe("3 texts: text-a text-b text-c")
      }),
    )
  }
})
