/** `runlease dev` as somebody uses it who writes an agent. */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import { until } from "./FaultRoom.js"
import { folder, jsonLines, run, type Settings, start, write } from "./Processes.js"
import { onTerminal } from "./Terminal.js"

const says = (text: string): string => `export default async () => ${JSON.stringify(text)}\n`

/** The texts that a run of any agent says. */
const answerOf = (settings: Settings) =>
  Effect.map(run(["submit", "--agent", "any", "--watch", "--json", "hello"], settings), ({ stdout }) =>
    jsonLines(stdout).flatMap(({ event }) => (Predicate.hasProperty(event, "delta") ? [event.delta] : [])),
  )

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

      const answer = answerOf({ cwd, env })
      expect(yield* dev.line((line) => line.startsWith("Next"))).toBe(
        `Next, in another terminal: RUNLEASE_API_KEY=$(cat .runlease/dev.key) runlease submit --url ${url} --agent any --watch hello`,
      )
      expect(yield* answer).toEqual(["one"])

      const second = yield* run(["dev", "--port", "0"], { cwd })
      expect([second.code, second.stderr]).toEqual([
        1,
        expect.stringContaining(`runlease dev runs in this folder already: ${url}/`),
      ])

      // Neither dependencies nor hidden folders are watched.
      const fs = yield* FileSystem.FileSystem
      for (const name of ["node_modules", ".git"]) {
        yield* fs.makeDirectory(`${cwd}/${name}`)
        yield* write(cwd, `${name}/other.ts`, says("other"))
      }
      yield* write(cwd, "agent.ts", "export default (")
      yield* dev.line((line) => line === "agent.ts has changed: starting the worker again")
      yield* dev.line((line) => line.includes("It starts again when ./agent.ts"))
      yield* write(cwd, "agent.ts", says("two"))
      expect(yield* answer).toEqual(["two"])

      yield* fs.makeDirectory(`${cwd}/parts`)
      yield* write(cwd, "parts/text.ts", `export const text = "three"\n`)
      yield* write(
        cwd,
        "agent.ts",
        `import { text } from "./parts/text.ts"\nexport default async () => text\n`,
      )
      const said = (text: string) =>
        until(answer, (texts) => texts.includes(text), `the worker has not said ${text}`)
      yield* said("three")
      yield* write(cwd, "parts/text.ts", `export const text = "four"\n`)
      yield* said("four")

      yield* dev.signal("SIGTERM")
      const { code, stdout } = yield* dev.ended
      expect(code).toBe(0)
      expect(stdout).not.toContain("other.ts")
      expect(yield* fs.exists(`${cwd}/.runlease/dev.url`)).toBe(false)
    }),
  )

  it.scoped("starts its worker again when a signal has ended it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      yield* write(cwd, "agent.ts", "export default async () => String(process.pid)\n")
      const dev = yield* start(["dev", "--port", "0", "--module", "./agent.ts"], { cwd })
      const [, url] = /(http:\S+)\/$/.exec(yield* dev.line((line) => line.startsWith("Runlease:")))!
      const [, apiKey] = /(rlk_\S+)/.exec(yield* dev.line((line) => line.includes("API key")))!
      const answer = answerOf({ cwd, env: { RUNLEASE_URL: url!, RUNLEASE_API_KEY: apiKey! } })
      const [first] = yield* answer
      process.kill(Number(first), "SIGKILL")
      yield* dev.line((line) => line === "The worker was ended by SIGKILL: starting it again")
      const [second] = yield* answer
      expect(Number(second)).toBeGreaterThan(0)
      expect(second).not.toBe(first)
    }),
  )

  it.scoped("names the first agent of its module in the next command, with a payload that fits", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const module = yield* Effect.promise(() =>
        Bundle.fixture(new URL("fixtures/reviewing.ts", import.meta.url)),
      )
      const dev = yield* start(["dev", "--port", "0", "--module", module], { cwd })
      const next = yield* dev.line((line) => line.startsWith("Next"))
      const [, url, agent, input] = /--url (\S+) --agent (\S+) --watch --input '(.*)'$/.exec(next)!
      const apiKey = (yield* Effect.flatMap(FileSystem.FileSystem, (fs) =>
        fs.readFileString(`${cwd}/.runlease/dev.key`),
      )).trim()
      const env = { RUNLEASE_URL: url!, RUNLEASE_API_KEY: apiKey }
      const { code, stdout } = yield* run(["submit", "--agent", agent!, "--watch", "--input", input!], {
        cwd,
        env,
      })
      expect(stdout).toContain("Pull 1 has no conflicts with any other")
      expect(code).toBe(0)
    }),
  )

  it.scoped(
    "signs a browser in once by its link, which it opens on a terminal, and keeps its key over restarts",
    () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        const fs = yield* FileSystem.FileSystem
        const browser = yield* write(cwd, "browser", `#!/bin/sh\nprintf %s "$1" > "${cwd}/opened"\n`)
        yield* fs.chmod(browser, 0o755)
        const { stdout } = yield* onTerminal(["dev", "--port", "0"], { cwd, env: { BROWSER: browser } }, [
          ["Next, in another terminal", "\u0003"],
        ])
        expect(stdout).toContain(`sign in   ${yield* fs.readFileString(`${cwd}/opened`)} (works once)`)

        const dev = yield* start(["dev", "--port", "0"], { cwd, env: { BROWSER: browser } })
        // The key stays over a restart.
        expect(stdout).toContain(yield* dev.line((line) => line.includes("API key")))
        const [link, url] = /(http:\S+)\/sign-in\?once=\S+/.exec(
          yield* dev.line((line) => line.includes("sign in")),
        )!

        const open = (address: string, headers = {}) =>
          Effect.promise(() => fetch(address, { headers, redirect: "manual" }))
        const wrong = yield* open(`${link}x`, { accept: "text/html" })
        expect([wrong.status, wrong.headers.get("set-cookie")]).toEqual([200, null])
        const signedIn = yield* open(link!)
        expect([signedIn.status, signedIn.headers.get("location")]).toEqual([303, "./"])
        const cookie = signedIn.headers.get("set-cookie")!
        expect(cookie).toMatch(/^runlease_session=rls_.*; HttpOnly; SameSite=Strict/)
        const session = yield* open(`${url}/session`, { cookie: cookie.split(";")[0] })
        expect(yield* Effect.promise(() => session.json())).toMatchObject({
          key: { name: "dev", admin: true },
        })
        const again = yield* open(link!)
        expect([again.status, again.headers.get("set-cookie")]).toEqual([303, null])
      }),
  )

  it.scoped(
    "waits for a module that is broken at its start, which it loads once and whose exception it shows",
    () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        const fs = yield* FileSystem.FileSystem
        const loading = `import { appendFileSync } from "node:fs"\nappendFileSync("loaded", "once ")\n`
        yield* write(
          cwd,
          "agent.ts",
          `${loading}\nconst start = () => {\n  throw new Error("no paper")\n}\nstart()\n`,
        )
        const dev = yield* start(["dev", "--port", "0", "--module", "./agent.ts"], { cwd })
        yield* dev.line((line) => line.includes("It starts again when ./agent.ts"))
        yield* write(cwd, "agent.ts", `${loading}${says("one")}`)
        yield* dev.line((line) => line.includes("waits for runs"))
        yield* dev.signal("SIGTERM")
        const { stderr } = yield* dev.ended
        expect(stderr).toBe(
          "Error: The module ./agent.ts cannot be loaded: no paper\n  at ./agent.ts:5:9\n  at ./agent.ts:7:1\n",
        )
        expect(yield* fs.readFileString(`${cwd}/loaded`)).toBe("once once ")
      }),
  )

  it.scoped("refuses a wrong executor before anything starts", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const { code, stderr } = yield* run(["dev", "--module", "./agent.ts", "--command", "true"], { cwd })
      expect(stderr).toContain("exclude each other")
      expect(code).toBe(64)
    }),
  )
})
