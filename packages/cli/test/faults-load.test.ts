import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Array as Arrays, Clock, Console, Effect, Random } from "effect"
import { connect, counter, counts, type Ports, startWorker, submit, until, wholeLog } from "./FaultRoom.js"
import { jsonLines, room } from "./Processes.js"
import * as Searches from "../../testkit/test/Searches.js"

const size = 100
const kills = 4

/** The number of completed runs. */
const completedCount = ({ runs }: Ports) =>
  Effect.map(
    Effect.iterate(
      { count: 0, cursor: undefined as string | null | undefined },
      {
        while: ({ cursor }) => cursor !== null,
        body: ({ count, cursor }) =>
          Effect.map(
            runs.list({ status: "completed", limit: 100, cursor: cursor ?? undefined }),
            ({ items, next }) => ({ count: count + items.length, cursor: next }),
          ),
      },
    ),
    ({ count }) => count,
  )

layer(NodeContext.layer, { excludeTestServices: true })("workers killed at random", (it) => {
  it.scoped.runIf(Searches.plays("faults-load"))("complete every run once", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* room
      const ports = yield* connect(env)
      const program = yield* counter(cwd, { upTo: "3", every: 50 })
      const hire = startWorker({ cwd, env }, program, "--lease", "5s", "--concurrency", "4")
      const startedAt = yield* Clock.currentTimeMillis
      const ids = yield* Effect.forEach(
        Arrays.range(1, size),
        (n) => submit(ports, `run-${n}`, { maxAttempts: kills + 2 }),
        { concurrency: 8 },
      )
      const working = yield* Effect.all([hire, hire, hire], { concurrency: "unbounded" })
      const all = [...working]

      for (const _ of Arrays.range(1, kills)) {
        const seen = yield* completedCount(ports)
        const more = yield* Random.nextIntBetween(5, 30)
        yield* until(
          completedCount(ports),
          (count) => count >= Math.min(size - 20, seen + more),
          undefined,
          "100 millis",
        )
        const index = yield* Random.nextIntBetween(0, working.length)
        const [victim] = working.splice(index, 1)
        yield* victim!.signal("SIGKILL")
        yield* victim!.ended
        const next = yield* hire
        working.push(next)
        all.push(next)
      }

      yield* until(completedCount(ports), (count) => count === size, undefined, "100 millis")
      const millis = (yield* Clock.currentTimeMillis) - startedAt
      yield* Effect.forEach(working, (worker) => worker.signal("SIGTERM"), { discard: true })
      const outputs = yield* Effect.forEach(all, ({ ended }) => Effect.map(ended, ({ stdout }) => stdout))
      // The last line of a killed worker may be incomplete.
      const recorded = outputs
        .flatMap((stdout) => jsonLines(stdout.slice(0, stdout.lastIndexOf("\n") + 1)))
        .flatMap((fields) =>
          fields["event"] === "completed" && fields["recorded"] === true ? [String(fields["run_id"])] : [],
        )
      expect(new Set(recorded).size).toBe(recorded.length)

      const attempts = yield* Effect.forEach(
        ids,
        (runId) =>
          Effect.gen(function* () {
            const { attempt } = yield* ports.runs.get(runId)
            const { counted } = yield* wholeLog(ports, runId)
            expect(counted.filter((count) => count.startsWith(`${runId}/${attempt}/`))).toEqual(
              counts(runId, attempt!, 3),
            )
            return attempt!
          }),
        { concurrency: 4 },
      )
      const again = attempts.filter((attempt) => attempt > 1).length
      expect(again).toBeGreaterThan(0)
      yield* Console.log(
        `load: ${size} runs over 3 workers, ${kills} of them killed, in ${millis} ms; ${again} runs were taken over, none lost or doubled`,
      )
    }).pipe(Effect.withRandom(Random.make("faults"))),
  )
})
