/** Payloads of agents: submitted on the command line and on the page, and refused with the same sentence wherever that is. */
import { expect, layer } from "@effect/vitest"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer } from "effect"
import * as Browser from "./Browser.js"
import { Review } from "./fixtures/reviewing.js"
import * as Bundle from "../checkout/bundle.mjs"
import { has, json, jsonLines, run, Served, start, write } from "./Processes.js"

const module = Effect.promise(() => Bundle.fixture(new URL("fixtures/reviewing.ts", import.meta.url)))

const sentence = "The payload of agent review does not fit: `pull` is not more than 0"
const wrong = { repository: "runlease", pull: -1 }

const worker = Layer.scopedDiscard(
  Effect.gen(function* () {
    const running = yield* start(["worker", "--json", "--module", yield* module], yield* Served)
    yield* running.line(has({ event: "registered" }))
  }),
)

layer(worker.pipe(Layer.provideMerge(Served.layer)), {
  excludeTestServices: true,
  timeout: "5 minutes",
})("the payload of an agent", (it) => {
  it.scoped(
    "is JSON of the flag, of a file or of stdin, and stands with the result where the run is shown",
    () =>
      Effect.gen(function* () {
        const served = yield* Served
        yield* write(served.cwd, "payload.json", `{\n  "repository": "runlease",\n  "pull": 12\n}\n`)
        const submit = (id: string, input: string, stdin = "") =>
          run(["submit", "--agent", "review", "--id", id, "--watch", "--input", input], { ...served, stdin })
        const text = JSON.stringify({ repository: "runlease", pull: 12 })
        for (const [id, input, stdin] of [
          ["flag", text, ""],
          ["file", "@payload.json", ""],
          ["stdin", "-", text],
        ] as const) {
          const { code, stderr, stdout } = yield* submit(id, input, stdin)
          expect([id, code, stderr]).toEqual([id, 0, ""])
          expect(stdout).toContain(`· input ${text}\n`)
          expect(stdout).toContain(
            `· run_finished success\n${JSON.stringify(
              { approved: true, notes: ["runlease is ready", "Pull 12 has no conflicts with any other"] },
              null,
              2,
            )}\n`,
          )
        }
        const shown = yield* run(["runs", "get", "flag"], served)
        expect(shown.stdout).toContain(`input           ${text}\n`)
        expect(shown.stdout).toContain(`result\n  {\n    "approved": true,\n    "notes": [\n`)
        const line = yield* run(["runs", "get", "--json", "flag"], served)
        expect(json(line.stdout)).toMatchObject({ input: { pull: 12 }, result: { approved: true } })
        const failed = yield* run(
          [
            "submit",
            "--agent",
            "review",
            "--id",
            "large",
            "--watch",
            "--input",
            `{"repository": "r", "pull": 101}`,
          ],
          served,
        )
        expect(failed.code).not.toBe(0)
        expect(json((yield* run(["runs", "get", "--json", "large"], served)).stdout)["error"]).toMatchObject({
          code: "TooLarge",
          detail: { _tag: "TooLarge", files: 101 },
        })
      }),
  )

  it.scoped("is a member of a JSON line", () =>
    Effect.gen(function* () {
      const served = yield* Served
      const lines = [
        { public_id: "line-1", input: { repository: "runlease", pull: 1 } },
        { public_id: "line-2", input: null, text: "Be brief" },
      ].map((one) => JSON.stringify({ agent: "unseen", ...one }))
      const { code } = yield* run(["submit", "--jsonl", "-"], { ...served, stdin: lines.join("\n") })
      expect(code).toBe(0)
      const inputs = yield* Effect.forEach(["line-1", "line-2"], (id) =>
        Effect.map(
          run(["runs", "get", "--json", id], served),
          ({ stdout }) => jsonLines(stdout)[0]!["input"],
        ),
      )
      expect(inputs).toEqual([{ repository: "runlease", pull: 1 }, null])
    }),
  )

  it.scoped("is refused before it is sent where it is no JSON, with the place and without the text", () =>
    Effect.gen(function* () {
      const served = yield* Served
      yield* write(served.cwd, "broken.json", `{\n  "secret": "hunter2",\n  "pull": 12,\n}\n`)
      const refusals: ReadonlyArray<readonly [input: string, message: string, stdin?: string]> = [
        [`{"secret": hunter2}`, "--input is no JSON at line 1, column 12"],
        [`{"secret": "hunter2"`, "--input is no JSON at line 1, column 21"],
        [`["hunter2" 1]`, "--input is no JSON at line 1, column 12"],
        [`{"hunter2" 1}`, "--input is no JSON at line 1, column 12"],
        [`"hunter2`, "--input is no JSON at line 1, column 1"],
        [`12 hunter2`, "--input is no JSON at line 1, column 4"],
        ["", "--input is empty"],
        ["@broken.json", "broken.json is no JSON at line 4, column 1"],
        ["@none.json", "none.json cannot be read"],
        ["-", "The stdin of --input is no JSON at line 2, column 1", "[hunter2".replace("hunter2", "1,\n")],
      ]
      for (const [input, message, stdin = ""] of refusals) {
        const refused = yield* run(["submit", "--agent", "review", "--input", input], { ...served, stdin })
        expect([input, refused.code, refused.stdout]).toEqual([input, 64, ""])
        expect(refused.stderr).toContain(message)
        expect(refused.stderr).not.toContain("hunter2")
      }
      const twice = [
        ["--input", "1", "--jsonl", "-"],
        ["--input", "-", "-"],
      ]
      for (const flags of twice) {
        expect((yield* run(["submit", "--agent", "review", ...flags], served)).code).toBe(64)
      }
    }),
  )

  it.scoped("is refused with one sentence by a program, over HTTP, on the command line and by the form", () =>
    Effect.gen(function* () {
      const served = yield* Served
      const { RUNLEASE_API_KEY: key, RUNLEASE_URL: url } = served.env
      const inProgram = yield* Effect.provide(Effect.flip(Review.submit(wrong)), MemoryControlPlane.layer)
      expect(inProgram.message).toBe(sentence)
      const overHttp = yield* Effect.promise(async () => {
        const response = await fetch(`${url}/runs`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ kind: "agent", request: { agent_id: "review", input: wrong } }),
        })
        return [response.status, json(await response.text())] as const
      })
      expect(overHttp).toEqual([422, { error: "invalid_payload", detail: sentence, field: "input" }])
      const onCommandLine = yield* run(
        ["submit", "--agent", "review", "--input", JSON.stringify(wrong)],
        served,
      )
      expect([onCommandLine.code, onCommandLine.stdout]).toEqual([1, ""])
      expect(onCommandLine.stderr).toContain(sentence)
      if (!Browser.isThere) return
      const { faults, page } = yield* Browser.visit(yield* Browser.launch, new URL(url).origin, key)
      yield* Effect.promise(async () => {
        await page.goto(new URL("/submit?agent=review", page.url()).href)
        await page.getByLabel("Repository").fill("runlease")
        await page.getByLabel("Pull").fill("-1")
        await page.getByRole("button", { name: "Submit the run" }).click()
        await page
          .getByRole("alert")
          .filter({ hasText: `${sentence}. Nothing was submitted.` })
          .waitFor()
        expect(await Browser.violations(page)).toEqual([])
        await page.getByLabel("Pull").fill("12")
        await page.getByRole("button", { name: "Submit the run" }).click()
        await page.waitForURL(/\/runs\/[^/?]+/)
        await page.getByRole("region", { name: "Payload of the run" }).getByText(`"pull": 12`).waitFor()
        await page.getByRole("region", { name: "Result of the run" }).getByText(`"approved": true`).waitFor()
      })
      expect(faults.filter((fault) => !fault.includes("422"))).toEqual([])
    }),
  )
})
