import { FetchHttpClient, FileSystem, HttpClient, HttpClientRequest, Path } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import * as AgUi from "./AgUi.js"
import { type Env, has, json, project, room, run, type Running, Served, start } from "./Processes.js"
import { gateway } from "./Proxies.js"

/** A program that prints a line and then waits for a file. */
const patient = [
  "--command",
  "sh",
  "--",
  "-c",
  'echo begun; until [ -e "$GO" ]; do sleep 0.05; done; echo done',
]

const eventOf = (worker: Running, event: string, runId: string) =>
  Effect.map(worker.line(has({ event, run_id: runId })), json)

const timeOf = (line: ReturnType<typeof json>): number => Date.parse(String(line["time"]))

const startWorker = Effect.fnUntraced(function* (
  settings: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ...flags: ReadonlyArray<string>
) {
  const path = yield* Path.Path
  const worker = yield* start(
    ["worker", "--json", "--env", `GO=${path.join(settings.cwd, "go")}`, ...flags, ...patient],
    settings,
  )
  yield* worker.line(has({ event: "registered" }))
  return worker
})

const go = Effect.fnUntraced(function* (cwd: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.writeFileString(path.join(cwd, "go"), "")
})

/** The events of a run from its AG-UI stream, each with its id if it has one. */
const streamed = Effect.fnUntraced(function* (
  env: Env,
  runId: string,
  conversationId: string,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = yield* HttpClient.execute(
    HttpClientRequest.get(`${env.RUNLEASE_URL}/conversations/${conversationId}/runs/${runId}/stream`).pipe(
      HttpClientRequest.bearerToken(env.RUNLEASE_API_KEY),
      HttpClientRequest.setHeaders(headers),
    ),
  )
  const field = (block: string, name: string) =>
    block
      .split("\n")
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  return (yield* response.text)
    .split("\n\n")
    .filter((block) => field(block, "data") !== undefined)
    .map((block) => ({ id: field(block, "id"), event: json(field(block, "data")!) }))
})

layer(Layer.merge(Served.layer, FetchHttpClient.layer), { excludeTestServices: true })("a shutdown", (it) => {
  it.scoped("of a worker hands its runs back at once, attempts not counted", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const first = yield* startWorker(settings, "--drain-timeout", "0")
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* run(["submit", "--agent", "a", "--id", "run-2", "x"], settings)
      yield* Effect.all([eventOf(first, "claimed", "run-1"), eventOf(first, "claimed", "run-2")])
      const second = yield* startWorker(settings)

      yield* first.signal("SIGTERM")
      const waits = yield* Effect.forEach(["run-1", "run-2"], (runId) =>
        Effect.gen(function* () {
          const released = yield* eventOf(first, "released", runId)
          const claimed = yield* eventOf(second, "claimed", runId)
          expect(claimed["attempt"]).toBe(1)
          return timeOf(claimed) - timeOf(released)
        }),
      )
      // The minimum: other load of the machine delays some of them, and makes none faster.
      expect(Math.min(...waits)).toBeLessThan(1_000)
      expect((yield* first.ended).code).toBe(0)

      yield* go(cwd)
      yield* Effect.all([eventOf(second, "completed", "run-1"), eventOf(second, "completed", "run-2")])
    }),
  )

  it.scoped("of a worker waits for runs that can finish, and a second signal does not", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const finishing = yield* startWorker(settings, "--drain-timeout", "1m")
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* eventOf(finishing, "claimed", "run-1")
      yield* finishing.signal("SIGTERM")
      yield* finishing.line(has({ event: "draining", in_flight: 1 }))
      yield* go(cwd)
      yield* eventOf(finishing, "completed", "run-1")
      expect((yield* finishing.ended).code).toBe(0)

      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      yield* fs.remove(path.join(cwd, "go"))
      const hasty = yield* startWorker(settings, "--drain-timeout", "1m")
      yield* run(["submit", "--agent", "a", "--id", "run-2", "x"], settings)
      yield* eventOf(hasty, "claimed", "run-2")
      yield* hasty.signal("SIGINT")
      yield* hasty.line(has({ event: "draining", in_flight: 1 }))
      yield* hasty.signal("SIGINT")
      // The second signal itself ends the process, so there is no exit code.
      expect((yield* hasty.ended).code).toBe(null)
    }),
  )

  it.scoped("of a server does not end its runs, which go on when it is back", () =>
    Effect.gen(function* () {
      const { cwd, env, server } = yield* room
      const settings = { cwd, env }
      const worker = yield* startWorker(settings)
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* eventOf(worker, "claimed", "run-1")
      const watching = yield* start(["watch", "run-1"], settings)
      yield* watching.line((line) => line === "begun")

      yield* server.signal("SIGTERM")
      expect((yield* server.ended).code).toBe(0)
      yield* go(cwd)
      const { port } = new URL(env.RUNLEASE_URL)
      yield* Effect.flatMap(start(["serve", "--port", port, "--json"], { cwd }), ({ line }) =>
        line(() => true),
      )

      expect(yield* eventOf(worker, "completed", "run-1")).toMatchObject({ attempt: 1, recorded: true })
      const watched = yield* watching.ended
      expect(watched.code).toBe(0)
      expect(watched.stdout.match(/^(begun|done)$/gm)).toEqual(["begun", "done"])
    }),
  )

  it.scoped("of a server before a run has begun lets its viewer wait", () =>
    Effect.gen(function* () {
      const { cwd, env, server } = yield* room
      const settings = { cwd, env }
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      const requested = yield* Effect.makeLatch()
      const { url } = yield* gateway(env.RUNLEASE_URL, (_, path) => {
        if (path.includes("/events")) requested.unsafeOpen()
        return "pass"
      })
      const watching = yield* start(["watch", "run-1"], { cwd, env: { ...env, RUNLEASE_URL: url } })
      yield* requested.await

      yield* server.signal("SIGKILL")
      yield* server.ended
      const { port } = new URL(env.RUNLEASE_URL)
      const again = yield* start(["serve", "--port", port, "--json"], { cwd })
      yield* again.line(() => true)
      yield* run(["runs", "cancel", "run-1"], settings)
      expect((yield* watching.ended).code).toBe(3)
    }),
  )

  it.scoped("of a worker by SIGKILL costs one lease, and the log reads as one whole run", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const first = yield* startWorker(settings, "--lease", "5s")
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* eventOf(first, "claimed", "run-1")
      const watching = yield* start(["watch", "run-1"], settings)
      yield* watching.line((line) => line === "begun")
      const second = yield* startWorker(settings, "--lease", "5s")

      const killedAt = yield* Clock.currentTimeMillis
      yield* first.signal("SIGKILL")
      const claimed = yield* eventOf(second, "claimed", "run-1")
      expect(claimed["attempt"]).toBe(2)
      expect(timeOf(claimed) - killedAt).toBeLessThan(7_000)
      yield* go(cwd)
      const { code, stdout } = yield* watching.ended
      expect(code).toBe(0)
      expect(stdout).toMatch(/begun[^]*begun\ndone\n/)

      const shown = json((yield* run(["runs", "get", "run-1", "--json"], settings)).stdout)
      const conversationId = String(shown["conversation_id"])
      const events = yield* streamed(env, "run-1", conversationId)
      const ids = events.flatMap(({ id }) => (id === undefined ? [] : [Number(id)]))
      expect(ids).toEqual(Array.from(new Set(ids)).sort((a, b) => a - b))
      // A reader that resumes after any event gets the rest of the log.
      for (const id of ids) {
        const had = events.slice(0, events.findIndex((entry) => entry.id === String(id)) + 1)
        const got = yield* streamed(env, "run-1", conversationId, { "last-event-id": String(id) })
        expect([...had, ...got]).toEqual(events)
      }
      const texts = events.filter(({ event }) => event["delta"] === "done\n")
      expect(texts).toHaveLength(1)
      yield* AgUi.verify(events.map(({ event }) => event))
    }),
  )
})
