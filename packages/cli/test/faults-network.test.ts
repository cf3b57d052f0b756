import { expect, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import {
  alive,
  begun,
  connect,
  counter,
  counts,
  eventOf,
  startWorker,
  submit,
  termAt,
  until,
  wholeLog,
} from "./FaultRoom.js"
import { project, Served } from "./Processes.js"
import { gateway, network } from "./Proxies.js"

layer(Served.layer, { excludeTestServices: true })("a network", (it) => {
  for (const fault of ["pause", "cut"] as const) {
    it.scoped(
      `that is ${fault === "cut" ? "cut" : "silent"} ends the program before another has its run`,
      () =>
        Effect.gen(function* () {
          const { cwd, env } = yield* project
          const ports = yield* connect(env)
          const between = yield* network(env.RUNLEASE_URL)
          const program = yield* counter(cwd, {
            upTo: "attempt === 1 && run === 'run-1' ? Infinity : 5",
            every: 20,
          })
          const first = yield* startWorker(
            { cwd, env: { ...env, RUNLEASE_URL: between.url } },
            program,
            "--lease",
            "5s",
            "--key",
            "first",
          )
          const runId = yield* submit(ports, "run-1")
          const processes = yield* begun(ports, runId)
          const second = yield* startWorker({ cwd, env }, program, "--lease", "5s")

          yield* between[fault]
          expect(yield* eventOf(first, "lease_ended", runId)).toMatchObject({ attempt: 1, reason: "expired" })
          const claimed = yield* eventOf(second, "claimed", runId)
          expect(claimed).toMatchObject({ attempt: 2 })
          const interruptedAt = yield* termAt(cwd, runId, 1)
          expect(interruptedAt).toBeLessThan(claimed.at)
          yield* until(alive(processes), (left) => left.length === 0)
          yield* eventOf(second, "completed", runId)

          yield* between.heal
          const next = yield* submit(ports, "run-2", { workerKey: "first" })
          expect(yield* eventOf(first, "completed", next)).toMatchObject({ attempt: 1, recorded: true })
          const { counted } = yield* wholeLog(ports, runId)
          const ofFirst = counted.filter((count) => count.startsWith("run-1/1/"))
          expect(counted).toEqual([...counts(runId, 1, ofFirst.length), ...counts(runId, 2, 5)])
          expect((yield* wholeLog(ports, next)).counted).toEqual(counts(next, 1, 5))
          yield* Console.log(
            `network ${fault}: the program got TERM ${claimed.at - interruptedAt} ms before another claimed its run`,
          )
        }),
    )
  }

  it.scoped("that loses answers duplicates nothing, with a server without exchanges", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const lost = { events: 0, complete: 0 }
      const seen = { events: 0, complete: 0 }
      // Every third append and the first complete happen, and their answers are lost.
      const { url } = yield* gateway(env.RUNLEASE_URL, (method, path) => {
        if (path.endsWith("/exchange")) return "404"
        const what = /\/(events|complete)$/.exec(path)?.[1] as keyof typeof lost | undefined
        if (method !== "POST" || what === undefined) return "pass"
        if (seen[what]++ % 3 !== 0) return "pass"
        lost[what]++
        return "cut"
      })
      const program = yield* counter(cwd, { upTo: "60", every: 10 })
      const worker = yield* startWorker({ cwd, env: { ...env, RUNLEASE_URL: url } }, program)
      const runId = yield* submit(ports, "run-1")
      expect(yield* eventOf(worker, "completed", runId)).toMatchObject({ attempt: 1 })
      expect((yield* wholeLog(ports, runId)).counted).toEqual(counts(runId, 1, 60))
      expect(lost.events).toBeGreaterThan(1)
      expect(lost.complete).toBe(1)
    }),
  )

  it.scoped("that loses answers to exchanges duplicates nothing", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      let losing = false
      let seen = 0
      let lost = 0
      // After the claim, every third exchange happens, and its answer is lost.
      const { url } = yield* gateway(env.RUNLEASE_URL, (_, path) => {
        if (!losing || !path.endsWith("/exchange") || seen++ % 3 !== 0) return "pass"
        lost++
        return "cut"
      })
      const program = yield* counter(cwd, { upTo: "60", every: 10 })
      const worker = yield* startWorker({ cwd, env: { ...env, RUNLEASE_URL: url } }, program)
      const runId = yield* submit(ports, "run-1")
      yield* begun(ports, runId)
      losing = true
      expect(yield* eventOf(worker, "completed", runId)).toMatchObject({ attempt: 1 })
      expect((yield* wholeLog(ports, runId)).counted).toEqual(counts(runId, 1, 60))
      expect(lost).toBeGreaterThan(1)
    }),
  )
})
