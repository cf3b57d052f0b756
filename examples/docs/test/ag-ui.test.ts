import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as Code from "./Code.js"
import * as Server from "./Server.js"

const execute = promisify(execFile)

const page = await Code.read("../../../docs/ag-ui.md")
const blocks = Code.blocksOf(page)

/** The programs of the page, each with its last line of output. */
const programs: Readonly<Record<string, string>> = {
  "hello.ts": "[ 'You said: hello' ]",
  "page.ts": "[ 'You said: hello' ]",
  "tools.ts": "Done: teal it is",
  "approval.ts": "Refunded",
  "come-back.ts": "[ 'hello', 'You said: hello' ]",
}

/** The files for UI libraries, which pin a version of the client. */
const forPages = ["runtime.ts", "Copilot.tsx", "Assistant.tsx"]

const files = Object.fromEntries(
  blocks.flatMap(({ language, name, text }) =>
    (language === "ts" || language === "tsx") && name !== undefined ? [[name, text]] : [],
  ),
)

const clients = {
  "1.0": Object.fromEntries(Object.entries(files).filter(([name]) => !forPages.includes(name))),
  "0.0.59": Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name,
      text.replaceAll('"@ag-ui/client"', '"@ag-ui/client-0.0.59"'),
    ]),
  ),
}

describe("the code of the page about front ends", () => {
  it("has a name in every block", () => {
    const unnamed = blocks.filter(({ language, name }) => language.startsWith("ts") && name === undefined)
    expect(unnamed).toEqual([])
    expect(Object.keys(files)).toEqual(expect.arrayContaining([...Object.keys(programs), ...forPages]))
  })

  for (const [version, code] of Object.entries(clients)) {
    it(`compiles with the client ${version}`, async () => {
      const folder = await Code.write(`compiled-${version}`, code)
      expect(await Code.problemsOf(Object.keys(code).map((name) => folder + name))).toBe("")
    })

    it.scopedLive(`does what it says with the client ${version}`, () =>
      Effect.gen(function* () {
        const env = { PATH: process.env["PATH"]!, ...(yield* Server.start) }
        const folder = yield* Effect.promise(() => Code.write(`run-${version}`, code))
        for (const [name, printed] of Object.entries(programs)) {
          const { stdout } = yield* Effect.promise((signal) =>
            execute(process.execPath, ["--import", "tsx", folder + name], { cwd: folder, env, signal }),
          )
          expect(stdout.trim().split("\n").at(-1)).toBe(printed)
        }
      }),
    )
  }

  it.scopedLive("does what it says by hand, and for a page behind a backend", () =>
    Effect.gen(function* () {
      const settings = yield* Server.start
      const env = { PATH: process.env["PATH"]!, ...settings }
      const folder = yield* Effect.promise(() => Code.write("run-by-hand", clients["1.0"]))
      for (const { language, text } of blocks) {
        if (language !== "sh") continue
        const { stdout } = yield* Effect.promise((signal) => execute("sh", ["-euc", text], { env, signal }))
        expect(stdout.trim().split("\n").at(-1)).toContain("RUN_FINISHED")
      }
      const { stdout } = yield* Effect.promise((signal) =>
        execute(
          process.execPath,
          [
            "--import",
            "tsx",
            "--input-type=module",
            "--eval",
            `import { toRunlease } from "${folder}proxy.ts"
            for (const path of ["threads/t", "runs/r1"]) {
              const reply = await toRunlease(new Request("http://page.test/runlease/" + path))
              console.log(reply.status)
            }`,
          ],
          { cwd: folder, env, signal },
        ),
      )
      expect(stdout.trim().split("\n")).toEqual(["200", "404"])
    }),
  )
})
