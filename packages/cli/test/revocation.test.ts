import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { until } from "./FaultRoom.js"
import { has, json, run, Served, start } from "./Processes.js"

/** A program that still runs when its worker is refused. */
const sleeping = ["--command", "sh", "--", "-c", "echo begun; exec sleep 60"]

layer(Served.layer, { excludeTestServices: true })("a worker whose token is revoked", (it) => {
  it.scoped("stops, says why, and leaves its run to the next worker", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const lost = yield* start(
        ["worker", "--json", "--concurrency", "1", "--lease", "5s", "--drain-timeout", "1s", ...sleeping],
        { cwd, env },
      )
      const { worker_id } = json(yield* lost.line(has({ event: "registered" })))
      yield* run(["submit", "--agent", "a", "--id", "held", "go"], { cwd, env })
      yield* lost.line(has({ event: "claimed", run_id: "held" }))

      const revoked = yield* run(["workers", "revoke", String(worker_id), "--json"], { cwd, env })
      expect([revoked.code, json(revoked.stdout)]).toEqual([0, { worker_id, revoked: 1 }])
      const ended = yield* lost.ended
      expect(ended.code).toBe(77)
      expect(ended.stderr).toMatch(/^Error: The token was refused; .* nor the worker was revoked/m)

      const next = yield* start(["worker", "--json", "--command", "cat"], { cwd, env })
      yield* next.line(has({ event: "completed", run_id: "held" }))

      const again = yield* run(["workers", "revoke", String(worker_id)], { cwd, env })
      expect([again.code, again.stdout]).toEqual([0, `Worker ${String(worker_id)} has no valid token\n`])
      const stranger = "00000000-0000-4000-8000-000000000000"
      const unknown = yield* run(["workers", "revoke", stranger], { cwd, env })
      expect(unknown.code).toBe(1)
      expect(unknown.stderr).toContain(`Worker ${stranger} does not exist`)
    }),
  )

  it.scoped("together with the key that registered it stops, and cannot start again", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const key = json((yield* run(["keys", "create", "lost", "--json"], { cwd, env })).stdout)
      const settings = { cwd, env: { ...env, RUNLEASE_API_KEY: String(key["token"]) } }
      const worker = yield* start(["worker", "--json", "--command", "cat"], settings)
      yield* worker.line(has({ event: "registered" }))
      expect((yield* run(["keys", "revoke", String(key["id"])], { cwd, env })).code).toBe(0)
      expect((yield* worker.ended).code).toBe(77)
      expect((yield* run(["worker", "--command", "cat"], settings)).code).toBe(77)
    }),
  )

  it.scoped("because its key has expired cannot start", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Served
      const created = yield* run(["keys", "create", "short", "--expires", "1s", "--json"], { cwd, env })
      const key = json(created.stdout)
      expect(Date.parse(String(key["expires_at"]))).toBeGreaterThan(0)
      const list = Effect.map(run(["keys", "list"], { cwd, env }), ({ stdout }) => stdout)
      const found = yield* until(
        list,
        (text) => text.includes("expired"),
        "the key has not expired",
        "100 millis",
      )
      expect(found).toMatch(/short .* expired/)
      expect(found).toMatch(/never +valid/)
      const settings = { cwd, env: { ...env, RUNLEASE_API_KEY: String(key["token"]) } }
      expect((yield* run(["worker", "--command", "cat"], settings)).code).toBe(77)
    }),
  )
})
