/** The crash test of the agents on the page of docs about changes, as its command prints it. */
import { createServer } from "node:http"
import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { json, room, run, runProcess, write } from "./Processes.js"

const mails = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly hits: Array<string>; readonly close: () => void }>(
    (resume) => {
      const hits: Array<string> = []
      const server = createServer((request, response) => {
        hits.push(`${request.method} ${request.url}`)
        response.end()
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, hits, close: () => server.close() }))
      })
    },
  ),
  ({ close }) => Effect.sync(close),
)

const page = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  Effect.flatMap(Path.Path, (path) =>
    fs.readFileString(path.join(import.meta.dirname, "../../../docs/changing-agents.md")),
  ),
)

it.scopedLive(
  "the mistakes of the agent on the page are named at their places, and the corrected one passes",
  () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const settings = yield* room
      const { cwd } = settings
      const { hits, url } = yield* mails
      yield* fs.symlink(path.join(import.meta.dirname, "../node_modules"), path.join(cwd, "node_modules"))
      const text = yield* page
      for (const name of ["reminders", "mailer"]) {
        const [, code = ""] =
          new RegExp("^```ts\\n// " + name + "\\.ts\\n([\\s\\S]*?)^```$", "m").exec(text) ?? []
        // The page counts the lines of a file, which has its name in the first line.
        yield* write(cwd, `${name}.ts`, `// ${name}.ts\n${code.replaceAll("https://mail.example.com", url)}`)
      }
      const crashTest = (...args: ReadonlyArray<string>) => runProcess(["crash-test", ...args], settings)
      const input = ["--input", '{"order": "7"}'] as const

      const found = yield* crashTest("--module", "./reminders.ts", ...input)
      const withoutDates = (output: string) => output.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "DATE")
      const printed = found.stdout.replaceAll(url, "https://mail.example.com")
      const [, shown = ""] =
        /^```text\n +OVER ALL[\s\S]*?^(reminders\.ts:17:17 {2}step[\s\S]*?)^```$/m.exec(text) ?? []
      expect(shown).not.toBe("")
      expect([found.code, withoutDates(printed)]).toEqual([1, expect.stringContaining(withoutDates(shown))])
      expect(printed).toMatch(/^mail +again +reminders\.ts:17:17$/m)
      expect(printed).toMatch(
        /^ {2}POST https:\/\/mail\.example\.com\/send +again, without a key +reminders\.ts:12:24$/m,
      )
      expect(hits).toEqual(["POST /send"])

      const allowed = yield* crashTest(
        "--module",
        "./reminders.ts",
        "--agent",
        "reminder",
        "--json",
        "--may-repeat",
        url,
        ...input,
      )
      expect([allowed.code, json(allowed.stdout)]).toEqual([
        1,
        {
          crashes: expect.arrayContaining(['before the record of "mail"', "before the end of the run"]),
          problems: [
            expect.objectContaining({
              kind: "other_result",
              place: "the end of the run",
              at: expect.stringContaining("/reminders.ts:16:16"),
              crash: "before the end of the run",
              crashes: 1,
            }),
          ],
          rows: [
            expect.objectContaining({ kind: "step", name: "mail", times: "again" }),
            expect.objectContaining({ kind: "call", place: 'step "mail"', times: "again, without a key" }),
          ],
        },
      ])

      const passed = yield* crashTest("--module", "./mailer.ts", ...input)
      expect([passed.code, passed.stdout]).toEqual([
        0,
        expect.stringContaining("The worker died at 7 places: no problem was found."),
      ])
    }).pipe(Effect.provide(NodeContext.layer)),
  120_000,
)

it.scopedLive(
  "what is wrong with the request is said",
  () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const settings = yield* room
      yield* fs.symlink(
        path.join(import.meta.dirname, "../node_modules"),
        path.join(settings.cwd, "node_modules"),
      )
      yield* write(
        settings.cwd,
        "asking.ts",
        `import { Agent, Interrupts } from "@runlease/core"
import { Schema } from "effect"
const Asking = Agent.make({ name: "asking", payload: { order: Schema.String }, success: Schema.Boolean })
export default Asking.toLayer(() => Interrupts.approve("approve", { message: "Pay?" }))`,
      )
      const crashTest = (...args: ReadonlyArray<string>) =>
        runProcess(["crash-test", "--module", "./asking.ts", ...args], settings)
      const input = ["--input", '{"order": "7"}'] as const

      const unanswered = yield* crashTest(...input)
      expect([unanswered.code, unanswered.stdout]).toEqual([
        1,
        expect.stringContaining('It waits for an answer to "approve": Pay?'),
      ])
      const answered = yield* crashTest(...input, "--answers", '{"approve": true}')
      expect([answered.code, answered.stdout]).toEqual([0, expect.stringContaining("no problem was found")])
      const wrong = yield* run(
        ["crash-test", "--module", "./asking.ts", "--answers", "true", ...input],
        settings,
      )
      expect([wrong.code, wrong.stderr]).toEqual([64, expect.stringContaining("--answers is no JSON object")])
    }).pipe(Effect.provide(NodeContext.layer)),
  120_000,
)
