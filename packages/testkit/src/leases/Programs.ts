/** Leases suite: what the program of a run does next to the worker that holds it. */
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as AgentEvent from "@runlease/core/AgentEvent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as InboxMessage from "@runlease/core/InboxMessage"
import { Leases } from "@runlease/core/Leases"
import { type ClaimedRun, type LeaseRef, Sequence } from "@runlease/core/Run"
import { maxBatch, RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Array, Effect, Option } from "effect"
import * as TestRuns from "../TestRuns.js"

const note = (value: unknown) => AgentEvent.custom("note", value)

const appendBeside = (lease: LeaseRef, events: ReadonlyArray<AgentEvent.LogEvent>) =>
  Effect.flatMap(Leases, (leases) => leases.appendBeside(lease, events))

const send = (lease: LeaseRef, words: string, idempotencyKey?: string) =>
  Effect.flatMap(Leases, (leases) =>
    leases.tell(lease, { parts: [{ type: "text", text: words }], idempotencyKey }),
  )

/** Appends as the holder, after the sequence that it counts. */
const appendAfter = (claimed: ClaimedRun, after: number, events: ReadonlyArray<AgentEvent.LogEvent>) =>
  Effect.flatMap(RunLog, (log) =>
    log.append({
      runId: claimed.runId,
      events,
      expectedSequence: Sequence.make(after),
      fence: TestRuns.leaseOf(claimed),
    }),
  )

const entriesOf = ({ runId }: ClaimedRun) => Effect.flatMap(RunLog, (log) => log.read({ runId, limit: 1000 }))

/** The verdicts on all that a program may do. */
const verdicts = (lease: LeaseRef) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const submission = { agentId: "helper", publicId: `child of ${lease.runId}` }
    return [
      yield* TestRuns.verdictOf(appendBeside(lease, [note("late")])),
      yield* TestRuns.verdictOf(send(lease, "late")),
      yield* TestRuns.verdictOf(leases.spawn(lease, { stepId: "step", name: "step", submission })),
    ]
  })

const lost = ["LeaseLost", "LeaseLost", "LeaseLost"]

export const tests = (test: TestRuns.Test<ProjectPorts>): void => {
  test(
    "events besides those of the holder get no step of its sequence",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const lease = TestRuns.leaseOf(claimed)
      const first = yield* appendBeside(lease, [note(1), note(2)])
      deepStrictEqual([first.appendedCount, first.latestSequence], [2, 0])
      const mine = yield* appendAfter(claimed, 0, [note("mine")])
      deepStrictEqual([mine.appendedCount, mine.latestSequence], [1, 1])
      yield* appendBeside(lease, [note(3)])
      // The holder sends again what it has no answer to.
      strictEqual((yield* appendAfter(claimed, 0, [note("mine")])).appendedCount, 0)
      strictEqual((yield* appendAfter(claimed, 0, [note("mine"), note("more")])).appendedCount, 1)
      deepStrictEqual(
        (yield* entriesOf(claimed)).map(({ event, sequence }) => [event["value"], sequence]),
        [
          [undefined, null],
          [1, null],
          [2, null],
          ["mine", 1],
          [3, null],
          ["more", 2],
        ],
      )
      strictEqual(yield* TestRuns.verdictOf(TestRuns.complete(claimed)), "Succeeded")
    }),
  )

  test(
    "a holder and its program append at once, and nothing is lost or there twice",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const lease = TestRuns.leaseOf(claimed)
      const rounds = Array.range(1, 30)
      const holder = Effect.forEach(rounds, (round) =>
        Effect.zipRight(
          appendAfter(claimed, 2 * round - 2, [note(`h${round}a`), note(`h${round}b`)]),
          // As after an answer that was lost.
          appendAfter(claimed, 2 * round - 2, [note(`h${round}a`), note(`h${round}b`)]),
        ),
      )
      const program = Effect.forEach(rounds, (round) => appendBeside(lease, [note(`p${round}`)]))
      const telling = Effect.forEach(rounds, (round) => send(lease, `t${round}`, `t${round}`))
      yield* Effect.all([holder, program, telling], { concurrency: "unbounded", discard: true })
      const entries = yield* entriesOf(claimed)
      const values = (start: string) =>
        entries.flatMap(({ event }) => (String(event["value"]).startsWith(start) ? [event["value"]] : []))
      deepStrictEqual(
        values("h"),
        rounds.flatMap((round) => [`h${round}a`, `h${round}b`]),
      )
      deepStrictEqual(
        values("p"),
        rounds.map((round) => `p${round}`),
      )
      deepStrictEqual(
        entries.flatMap(({ sequence }) => (sequence === null ? [] : Number(sequence))),
        Array.range(1, 60),
      )
      deepStrictEqual(
        entries.flatMap(({ event }) => Option.toArray(InboxMessage.fromEvent(event))).map(({ key }) => key),
        rounds.map((round) => `t${round}`),
      )
    }),
  )

  test(
    "what the control plane and the workers write does not come in among them",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const lease = TestRuns.leaseOf(claimed)
      const before = yield* TestRuns.getRun(claimed.runId)
      for (const event of [
        { type: "RUN_FINISHED", threadId: "t", runId: "r" },
        { type: "RUN_ERROR", message: "no" },
        { type: "RUN_STARTED", threadId: "t", runId: "r" },
        AgentEvent.custom("runlease.step", { step_id: "s", record_id: "r", name: "n", result: "1" }),
        AgentEvent.custom("runlease.message", { number: 1, message_id: "m", parts: [] }),
        AgentEvent.custom("runlease.attempt", {}),
        { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "t" },
        { type: "" },
      ]) {
        strictEqual(yield* TestRuns.verdictOf(appendBeside(lease, [note(1), event])), "EventRefused")
      }
      strictEqual(yield* TestRuns.verdictOf(appendBeside(lease, [])), "EventRefused")
      const tooMany = Array.makeBy(maxBatch + 1, note)
      strictEqual(yield* TestRuns.verdictOf(appendBeside(lease, tooMany)), "EventRefused")
      deepStrictEqual(yield* TestRuns.getRun(claimed.runId), before)
    }),
  )

  test(
    "a program sends its run a message once by its key, and the holder learns of it",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const lease = TestRuns.leaseOf(claimed)
      const first = yield* send(lease, "hello", "key")
      deepStrictEqual(yield* send(lease, "hello", "key"), { id: first.id, duplicate: true })
      strictEqual((yield* appendAfter(claimed, 0, [note(1)])).inbox, 1)
    }),
  )

  test(
    "a program may do nothing once the lease has ended, by whatever it ends",
    Effect.gen(function* () {
      const leases = yield* Leases
      const runs = yield* Runs
      const worker = yield* TestRuns.register()
      const other = yield* TestRuns.register("other")
      const ends: Readonly<
        Record<string, (claimed: ClaimedRun) => Effect.Effect<unknown, unknown, ProjectPorts>>
      > = {
        completion: TestRuns.complete,
        failure: (claimed) =>
          leases.complete(TestRuns.leaseOf(claimed), {
            status: "failed",
            error: { code: "no", message: "no" },
          }),
        cancellation: ({ runId }) => runs.cancel(runId),
        release: (claimed) => leases.release(TestRuns.leaseOf(claimed)),
        suspension: (claimed) => leases.suspend(TestRuns.leaseOf(claimed), TestRuns.forToolCall()),
        lapse: () => TestRuns.lapse,
        takeover: () => Effect.zipRight(TestRuns.lapse, TestRuns.claimOne(other)),
        "another claim of the worker": () => Effect.zipRight(TestRuns.lapse, TestRuns.claimOne(worker)),
      }
      for (const [name, end] of Object.entries(ends)) {
        const claimed = yield* TestRuns.hold(worker, { agentId: name })
        const lease = TestRuns.leaseOf(claimed)
        deepStrictEqual([name, yield* verdicts(lease)], [name, ["Succeeded", "Succeeded", "Succeeded"]])
        yield* end(claimed)
        const before = yield* TestRuns.eventsOf(claimed.runId)
        deepStrictEqual([name, yield* verdicts(lease)], [name, lost])
        deepStrictEqual(yield* TestRuns.eventsOf(claimed.runId), before)
      }
    }),
  )

  test(
    "a program of another worker, or of another epoch, may do nothing",
    Effect.gen(function* () {
      const claimed = yield* TestRuns.hold(yield* TestRuns.register())
      const other = yield* TestRuns.register("other")
      const lease = TestRuns.leaseOf(claimed)
      const before = yield* TestRuns.eventsOf(claimed.runId)
      deepStrictEqual(yield* verdicts({ ...lease, workerId: other }), lost)
      deepStrictEqual(yield* TestRuns.eventsOf(claimed.runId), before)
    }),
  )
}
