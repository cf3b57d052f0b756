import { AgentEvent } from "@runlease/core"
import { describe, it } from "@effect/vitest"
import { assertEquals, assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Chunk, Effect, Stream } from "effect"
import * as Output from "../src/internal/Output.js"

const { textStart, textContent, textEnd, custom, stepStarted } = AgentEvent

const options: Output.Options = {
  format: "auto",
  maxLineBytes: 1024,
  maxOutputBytes: 4096,
  messageId: "m",
  record: ({ key, name, result }) => Effect.succeed([custom("recorded", { name, key, result })]),
}

const chunks = (...parts: ReadonlyArray<string | Uint8Array>) =>
  Stream.fromIterable(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)))

const read = (text: string, changes: Partial<Output.Options> = {}) =>
  Output.events(chunks(text), { ...options, ...changes }).pipe(
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray),
  )

const failing = (text: string, changes: Partial<Output.Options> = {}) =>
  Effect.gen(function* () {
    const seen: Array<AgentEvent.LogEvent> = []
    const error = yield* Output.events(chunks(text), { ...options, ...changes }).pipe(
      Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
      Effect.flip,
    )
    return { seen, error }
  })

describe("Output", () => {
  it.effect("makes one message of lines of text", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* read("one\r\n\ntwo"), [
        textStart("m"),
        textContent("m", "one\n"),
        textContent("m", "\n"),
        textContent("m", "two"),
        textEnd("m"),
      ])
    }),
  )

  it.effect("ends the message before an event, and gives the next message a new id", () =>
    Effect.gen(function* () {
      const events = yield* read('one\n{"type":"CUSTOM","name":"n","value":1}\n\n{"type":"X"}\ntwo\n')
      const id = String(events.at(-1)!["messageId"])
      assertTrue(id !== "m")
      deepStrictEqual(events, [
        textStart("m"),
        textContent("m", "one\n"),
        textEnd("m"),
        custom("n", 1),
        { type: "X" },
        textStart(id),
        textContent(id, "two\n"),
        textEnd(id),
      ])
    }),
  )

  it.effect("reads lines that are no event as text in format auto", () =>
    Effect.gen(function* () {
      const text = '{"type":1}\n{"a":"b"}\n["type"]\n{oops\nnull\n'
      const events = yield* read(text)
      strictEqual(events.map((event) => event["delta"] ?? "").join(""), text)
    }),
  )

  it.effect("reads all lines as text in format text", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* read('{"type":"X"}', { format: "text" }), [
        textStart("m"),
        textContent("m", '{"type":"X"}'),
        textEnd("m"),
      ])
    }),
  )

  it.effect("refuses lines that are no event in format events", () =>
    Effect.gen(function* () {
      deepStrictEqual(yield* read('\n{"type":"X"}\n', { format: "events" }), [{ type: "X" }])
      const text = yield* failing('{"type":"X"}\noops\n', { format: "events" })
      deepStrictEqual(text.seen, [{ type: "X" }])
      strictEqual(text.error.code, "bad_event")
      strictEqual(text.error.message, "Line 2 of stdout is not JSON")
      strictEqual((yield* failing("[1]\n", { format: "events" })).error.code, "bad_event")
    }),
  )

  it.effect("refuses a bad event with its line number, after the events before it", () =>
    Effect.gen(function* () {
      const { seen, error } = yield* failing(
        '{"type":"STEP_STARTED","stepName":"s"}\n{"type":"STEP_FINISHED"}\n',
      )
      deepStrictEqual(seen, [stepStarted("s")])
      assertEquals(error.retryable, false)
      strictEqual(error.code, "bad_event")
      strictEqual(
        error.message,
        "Line 2 of stdout is not a valid event: STEP_FINISHED must have a string in `stepName`, this has undefined",
      )
    }),
  )

  it.effect("records a step behind the text before it", () =>
    Effect.gen(function* () {
      const line = JSON.stringify(custom("runlease.step", { name: "s", key: 1, result: [], extra: true }))
      deepStrictEqual(yield* read(`one\n${line}\n`), [
        textStart("m"),
        textContent("m", "one\n"),
        textEnd("m"),
        custom("recorded", { name: "s", key: 1, result: [] }),
      ])
    }),
  )

  it.effect("reads a line that records a step as text in format text", () =>
    Effect.gen(function* () {
      const line = JSON.stringify(custom("runlease.step", { name: "s" }))
      deepStrictEqual(yield* read(line, { format: "text" }), [
        textStart("m"),
        textContent("m", line),
        textEnd("m"),
      ])
    }),
  )

  for (const [value, problem] of [
    [undefined, "`value` must be an object"],
    [["s"], "`value` must be an object"],
    [{ result: 1 }, "`value.name` is missing"],
    [{ name: 1, result: 1 }, "`value.name` must be a string that is not empty"],
    [{ name: "", result: 1 }, "`value.name` must be a string that is not empty"],
    [{ name: "s" }, "`value.result` is missing (null will do)"],
  ] as const) {
    it.effect(`refuses a step of ${JSON.stringify(value)}, and says what to print`, () =>
      Effect.gen(function* () {
        const line = JSON.stringify(custom("runlease.step", value))
        const { seen, error } = yield* failing(`one\n${line}\n`)
        deepStrictEqual(seen, [textStart("m"), textContent("m", "one\n")])
        strictEqual(error.code, "bad_step")
        strictEqual(error.retryable, false)
        assertInclude(error.message, `Line 2 of stdout records no step: ${problem}; print {"type":"CUSTOM"`)
      }),
    )
  }

  it.effect("passes the end of the run on", () =>
    Effect.gen(function* () {
      const end = { type: "RUN_ERROR", message: "no" }
      deepStrictEqual(yield* read(JSON.stringify(end)), [end])
    }),
  )

  it.effect("bounds a line", () =>
    Effect.gen(function* () {
      strictEqual((yield* read(`${"x".repeat(1024)}\n`)).length, 3)
      const { seen, error } = yield* failing(`ok\n${"x".repeat(1025)}`)
      deepStrictEqual(seen, [textStart("m"), textContent("m", "ok\n")])
      strictEqual(error.code, "output_line_too_long")
      strictEqual(error.message, "Line 2 of stdout is longer than 1024 bytes")
      strictEqual(error.retryable, false)
    }),
  )

  it.effect("bounds the output", () =>
    Effect.gen(function* () {
      strictEqual((yield* read("x\n".repeat(2048))).length, 2050)
      const { error } = yield* failing("x\n".repeat(2049))
      strictEqual(error.code, "output_too_large")
      strictEqual(error.retryable, false)
    }),
  )
})
