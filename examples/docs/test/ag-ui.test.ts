import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import * as Bundle from "../../../packages/cli/checkout/bundle.mjs"
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

/** Programs of a folder as one bundle: each would else compile its sources when it starts, and load each module of the client as a file. */
const bundlesOf = (folder: string, names: ReadonlyArray<string>) =>
  Effect.promise(() =>
    Bundle.programs(
      names.map((name) => pathToFileURL(folder + name)),
      `${folder}bundle`,
    ),
  )

describe("the code of the page about front ends", () => {
  it("has a name in every block", () => {
    const unnamed = blocks.filter(({ language, name }) => language.startsWith("ts") && name === undefined)
    expect(unnamed).toEqual([])
    expect(Object.keys(files)).toEqual(expect.arrayContaining([...Object.keys(programs), ...forPages]))
  })

  it(`compiles with each client: ${Object.keys(clients).join(", ")}`, async () => {
    // In one run of the compiler, which reads the types that the clients share once.
    const paths = await Promise.all(
      Object.entries(clients).map(async ([version, code]) => {
        const folder = await Code.write(`compiled-${version}`, code)
        return Object.keys(code).map((name) => folder + name)
      }),
    )
    expect(await Code.problemsOf(paths.flat())).toBe("")
  })

  for (const [version, code] of Object.entries(clients)) {
    it.scopedLive(`does what it says with the client ${version}`, () =>
      Effect.gen(function* () {
        const env = { PATH: process.env["PATH"]!, ...(yield* Server.start) }
        const folder = yield* Effect.promise(() => Code.write(`run-${version}`, code))
        const bundles = yield* bundlesOf(folder, Object.keys(programs))
        for (const [index, printed] of Object.values(programs).entries()) {
          const { stdout } = yield* Effect.promise((signal) =>
            execute(process.execPath, [bundles[index]!], { cwd: folder, env, signal }),
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
      const [proxy] = yield* bundlesOf(folder, ["proxy.ts"])
      for (const { language, text } of blocks) {
        if (language !== "sh") continue
        const { stdout } = yield* Effect.promise((signal) => execute("sh", ["-euc", text], { env, signal }))
        expect(stdout.trim().split("\n").at(-1)).toContain("RUN_FINISHED")
      }
      const { stdout } = yield* Effect.promise((signal) =>
        execute(
          process.execPath,
          [
            "--input-type=module",
            "--eval",
            `import { toRunlease } from "${proxy}"
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
