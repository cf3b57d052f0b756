import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { begun, connect, counter, go, startWorker, submit, until } from "./FaultRoom.js"
import { has, room, start } from "./Processes.js"

layer(NodeContext.layer, { excludeTestServices: true })("an agent of another server, over A2A", (it) => {
  it.scoped("does its task once, whatever dies: its server, and the worker that follows it", () =>
    Effect.gen(function* () {
      const far = yield* room
      const near = yield* room
      const program = yield* counter(far.cwd, { every: 20 })
      yield* startWorker({ cwd: far.cwd, env: far.env }, program, "--agent", "counter")
      const settings = {
        cwd: near.cwd,
        env: { ...near.env, RUNLEASE_A2A_AUTHORIZATION: `Bearer ${far.env.RUNLEASE_API_KEY}` },
      }
      const flags = ["worker", "--json", "--lease", "5s", "--a2a", `${far.env.RUNLEASE_URL}/a2a/counter`]
      const lost = yield* start(flags, settings)
      const ports = yield* connect(near.env)
      const runId = yield* submit(ports, "near", { agent: "near" })
      const farPorts = yield* connect(far.env)
      const tasks = Effect.map(farPorts.runs.list(), ({ items }) => items)
      const [begunTask] = yield* until(tasks, (items) => items.length > 0)
      yield* begun(farPorts, begunTask!.runId)

      yield* far.server.signal("SIGKILL")
      yield* far.server.ended
      const { port } = new URL(far.env.RUNLEASE_URL)
      const again = yield* start(["serve", "--port", port, "--json"], { cwd: far.cwd })
      yield* again.line(() => true)
      yield* lost.signal("SIGKILL")
      yield* lost.ended
      const next = yield* start(flags, settings)
      yield* next.line(has({ event: "claimed", run_id: runId }))
      yield* go(far.cwd)
      yield* until(ports.runs.get(runId), ({ status }) => status === "completed")
      const [task, ...others] = yield* tasks
      expect([task?.status, others]).toEqual(["completed", []])
    }),
  )
})
