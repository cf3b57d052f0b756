import { FileSystem } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { go, until } from "./FaultRoom.js"
import { has, project, run, type Running, Served, start, write } from "./Processes.js"
import { network } from "./Proxies.js"

/** Where a worker answers probes, once it does. */
const placeOf = (worker: Running) =>
  Effect.map(
    worker.errorLine((line) => line.includes("/metrics")),
    (line) => /http:\/\/[^/]+/.exec(line)![0],
  )

const probe = (place: string, path: string) =>
  Effect.promise(async (signal) => {
    const response = await fetch(place + path, { signal })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  })

/** A program that ends when a file `go` exists. */
const untilGo = (cwd: string) =>
  [`--env=GO=${cwd}/go`, "--command", "sh", "--", "-c", 'until [ -e "$GO" ]; do sleep 0.05; done'] as const

/** A module that writes a file `blocked`, and blocks the event loop until a file `go` exists. */
const blocking = `import { existsSync, writeFileSync } from "node:fs"
export default async () => {
  writeFileSync("blocked", "")
  const cell = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync("go")) Atomics.wait(cell, 0, 0, 20)
}
`

layer(Served.layer, { excludeTestServices: true })("the probes of a worker", (it) => {
  it.scoped("tell of its start, of its work, of a server that is away, and of its drain", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const worker = yield* start(
        ["worker", "--json", "--metrics-port", "0", "--drain-timeout", "1m", ...untilGo(cwd)],
        settings,
      )
      const place = yield* placeOf(worker)
      yield* worker.line(has({ event: "registered" }))
      expect(yield* until(probe(place, "/readyz"), ({ status }) => status === 200)).toEqual({
        status: 200,
        body: { status: "ok" },
      })
      yield* run(["submit", "--agent", "a", "--id", "run-1", "x"], settings)
      yield* worker.line(has({ event: "claimed" }))
      expect((yield* probe(place, "/readyz")).status).toBe(200)

      yield* worker.signal("SIGTERM")
      yield* worker.line(has({ event: "draining", in_flight: 1 }))
      expect(yield* probe(place, "/readyz")).toMatchObject({ status: 503, body: { status: "draining" } })
      expect(yield* probe(place, "/healthz")).toEqual({ status: 200, body: { status: "ok" } })
      yield* go(cwd)
      expect((yield* worker.ended).code).toBe(0)

      // Nothing listens on the discard port.
      const away = { cwd, env: { ...env, RUNLEASE_URL: "http://127.0.0.1:9" } }
      const early = yield* start(["worker", "--metrics-port", "0", "--command", "true"], away)
      expect(yield* probe(yield* placeOf(early), "/readyz")).toMatchObject({
        status: 503,
        body: { status: "starting" },
      })
    }),
  )

  it.scoped("tell of a server that no longer answers claims, until it does again", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const between = yield* network(env.RUNLEASE_URL)
      const worker = yield* start(
        ["worker", "--json", "--metrics-port", "0", "--lease", "5s", "--command", "true"],
        { cwd, env: { ...env, RUNLEASE_URL: between.url } },
      )
      const place = yield* placeOf(worker)
      yield* until(probe(place, "/readyz"), ({ status }) => status === 200)
      yield* between.pause
      const { body } = yield* until(probe(place, "/readyz"), ({ status }) => status === 503)
      expect(body).toEqual({
        status: "stalled",
        detail: expect.stringMatching(/^No claim was answered for \d+ s although slots are free$/),
      })
      yield* between.heal
      yield* until(probe(place, "/readyz"), ({ status }) => status === 200)
    }),
  )

  it.scoped("get no answer while the event loop is blocked", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const module = yield* write(cwd, "blocking.mjs", blocking)
      const worker = yield* start(["worker", "--metrics-port", "0", "--module", module], settings)
      const place = yield* placeOf(worker)
      yield* until(probe(place, "/readyz"), ({ status }) => status === 200)
      yield* run(["submit", "--agent", "a", "x"], settings)
      yield* until(fs.exists(`${cwd}/blocked`), (exists) => exists)
      const answered = yield* Effect.timeoutOption(probe(place, "/readyz"), "2 seconds")
      expect(answered).toEqual(Option.none())
      yield* go(cwd)
      expect((yield* probe(place, "/readyz")).status).toBe(200)
    }),
  )
})
