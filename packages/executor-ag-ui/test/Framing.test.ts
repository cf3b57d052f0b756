import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { claimed, execute, failureOf, test } from "./Runs.js"

const started = '{"type":"RUN_STARTED","threadId":"t","runId":"r"}'
const finished = '{"type":"RUN_FINISHED","threadId":"t","runId":"r"}'

/** The stream with the id of the requested run. */
const answering = (call: Peer.Call, stream: string) =>
  stream.replaceAll('"r"', JSON.stringify(call.input.runId))
const custom = (value: unknown) => ({ type: "CUSTOM", name: "n", value })
const text = "wörld 🌍\u2028"

/** Event streams that the standard allows, each with one CUSTOM event and the end. */
const streams: Readonly<Record<string, string>> = {
  "lines ended by LF": `data: ${started}\n\ndata: ${JSON.stringify(custom(text))}\n\ndata: ${finished}\n\n`,
  "lines ended by CR and LF": `data: ${started}\r\n\r\ndata: ${JSON.stringify(custom(text))}\r\n\r\ndata: ${finished}\r\n\r\n`,
  "lines ended by CR": `data: ${started}\r\rdata: ${JSON.stringify(custom(text))}\r\rdata: ${finished}\r\r`,
  "a byte order mark": `\uFEFFdata: ${started}\n\ndata: ${JSON.stringify(custom(text))}\n\ndata: ${finished}\n\n`,
  "comments, names, ids and blank lines": `:\n\n: keep\ndata: ${started}\n\n\n\nevent: x\nid: 1\nretry: 5\ndata: ${JSON.stringify(custom(text))}\n:in it\n\ndata: ${finished}\n\n`,
  "data in several lines": `data: ${started}\n\ndata: {"type":"CUSTOM",\ndata: "name":"n",\r\ndata:"value":${JSON.stringify(text)}}\r\n\r\ndata: ${finished}\n\n`,
  "no blank line at its end": `data: ${started}\n\ndata: ${JSON.stringify(custom(text))}\n\ndata: ${finished}`,
  "a null for an absent field of AG-UI 1.0": `data: ${started}\n\ndata: ${JSON.stringify({ ...custom(text), subagentRunId: null })}\n\ndata: ${finished}\n\n`,
}

const pieces: Readonly<Record<string, (bytes: Buffer) => ReadonlyArray<Buffer>>> = {
  "in one piece": (bytes) => [bytes],
  "byte by byte": (bytes) => [...bytes].map((byte) => Buffer.of(byte)),
}

/** Writes each piece in a separate turn of the event loop, so that the pieces arrive unmerged. */
const writeApart = async ({ response, write }: Peer.Call, parts: ReadonlyArray<Buffer>) => {
  response.socket?.setNoDelay(true)
  for (const part of parts) {
    await write(part)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe("an event stream is read with", () => {
  for (const [what, stream] of Object.entries(streams)) {
    for (const [how, split] of Object.entries(pieces)) {
      test(
        `${what}, ${how}`,
        Effect.gen(function* () {
          const agent = yield* Peer.serve(async (call) => {
            call.begin()
            await writeApart(call, split(Buffer.from(answering(call, stream))))
            call.response.end()
          })
          const executor = yield* Peer.make({ url: agent.url })
          const { events, exit } = yield* execute(executor, yield* claimed())
          strictEqual(exit._tag, "Success")
          deepStrictEqual(
            events.map(({ type, value }) => (value === undefined ? type : value)),
            [text, "RUN_FINISHED"],
          )
        }),
      )
    }
  }
})

describe("the limit of an event", () => {
  const limit = 1000
  const ofSize = (bytes: number) => {
    const empty = Buffer.byteLength(JSON.stringify(custom("")))
    return JSON.stringify(custom("x".repeat(bytes - empty)))
  }
  const run = (data: string) =>
    Effect.gen(function* () {
      const agent = yield* Peer.serve(async (call) => {
        call.begin()
        await writeApart(
          call,
          [
            ...Buffer.from(
              answering(call, `data: ${started}\n\ndata: ${data}\r\n\r\ndata: ${finished}\n\n`),
            ).toString("latin1"),
          ].map((byte) => Buffer.from(byte, "latin1")),
        )
        call.response.end()
      })
      const executor = yield* Peer.make({ url: agent.url, maxEventBytes: limit })
      return yield* execute(executor, yield* claimed())
    })

  test(
    "counts the bytes of its data exactly",
    Effect.gen(function* () {
      strictEqual((yield* run(ofSize(limit))).exit._tag, "Success")
      strictEqual(failureOf(yield* run(ofSize(limit + 1))).code, "event_too_large")
    }),
  )
})
