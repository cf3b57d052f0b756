import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { AgentEvent, Run } from "@runlease/core"
import { Clock, Console, Effect } from "effect"
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
import { room } from "./Processes.js"

layer(NodeContext.layer, { excludeTestServices: true })("a worker stopped past its lease", (it) => {
  it.scoped("changes nothing when it goes on", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const settings = { cwd, env }
      const ports = yield* connect(env)
      const program = yield* counter(cwd, { upTo: "attempt === 1 ? Infinity : 5", every: 20 })
      const first = yield* startWorker(settings, program, "--lease", "5s")
      const runId = yield* submit(ports, "run-1")
      const processes = yield* begun(ports, runId)
      const second = yield* startWorker(settings, program, "--lease", "5s")

      const stoppedAt = yield* Clock.currentTimeMillis
      yield* first.signal("SIGSTOP")
      const claimed = yield* eventOf(second, "claimed", runId)
      expect(claimed).toMatchObject({ attempt: 2 })
      // Its guard ended the program when the lease ended, before the next attempt began.
      const ended = yield* termAt(cwd, runId, 1)
      expect(ended).toBeLessThan(claimed.at)
      yield* until(alive(processes), (left) => left.length === 0)
      expect(yield* eventOf(second, "completed", runId)).toMatchObject({ attempt: 2, recorded: true })
      const before = yield* wholeLog(ports, runId)

      yield* first.signal("SIGCONT")
      expect(yield* eventOf(first, "lease_ended", runId)).toMatchObject({ attempt: 1 })

      const fence = { workerId: first.workerId, epoch: Run.LeaseEpoch.make(1) }
      const late = yield* Effect.all([
        Effect.flip(ports.log.append({ runId, events: [AgentEvent.custom("count", "late")], fence })),
        Effect.flip(ports.runs.complete(runId, { status: "failed" }, fence)),
      ])
      expect(late.map(({ _tag }) => _tag)).toEqual(["LeaseLost", "LeaseLost"])
      const after = yield* wholeLog(ports, runId)
      expect(after.entries).toEqual(before.entries)
      expect(after.counted.filter((count) => count.startsWith("run-1/2/"))).toEqual(counts(runId, 2, 5))

      // The worker claims runs again.
      yield* second.signal("SIGTERM")
      yield* second.ended
      const next = yield* submit(ports, "run-2")
      yield* begun(ports, next)
      yield* ports.runs.cancel(next)
      yield* Console.log(
        `worker stopped: its program was ended after ${ended - stoppedAt} ms, and another worker took the run over after ${claimed.at - stoppedAt} ms, with a lease of 5 s`,
      )
    }),
  )
})
