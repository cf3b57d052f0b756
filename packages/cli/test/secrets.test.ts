import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Collector from "./Collector.js"
import { folder, has, json, run, runProcess, start } from "./Processes.js"

const newToken = () => `rlk_${randomBytes(32).toString("hex")}`

/** Every file below a folder, as text of one character a byte. */
const filesBelow = (root: string): ReadonlyArray<string> =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))

/** Whether a text has a token, or half of it. */
const tells = (text: string, token: string): boolean => {
  const secret = token.replace(/^rl[a-z]_/, "")
  const half = secret.length / 2
  return text.includes(secret.slice(0, half)) || text.includes(secret.slice(half))
}

interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

layer(NodeContext.layer, { excludeTestServices: true })("tokens", (it) => {
  it.scoped("are in no log, no trace, no metric, no refusal, no file and no output of a program", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const collector = yield* Collector.make
      const key = newToken()
      const unknown = newToken()
      const logs = ["--log-level", "all", "--log-format", "json"]
      const server = yield* start(
        ["serve", "--port", "0", "--json", "--metrics", "--log-requests", ...logs],
        { cwd, env: { ...collector.env, RUNLEASE_API_KEY: key } },
      )
      const url = String(json(yield* server.line(() => true))["url"])
      const env = { ...collector.env, RUNLEASE_URL: url, RUNLEASE_API_KEY: key }
      const created = json((yield* run(["keys", "create", "worker", "--json"], { cwd, env })).stdout)
      const workerKey = String(created["token"])

      const send = ({ body, headers = {}, method = "GET", path }: Sent) =>
        Effect.promise(async () => {
          const response = await fetch(url + path, {
            method,
            headers: { "content-type": "application/json", ...headers },
            ...(body === undefined ? {} : { body }),
          })
          return { text: await response.text(), cookie: response.headers.get("set-cookie") ?? "" }
        })

      // A worker whose program prints all that it is given, but its token on stderr alone. It leaves that outside of the folder.
      const elsewhere = yield* folder
      const script = `printf %s "$RUNLEASE_TOKEN" > ${elsewhere}/token; env | grep -v ^RUNLEASE_TOKEN=; env >&2; cat; exit 3`
      const program = ["--run-token", "--command", "sh", "--", "-c", script]
      const worker = yield* start(["worker", "--json", "--metrics-port", "0", ...logs, ...program], {
        cwd,
        env: { ...env, RUNLEASE_API_KEY: workerKey },
      })
      yield* run(["submit", "--agent", "a", "--id", "run-1", "hello"], { cwd, env })
      yield* worker.line(has({ event: "failed", run_id: "run-1" }))

      const programToken = readFileSync(join(elsewhere, "token"), "utf8")
      expect(programToken).toMatch(/^rlr_[0-9a-f]{128,}$/)
      const { text: begun } = yield* send({
        path: "/runs/run-1",
        headers: { authorization: `Bearer ${programToken}` },
      })
      expect(begun).toContain("The token of a run is not enough for this")

      const registration = JSON.stringify({ implementation_kind: "kind", worker_key: "own" })
      const bearer = { authorization: `Bearer ${key}` }
      const { text: registered } = yield* send({
        method: "POST",
        path: "/agent-workers/projects/default/workers",
        headers: bearer,
        body: registration,
      })
      const { token: workerToken, worker: own } = JSON.parse(registered) as {
        readonly token: string
        readonly worker: { readonly id: string }
      }
      const signedIn = yield* send({
        method: "POST",
        path: "/session",
        body: JSON.stringify({ api_key: key }),
      })
      const session = /runlease_session=([^;]*)/.exec(signedIn.cookie)![1]!
      const cookie = { cookie: `runlease_session=${session}` }

      const ofPage = yield* run(["tokens", "create", "--run", "none", "--scope", "read"], { cwd, env })
      const pageToken = ofPage.stdout.trim()
      expect(pageToken).toMatch(/^rlb_[0-9a-f]{128,}$/)
      const tokens = [key, workerKey, workerToken, session, programToken, pageToken, unknown]
      const answers = yield* Effect.forEach(
        [
          { path: "/session", headers: cookie },
          { path: "/projects/default/runs", headers: cookie },
          { path: "/projects/default/keys", headers: bearer },
          { path: "/runs/run-1/events", headers: bearer },
          { path: "/metrics" },
          ...tokens.flatMap((token): ReadonlyArray<Sent> => {
            const own_ = { authorization: `Bearer ${token}` }
            return [
              { path: "/projects/default/runs", headers: { "x-api-key": token } },
              { path: "/runs/none", headers: own_ },
              { path: "/projects", headers: own_ },
              { path: "/runs", method: "POST", headers: own_, body: "{" },
              { path: `/agent-workers/workers/${own.id}/claim`, method: "POST", headers: own_, body: "[]" },
              { path: "/runs/none", headers: { authorization: `Basic ${token}` } },
              { path: "/runs/none", headers: { authorization: token } },
              { path: "/runs/none", headers: { cookie: `runlease_session=${token}` } },
              { path: `/projects/default/runs?token=${token}`, headers: bearer },
              { path: `/nowhere/${token}`, headers: bearer },
              { path: `/projects/default/runs?limit=${token}`, headers: bearer },
              { path: "/session", method: "POST", body: JSON.stringify({ api_key: [token] }) },
              { path: "/session", method: "POST", body: JSON.stringify({ api_key: { token } }) },
              { path: "/session", method: "POST", body: `{"api_key": "${token}` },
              { path: "/session", method: "POST", body: JSON.stringify({ api_key: `${token} ` }) },
            ]
          }),
        ],
        send,
      )

      yield* run(["keys", "revoke", String(created["id"])], { cwd, env })
      const refused = yield* worker.ended
      const rejected = yield* runProcess(["runs", "list", "--log-level", "all"], {
        cwd,
        env: { ...env, RUNLEASE_API_KEY: unknown },
      })
      yield* collector.until(({ spans }) => spans.some(({ name }) => name.startsWith("attempt")))
      yield* server.signal("SIGTERM")
      const served = yield* server.ended

      const { bodies } = yield* collector.received
      const seen: Readonly<Record<string, ReadonlyArray<string>>> = {
        "the server's output": [served.stdout, served.stderr],
        "the worker's output": [refused.stdout, refused.stderr],
        "a refused command's output": [rejected.stdout, rejected.stderr],
        "the collector": bodies,
        answers: answers.map(({ text }) => text),
        files: filesBelow(cwd),
      }
      for (const texts of Object.values(seen)) expect(texts.join("").length).toBeGreaterThan(0)
      expect(served.stderr).toContain("/projects/default/runs")
      const found = Object.entries(seen).flatMap(([place, texts]) =>
        tokens.flatMap((token, index) =>
          texts.flatMap((text) => (tells(text, token) ? [`token ${index} in ${place}`] : [])),
        ),
      )
      expect(found).toEqual([])
      // Nor one that this test does not know.
      const others = Object.values(seen).flatMap((texts) =>
        texts.flatMap((text) => text.match(/rl[krsw]_[0-9a-f]{32,}/g) ?? []),
      )
      expect(others).toEqual([])
    }),
  )
})
