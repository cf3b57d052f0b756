import { expect, layer } from "@effect/vitest"
import { Ids } from "@runlease/core"
import { Array, Chunk, Deferred, Effect, Option, Stream } from "effect"
import { alive, begun, connect, counter, go, startWorker, submit, until, wholeLog } from "./FaultRoom.js"
import {
  type Env,
  has,
  json,
  jsonLines,
  project,
  room,
  run,
  type Running,
  Served,
  start,
  write,
} from "./Processes.js"
import { holding, type Seen } from "./Proxies.js"
import * as Searches from "../../testkit/test/Searches.js"

/** Runs of agent `quick` end at once, others when a file `go` exists. */
const patient = `import { existsSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
export default async function* (run) {
  yield { type: "CUSTOM", name: "begun", value: run.runId }
  while (run.agentId !== "quick" && !existsSync("go")) await setTimeout(50)
  yield { type: "CUSTOM", name: "count", value: run.runId + "/1" }
}
`

/** The module in a folder, and how a worker of it is started, which registers at `url`. */
const withModule = <A extends { readonly cwd: string; readonly env: Env }>(parts: A) =>
  Effect.gen(function* () {
    const { cwd, env } = parts
    const module = yield* write(cwd, "patient.mjs", patient)
    const ports = yield* connect(env)
    const worker = (flags: ReadonlyArray<string> = [], url = env.RUNLEASE_URL, drainTimeout = "0") =>
      start(["worker", "--json", "--drain-timeout", drainTimeout, "--module", module, ...flags], {
        cwd,
        env: { ...env, RUNLEASE_URL: url },
      })
    const statusOf = (runId: Ids.RunId) => ports.runs.get(runId)
    return { ...parts, ports, worker, statusOf, letGo: go(cwd) }
  })

/** The same in a project of its own. */
const onProject = Effect.flatMap(project, withModule)

/** Ends with code 0, and nothing of it is left. */
const endsWell = Effect.fnUntraced(function* (worker: Running) {
  const ended = yield* worker.ended
  expect(ended.stderr).not.toContain("level=ERROR")
  expect(ended.code).toBe(0)
  return ended
})

/** Sends SIGTERM when the proxy sees what `is` names, and lets it go on only then. */
const signalAt = Effect.fnUntraced(function* (url: string, is: (seen: Seen) => boolean) {
  const worker = yield* Deferred.make<Running>()
  const sent = yield* Deferred.make<void>()
  let isSent = false
  const proxy = yield* holding(url, (seen) => {
    if (isSent || !is(seen)) return undefined
    isSent = true
    return Effect.runPromise(
      Effect.flatMap(Deferred.await(worker), ({ signal }) =>
        Effect.zipRight(signal("SIGTERM"), Effect.asVoid(Deferred.succeed(sent, undefined))),
      ),
    )
  })
  return {
    url: proxy.url,
    signals: (running: Running) => Effect.zipRight(Deferred.succeed(worker, running), Deferred.await(sent)),
  }
})

/** The points of a worker's life that its server sees. */
const points: ReadonlyArray<readonly [name: string, path: RegExp, text?: string]> = [
  ["registration", /\/projects\/[^/]+\/workers$/],
  ["stream of signals", /\/signals$/],
  ["claim", /\/(claim|exchange)$/],
  ["append", /\/exchange$/, '"append"'],
  ["completion", /\/exchange$/, '"complete"'],
  ["renewal", /\/leases$/],
]

layer(Served.layer, { excludeTestServices: true })("SIGTERM", (it) => {
  it.scoped("at any request of a worker and at its answer loses no run and counts no attempt", () =>
    Effect.gen(function* () {
      const { env, letGo, ports, statusOf, worker } = yield* onProject
      const moments = Searches.chosen(
        points.flatMap(([name, path, text]) =>
          (["request", "answer"] as const).map((phase) => ({ name: `${name} ${phase}`, path, phase, text })),
        ),
      )
      const runIds = yield* Effect.forEach(moments, ({ name, path, phase, text }) =>
        Effect.gen(function* () {
          const agent = name.startsWith("completion") ? "quick" : name
          const runId = yield* submit(ports, name.replaceAll(" ", "-"), { agent })
          // The text of an operation is in its request.
          let matched = text === undefined
          const at = yield* signalAt(env.RUNLEASE_URL, (seen) => {
            if (!path.test(seen.path)) return false
            if (seen.phase === "request" && text !== undefined) matched = seen.text.includes(text)
            return matched && seen.phase === phase
          })
          const victim = yield* worker(["--agent", agent, "--lease", "10s"], at.url)
          yield* at.signals(victim)
          yield* endsWell(victim)
          const { attempt, status } = yield* statusOf(runId)
          expect([name, status, attempt]).toEqual(
            status === "completed" ? [name, "completed", 1] : [name, "pending", 0],
          )
          return runId
        }),
      )
      yield* letGo
      yield* worker()
      for (const runId of runIds) {
        const { attempt } = yield* until(statusOf(runId), ({ status }) => status === "completed")
        expect([runId, attempt]).toEqual([runId, 1])
        expect((yield* wholeLog(ports, runId)).counted).toEqual([`${runId}/1`])
      }
    }),
  )

  it.scoped("with a claim in flight hands back the runs whose answer arrives after the drain began", () =>
    Effect.gen(function* () {
      const { env, ports, statusOf, worker } = yield* onProject
      const claimed = yield* Deferred.make<void>()
      const drains = yield* Deferred.make<void>()
      const proxy = yield* holding(env.RUNLEASE_URL, ({ path, phase, text }) =>
        path.endsWith("/claim") && phase === "answer" && text.includes('"run_id"')
          ? Effect.runPromise(Effect.zipRight(Deferred.succeed(claimed, undefined), Deferred.await(drains)))
          : undefined,
      )
      const victim = yield* worker([], proxy.url)
      yield* victim.line(has({ event: "registered" }))
      const runIds = yield* Effect.forEach(Array.range(1, 5), (n) => submit(ports, `run-${n}`))
      yield* Deferred.await(claimed)
      yield* victim.signal("SIGTERM")
      yield* victim.line(has({ event: "draining", in_flight: 0 }))
      yield* Deferred.succeed(drains, undefined)
      const { stdout } = yield* endsWell(victim)
      expect(jsonLines(stdout).map(({ event }) => event)).toEqual(["registered", "draining"])
      for (const runId of runIds) {
        expect(yield* statusOf(runId)).toMatchObject({ status: "pending", attempt: 0 })
      }
    }),
  )

  it.scoped("during the start ends a worker that has no server, and one that has just begun", () =>
    Effect.gen(function* () {
      const { worker } = yield* onProject
      const early = yield* worker()
      yield* early.signal("SIGTERM")
      // Until Node.js has loaded the command, the signal itself ends the process.
      expect([0, null]).toContain((yield* early.ended).code)

      // Nothing listens on the discard port.
      const alone = yield* worker([], "http://127.0.0.1:9")
      yield* alone.errorLine((line) => line.includes("trying again"))
      yield* alone.signal("SIGTERM")
      expect((yield* alone.ended).code).toBe(0)
    }),
  )

  // More than a worker claims at once, sends in one request, or a store changes in one statement.
  for (const runs of [1, 600]) {
    it.scoped(
      `with ${runs} runs in flight hands them back, or lets them finish, and twice ends at once`,
      () =>
        Effect.gen(function* () {
          const { cwd, env, letGo, ports, worker } = yield* onProject
          const lines = Array.makeBy(runs, (n) => JSON.stringify({ agent: "a", public_id: `run-${n}` }))
          const submitted = yield* run(["submit", "--jsonl", "-"], { cwd, env, stdin: lines.join("\n") })
          expect(submitted.code).toBe(0)
          const flags = ["--concurrency", String(runs)]
          const untilHeld = (running: Running) => {
            const held = new Set<string>()
            return running.line((line) => {
              if (has({ event: "claimed" })(line)) held.add(String(json(line)["run_id"]))
              return held.size === runs
            })
          }
          const pages = Stream.paginateEffect(undefined as string | undefined, (cursor) =>
            Effect.map(ports.runs.list({ limit: 100, cursor }), ({ items, next }) => [
              items,
              next === null ? Option.none() : Option.some(next),
            ]),
          )
          const all = Effect.map(Stream.runCollect(pages), (items) => Chunk.toReadonlyArray(items).flat())

          const first = yield* worker(flags)
          yield* untilHeld(first)
          yield* first.signal("SIGTERM")
          const { stdout } = yield* endsWell(first)
          const released = jsonLines(stdout).filter(({ event }) => event === "released")
          expect(new Set(released.map(({ run_id }) => run_id)).size).toBe(runs)
          const handedBack = yield* all
          expect(handedBack).toHaveLength(runs)
          expect(new Set(handedBack.map(({ attempt, status }) => `${status} ${attempt}`))).toEqual(
            new Set(["pending 0"]),
          )

          const hasty = yield* worker([...flags, "--lease", "5s"], env.RUNLEASE_URL, "10m")
          yield* untilHeld(hasty)
          yield* hasty.signal("SIGTERM")
          yield* hasty.line(has({ event: "draining", in_flight: runs }))
          yield* hasty.signal("SIGTERM")
          expect((yield* hasty.ended).code).toBe(null)

          const last = yield* worker(flags, env.RUNLEASE_URL, "10m")
          yield* untilHeld(last)
          yield* last.signal("SIGTERM")
          yield* letGo
          yield* endsWell(last)
          const ended = yield* all
          expect(ended).toHaveLength(runs)
          // The attempt of the worker that was signalled twice counts, as after a kill.
          expect(new Set(ended.map(({ attempt, status }) => `${status} ${attempt}`))).toEqual(
            new Set(["completed 2"]),
          )
        }),
    )
  }

  it.scoped("leaves no process of a program behind", () =>
    Effect.gen(function* () {
      const { cwd, env, ports, statusOf } = yield* onProject
      const program = yield* counter(cwd, { every: 50, children: true })
      const worker = yield* startWorker({ cwd, env }, program, "--drain-timeout", "0", "--grace", "1s")
      const runIds = yield* Effect.forEach(Array.range(1, 5), (n) => submit(ports, `run-${n}`))
      const pids = (yield* Effect.forEach(runIds, (runId) => begun(ports, runId))).flat()
      expect(yield* alive(pids)).toHaveLength(15)
      yield* worker.signal("SIGTERM")
      expect((yield* worker.ended).code).toBe(0)
      expect(yield* alive(pids)).toEqual([])
      for (const runId of runIds) {
        expect(yield* statusOf(runId)).toMatchObject({ status: "pending", attempt: 0 })
      }
    }),
  )

  it.scoped("ends a server with a claim that waits, and twice at once", () =>
    Effect.gen(function* () {
      const { cwd, server, worker } = yield* Effect.flatMap(room, withModule)
      const idle = yield* worker()
      yield* idle.line(has({ event: "registered" }))
      yield* server.signal("SIGTERM")
      expect((yield* server.ended).code).toBe(0)
      const again = yield* start(["serve", "--port", "0", "--json"], { cwd })
      yield* again.line(() => true)
      yield* again.signal("SIGTERM")
      yield* again.signal("SIGTERM")
      expect([0, null]).toContain((yield* again.ended).code)
      yield* idle.signal("SIGTERM")
      expect((yield* idle.ended).code).toBe(0)
    }),
  )
})
