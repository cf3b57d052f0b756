/** Programs that record steps, as runs of a worker. */
import { CommandExecutor } from "@runlease/executor-command"
import { type AgentEvent, RequestSnapshot, RunLog, Runs, Usage, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Faults, TestRuns } from "@runlease/testkit"
import { describe, it } from "@effect/vitest"
import { assertInclude, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Chunk, Effect, Stream } from "effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Documented from "./Documented.js"
import { delta, fixture, folder, sh } from "./Programs.js"

/** Runs the program as a run of a worker to its end. */
const runToEnd = (options: CommandExecutor.Options) =>
  Effect.gen(function* () {
    yield* Worker.make({ drainTimeout: 0, retryDelay: () => 0 }).pipe(
      Effect.provide(CommandExecutor.layerWith(options)),
    )
    const { runId } = yield* TestRuns.submit()
    const log = yield* RunLog.RunLog
    const entries = yield* Stream.runCollect(log.follow({ runId }))
    const events = Chunk.toReadonlyArray(entries).map(({ event }) => event)
    return { run: yield* TestRuns.getRun(runId), events }
  })

const valuesOf = (events: ReadonlyArray<AgentEvent.LogEvent>, of: string) =>
  events.flatMap(({ name, value }) => (name === of ? [value] : []))

describe("a documented program", () => {
  for (const language of Documented.languages) {
    it.scopedLive(`in ${language} goes on behind its recorded steps when it is killed`, () =>
      Effect.gen(function* () {
        const { calls, command, env } = yield* Documented.program(language, "kill -KILL 0")
        const { events, run } = yield* runToEnd({ command, env })
        strictEqual(run.status, "completed", JSON.stringify(run.error))
        deepStrictEqual(yield* calls, Documented.expectedCalls)
        strictEqual(events.map(delta).join("").trim(), "3 texts: text-a text-b text-c")
        strictEqual(valuesOf(events, "runlease.attempt").length, 1)
      }).pipe(Effect.provide(MemoryControlPlane.layer)),
    )
  }
})

describe("a program that takes lines", () => {
  it.scopedLive("is told of each step once its record is in the log, and finds it after it was killed", () =>
    Effect.gen(function* () {
      const mark = join(yield* folder, "recorded")
      /** Leaves a file for the program once a record is in the log. */
      const marking = Faults.over(RunLog.RunLog, (log) => ({
        ...log,
        append: (request) =>
          Effect.tap(log.append(request), () =>
            request.events.some(({ name }) => name === "runlease.step")
              ? Effect.promise(() => writeFile(mark, ""))
              : Effect.void,
          ),
      }))
      const { events, run } = yield* runToEnd({
        command: fixture("steps.mjs"),
        args: ["lines"],
        env: { MARK: mark },
        stdin: "lines",
      }).pipe(Effect.provide(marking(MemoryControlPlane.layer)))
      strictEqual(run.status, "completed", JSON.stringify(run.error))
      const steps = [
        { name: "a", result: 1 },
        { name: "b", key: ["k"], result: 2 },
      ]
      deepStrictEqual(valuesOf(events, "found"), [[], steps])
      const lines = [
        { isRecorded: true, line: { type: "runlease.recorded", name: "a" } },
        { isRecorded: true, line: { type: "runlease.recorded", name: "b", key: ["k"] } },
      ]
      // The second attempt records nothing: the first results stay.
      deepStrictEqual(valuesOf(events, "lines"), [lines, lines])
      strictEqual(valuesOf(events, "runlease.step").length, 2)
    }),
  )

  it.scopedLive("need not read them", () =>
    Effect.gen(function* () {
      const line = '{"type":"CUSTOM","name":"runlease.step","value":{"name":"s","result":null}}'
      const { events, run } = yield* runToEnd({
        ...sh(`exec <&-; sleep 0.3; echo '${line}'`),
        stdin: "lines",
      })
      strictEqual(run.status, "completed", JSON.stringify(run.error))
      strictEqual(valuesOf(events, "runlease.step").length, 1)
      // It works all the while, so its run does not wait for a message without a worker.
      strictEqual(valuesOf(events, "runlease.waiting").length, 0)
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})

describe("a program that prints events with reserved names", () => {
  it.scopedLive("has them under other names in the log, and counted nowhere", () =>
    Effect.gen(function* () {
      const value = { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 1, cost: 7 }
      const names = ["usage", "attempt", "waiting", "message", "intent", "tool_uncertain"]
      const lines = names.map((name) => JSON.stringify({ type: "CUSTOM", name: `runlease.${name}`, value }))
      const { events, run } = yield* runToEnd(sh(lines.map((line) => `echo '${line}'`).join("\n")))
      strictEqual(run.status, "completed", JSON.stringify(run.error))
      deepStrictEqual(
        events.flatMap(({ name }) => (typeof name === "string" ? [name] : [])),
        names.map((name) => `relayed.runlease.${name}`),
      )
      deepStrictEqual(yield* Usage.ofRun(run.runId), { usage: [], cost: 0, unfinished: 0, runs: 1 })
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})

describe("the messages to a run", () => {
  it.scopedLive(
    "are lines for its program, in order, and again for the attempt after one that was killed",
    () =>
      Effect.gen(function* () {
        yield* Worker.make({ drainTimeout: 0, retryDelay: () => 0 }).pipe(
          Effect.provide(
            CommandExecutor.layerWith({ command: fixture("steps.mjs"), args: ["messages"], stdin: "lines" }),
          ),
        )
        const runs = yield* Runs.Runs
        const { runId } = yield* TestRuns.submit()
        const tell = (text: string) => runs.tell(runId, { parts: [RequestSnapshot.textPart(text)] })
        const untilLogged = (name: string, count: number) =>
          TestRuns.eventsOf(runId).pipe(
            Effect.delay("5 millis"),
            Effect.repeat({ until: (events) => valuesOf(events, name).length >= count }),
          )
        yield* tell("one")
        yield* untilLogged("runlease.step", 1)
        yield* tell("two")
        yield* untilLogged("runlease.step", 2)
        yield* tell("end")
        const log = yield* RunLog.RunLog
        yield* Stream.runDrain(log.follow({ runId }))
        const run = yield* TestRuns.getRun(runId)
        strictEqual(run.status, "completed", JSON.stringify(run.error))
        const events = yield* TestRuns.eventsOf(runId)
        strictEqual(valuesOf(events, "ready").length, 2)
        deepStrictEqual(valuesOf(events, "message"), [
          [1, "string", "one", false],
          [2, "string", "two", false],
          [1, "string", "one", true],
          [2, "string", "two", false],
          [3, "string", "end", false],
        ])
        strictEqual(valuesOf(events, "runlease.inbox").length, 3)
      }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})

describe("the steps of a program", () => {
  it.scopedLive("are in a file of its working folder if they are over 8 MiB", () =>
    Effect.gen(function* () {
      const { events, run } = yield* runToEnd({ command: fixture("steps.mjs"), args: ["large"] })
      strictEqual(run.status, "completed", JSON.stringify(run.error))
      const keys = Array.from({ length: 40 }, (_, key) => `large ${key}`)
      deepStrictEqual(valuesOf(events, "found"), [
        { inDocument: false, file: "steps.jsonl", keys, lengths: [209_000] },
      ])
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )

  const step = (value: object) => JSON.stringify({ type: "CUSTOM", name: "runlease.step", value })

  const print = (line: string) => `echo '${line}'\n`
  const [before, between, after] = step({ name: "s", key: "KEY", result: "LARGE" }).split(/KEY|LARGE/)
  const large = `for i in 1 2 3 4 5 6 7 8 9; do
    printf '%s' '${before}'$i'${between}'; head -c 1000000 /dev/zero | tr '\\0' x; echo '${after}'
  done\n`

  for (const [what, output, code, message] of [
    ["twice", print(step({ name: "s", result: 1 })).repeat(2), "step_duplicate", "key of its own"],
    ["malformed", print(step({ name: "s" })), "bad_step", "Line 1 of stdout records no step"],
    ["too large", large, "step_too_large", "8 MiB"],
  ] as const) {
    it.scopedLive(`fail the run and end the program if one is ${what}`, () =>
      Effect.gen(function* () {
        const { run } = yield* runToEnd(sh(`${output}exec sleep 1000`))
        strictEqual(run.status, "failed")
        strictEqual(run.error?.code, code)
        assertInclude(run.error?.message, message)
      }).pipe(Effect.provide(MemoryControlPlane.layer)),
    )
  }

  it.scopedLive("are text in format text", () =>
    Effect.gen(function* () {
      const line = step({ name: "s", result: 1 })
      const { events, run } = yield* runToEnd({ ...sh(`echo '${line}'`), format: "text" })
      strictEqual(run.status, "completed", JSON.stringify(run.error))
      strictEqual(events.map(delta).join(""), `${line}\n`)
    }).pipe(Effect.provide(MemoryControlPlane.layer)),
  )
})
