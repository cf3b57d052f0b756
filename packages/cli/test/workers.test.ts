import { FileSystem, Path } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { version } from "../src/help/Overview.js"
import {
  has,
  json,
  jsonLines,
  project,
  run,
  runProcess,
  Served,
  type Settings,
  start,
  write,
} from "./Processes.js"

/** A program that waits for a file. */
const patient = ["--command", "sh", "--", "-c", 'until [ -e "$GO" ]; do sleep 0.05; done']

const startWorker = Effect.fnUntraced(function* (settings: Settings, ...flags: ReadonlyArray<string>) {
  const path = yield* Path.Path
  const worker = yield* start(
    ["worker", "--json", "--env", `GO=${path.join(settings.cwd, "go")}`, ...flags, ...patient],
    settings,
  )
  const registered = json(yield* worker.line(has({ event: "registered" })))
  return { ...worker, id: String(registered["worker_id"]) }
})

const stateOf = (settings: Settings, workerId: string) =>
  Effect.map(run(["workers", "list", "--json"], settings), ({ stdout }) =>
    jsonLines(stdout).find(({ worker_id }) => worker_id === workerId),
  )

layer(Served.layer, { excludeTestServices: true })("workers", (it) => {
  it.scoped("are listed as idle, working, draining and gone, and runs get shows the holder of the run", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const worker = yield* startWorker(settings, "--drain-timeout", "1m", "--lease", "30s")
      expect(yield* stateOf(settings, worker.id)).toMatchObject({ state: "idle", in_flight: 0 })

      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      const pending = json((yield* run(["runs", "get", "run-1", "--json"], settings)).stdout)
      expect(Object.keys(pending)).toContain("lease_expires_at")
      yield* worker.line(has({ event: "claimed", run_id: "run-1" }))
      const working = yield* stateOf(settings, worker.id)
      expect(working).toMatchObject({ state: "working", in_flight: 1 })
      expect(Date.parse(String(working!["last_contact_at"]))).toBeGreaterThan(0)
      const got = json((yield* run(["runs", "get", "run-1", "--json"], settings)).stdout)
      expect(got).toMatchObject({ attempt: 1, max_attempts: expect.any(Number), held_by: worker.id })
      expect(Date.parse(String(got["lease_expires_at"]))).toBeGreaterThan(
        Date.parse(String(got["started_at"])),
      )
      const shown = (yield* run(["runs", "get", "run-1"], settings)).stdout
      expect(shown).toMatch(new RegExp(`^held by +${worker.id}$`, "m"))
      expect(shown).toMatch(/^attempt +1 of \d+$/m)
      expect(shown).toMatch(/^lease +expires in \d+s$/m)
      const table = (yield* run(["workers", "list"], settings)).stdout
      expect(table).toMatch(new RegExp(`${worker.id} .* working +1 +\\d+s ago`))

      yield* worker.signal("SIGTERM")
      yield* worker.line(has({ event: "draining" }))
      yield* Effect.repeat(stateOf(settings, worker.id), {
        until: (found) => found?.["state"] === "draining",
        schedule: Schedule.spaced("100 millis"),
      })
      yield* fs.writeFileString(`${cwd}/go`, "")
      expect((yield* worker.ended).code).toBe(0)
      expect(yield* stateOf(settings, worker.id)).toMatchObject({ state: "gone", in_flight: 0 })
      const done = json((yield* run(["runs", "get", "run-1", "--json"], settings)).stdout)
      expect(done).toMatchObject({ status: "completed", attempt: 1, held_by: null, lease_expires_at: null })
    }),
  )

  it.scoped("say what they do and have, with the forms of a module, and drain when they are asked to", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const form = { type: "object", properties: { topic: { type: "string" } }, required: ["topic"] }
      const worker = `export default () => "done"\nexport const forms = { writer: ${JSON.stringify(form)} }\n`
      yield* write(cwd, "worker.ts", worker)
      yield* write(cwd, "wrong.ts", `export default () => "done"\nexport const forms = ["writer"]\n`)
      const refused = yield* runProcess(["worker", "--module", "wrong.ts"], settings)
      expect([refused.code, refused.stderr]).toEqual([64, expect.stringContaining("forms")])

      const flags = ["--json", "--agent", "writer", "--concurrency", "3", "--timeout", "1m"]
      const started = yield* start(["worker", "--module", "worker.ts", ...flags], settings)
      const id = json(yield* started.line(has({ event: "registered" })))["worker_id"]
      const call = (path: string, init: RequestInit = {}) =>
        Effect.promise(async () => {
          const headers = {
            authorization: `Bearer ${env.RUNLEASE_API_KEY}`,
            "content-type": "application/json",
          }
          return (await fetch(`${env.RUNLEASE_URL}${path}`, { ...init, headers })).json()
        })
      const { data } = (yield* call(`/agent-workers/projects/${env.RUNLEASE_PROJECT}/workers`)) as {
        readonly data: ReadonlyArray<{ readonly metadata: object }>
      }
      expect(data.map(({ metadata }) => metadata)).toEqual([
        {
          agent_ids: ["writer"],
          runlease: {
            version,
            agents: ["writer"],
            slots: 3,
            in_use: 0,
            heartbeat_ms: 10_000,
            forms: { writer: form },
          },
        },
      ])
      expect(yield* call(`/projects/${env.RUNLEASE_PROJECT}/agents`)).toEqual({
        data: [{ agent_id: "writer", workers: 1, form }],
      })
      const bare = yield* run(["submit", "--agent", "writer"], settings)
      expect([bare.code, bare.stderr]).toEqual([
        64,
        `Error: There is no payload to submit, and writer needs one\nGive it with: runlease submit --agent writer --input '{"topic":"…"}'\n`,
      ])
      const unknown = yield* run(["submit", "--agent", "reader"], settings)
      expect([unknown.code, unknown.stderr]).toEqual([64, expect.stringContaining("There is no text")])
      const alone = yield* run(["submit", "--agent", "reader", "x"], settings)
      expect([alone.code, alone.stderr]).toEqual([
        0,
        expect.stringContaining("No worker that takes runs of agent reader is working. Start one with: "),
      ])
      yield* call(`/agent-workers/workers/${String(id)}/drain`, { method: "POST", body: '{"drain":true}' })
      yield* started.line(has({ event: "drain_requested", requested: true, in_flight: 0 }))
      yield* Effect.repeat(stateOf(settings, String(id)), {
        until: (found) => found?.["state"] === "draining",
        schedule: Schedule.spaced("100 millis"),
      })
    }),
  )

  it.scoped("with one key: the second starts when the first drains, or with --take-over", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const first = yield* startWorker(settings, "--key", "one", "--drain-timeout", "1m")
      const refused = yield* run(["worker", "--key", "one", "--command", "cat"], settings)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain(first.id)
      expect(refused.stderr).toContain("--take-over")
      // The same key with another kind is another worker.
      const other = yield* startWorker(settings, "--key", "one", "--kind", "other")
      expect(other.id).not.toBe(first.id)
      const second = yield* startWorker(settings, "--key", "one", "--take-over", "--drain-timeout", "1m")
      expect(second.id).toBe(first.id)

      yield* run(["submit", "--agent", "a", "--id", "run-1", "--kind", "runlease", "x"], settings)
      yield* Effect.raceFirst(
        second.line(has({ event: "claimed", run_id: "run-1" })),
        first.line(has({ event: "claimed", run_id: "run-1" })),
      )
      yield* first.signal("SIGTERM")
      yield* second.signal("SIGTERM")
      yield* Effect.repeat(stateOf(settings, first.id), {
        until: (found) => found?.["state"] !== "working" && found?.["state"] !== "idle",
        schedule: Schedule.spaced("100 millis"),
      })
      yield* startWorker(settings, "--key", "one")
    }),
  )
})
