import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { room } from "./Processes.js"

const execute = promisify(execFile)

const page = new URL("../../../docs/http-api.md", import.meta.url)

interface Step {
  readonly command: string
  /** A part of the expected answer. */
  readonly answer: unknown
}

/** The commands of the page, each with the answer below it. */
const stepsOf = (text: string): ReadonlyArray<Step> =>
  Array.from(
    text.matchAll(/```sh\n((?:(?!```)[\s\S])*)```\s*```json\n([\s\S]*?)```/g),
    ([, command, answer]): Step => ({ command: command!, answer: JSON.parse(answer!) }),
  )

/** The last JSON value in the output of a command: a body, or the data of an event. */
const lastJson = (stdout: string): unknown => {
  const line = stdout
    .trim()
    .split("\n")
    .at(-1)!
    .replace(/^data: /, "")
  // The answers of consecutive commands follow each other without a line break.
  return JSON.parse(line.slice(line.lastIndexOf("}{") + 1))
}

layer(NodeContext.layer, { excludeTestServices: true })("the page about the HTTP API", (it) => {
  it.scoped("shows commands with the answers that they have", () =>
    Effect.gen(function* () {
      const { env } = yield* room
      const text = yield* Effect.promise(() => readFile(page, "utf8"))
      const steps = stepsOf(text)
      // All commands but the settings, which come from `room`.
      expect(steps.length).toBe(text.match(/```sh/g)!.length - 1)
      for (const { answer, command } of steps) {
        const { stdout } = yield* Effect.promise(() =>
          execute("sh", ["-euc", command], { env: { PATH: process.env["PATH"]!, ...env } }),
        )
        expect(lastJson(stdout)).toMatchObject(answer as object)
      }
    }),
  )
})
