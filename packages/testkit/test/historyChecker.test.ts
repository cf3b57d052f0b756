import { describe, expect, it } from "@effect/vitest"
import * as HistoryChecker from "../src/HistoryChecker.js"
import { began, body, call, custom, ended, final, grant, history, returned, token } from "./Histories.js"

type Given = Partial<HistoryChecker.History>

const attempt = (ended: string, isFollowed = true) =>
  custom("runlease.attempt", {
    previous: { attempt: 1, worker_id: "w", ended },
    ...(isFollowed ? { attempt: 2, worker_id: "w" } : {}),
  })

const step = (id: string) => custom("runlease.step", { step_id: id, record_id: `record of ${id}` })

const seen = (status: string, rest: object = {}) => ({ run: "run", status, holder: undefined, ...rest })

const submitted = (at: number, run: string, conversation?: string) =>
  call(
    "Submit",
    at,
    { run, conversation, maxAttempts: 3, multitask: undefined },
    { ...seen("pending"), run, duplicate: false },
    "client",
  )

const appended = (at: number, sent: HistoryChecker.Event) =>
  call("Append", at, { run: "run", epoch: 1, events: [sent], after: 0 }, { latest: 1 })

const renewed = (at: number) =>
  call(
    "Renew",
    at,
    { leases: [{ run: "run", epoch: 1 }] },
    { renewals: [{ run: "run", epoch: 1, verdict: "Renewed", expiresAt: at + 5_000 }] },
  )

const completed = (at: number, result?: string) =>
  call(
    "Complete",
    at,
    { run: "run", epoch: 1, ending: { status: "completed", result }, events: [] },
    { completed: true },
  )

const waited = (
  at: number,
  children: ReadonlyArray<ReadonlyArray<number>>,
  others: Partial<Extract<HistoryChecker.Call, { readonly call: "Suspend" }>["request"]> = {},
) => call("Suspend", at, { run: "run", epoch: 1, questions: [], children, forOthers: false, ...others }, null)

const childEnded = (index: number) =>
  custom("runlease.child", { child_run_id: `child ${index}`, index, outcome: { status: "completed" } })

const cancelled = (at: number) =>
  call("Cancel", at, { run: "run" }, { ...seen("cancelled"), cancelled: true }, "client")

const looked = (at: number, status: string, rest: object = {}) =>
  call("Look", at, { run: "run" }, seen(status, rest))

const told = (at: number, message: string) =>
  call("Tell", at, { run: "run", key: "k" }, { message }, "client")

const answered = (at: number, answer: string) =>
  call("Resume", at, { run: "run", answers: { "ask-1": answer } }, { duplicate: false }, "client")

/** An entry whose sequence is one more. */
const later = (entry: HistoryChecker.Entry): HistoryChecker.Entry => ({
  ...entry,
  sequence: entry.sequence === null ? null : entry.sequence + 1,
})

/** A schedule with ticks at 5, 7 and 9 seconds, which it has all done. */
const ticking = (given: Partial<HistoryChecker.FinalSchedule> = {}): HistoryChecker.FinalSchedule => ({
  id: "a",
  key: "nightly",
  createdAt: 0,
  first: 5_000,
  every: 2_000,
  last: 9_000,
  policy: "Allow",
  missed: "skip",
  isComplete: true,
  skipped: { missed: 0, overlap: 0 },
  ...given,
})

/** The runs of ticks at these seconds. */
const ticked = (seconds: ReadonlyArray<number>, id = "a") =>
  seconds.map((second) => final([], { run: `schedule:${id}:1970-01-01T00:00:0${second}.000Z` }))

/** A submission of a run under `key` that lets `most` of its runs work. */
const limited = (at: number, run: string, most: number | null, key = "concurrency_key k") =>
  call(
    "Submit",
    at,
    {
      run,
      conversation: undefined,
      maxAttempts: 3,
      multitask: undefined,
      under: { limits: { [key]: most, "agent a": null }, line: key },
    },
    { ...seen("pending"), run, duplicate: false },
    "client",
  )

const changed = (
  at: number,
  limit: string,
  change: { readonly maxRunning?: number; readonly paused?: boolean },
) => call("Limit", at, { limit, ...change }, null, "client")

/** Histories that break an invariant, with the beginning of the sentence for it. */
const broken: Readonly<Record<HistoryChecker.Name, ReadonlyArray<readonly [string, Given]>>> = {
  "one-holder": [
    [
      "run run was executed by worker-1#1 (epoch 1) and by worker-2#1 (epoch 2) at once, from 5.500 s to 6.000 s",
      {
        calls: [grant(1_000, "run", 1), grant(5_500, "run", 2, "worker-2#1")],
        incidents: [
          began(1_000, "worker-1#1", "run", 1),
          began(5_500, "worker-2#1", "run", 2),
          ended(6_000, "worker-1#1", "run", 1),
          ended(7_000, "worker-2#1", "run", 2),
        ],
      },
    ],
    [
      "worker-1#1 executed run run (epoch 1) until 6.500 s; its lease ended at 6.000 s",
      {
        calls: [grant(1_000, "run", 1)],
        incidents: [began(1_000, "worker-1#1", "run", 1), ended(6_500, "worker-1#1", "run", 1)],
      },
    ],
    [
      "worker-1#1 executed run run (epoch 1) until 6.500 s; its lease ended at 6.000 s",
      {
        calls: [grant(1_000, "run", 1)],
        incidents: [
          { _tag: "Paused", at: 100, process: "worker-1#1", clock: "stands" },
          { _tag: "Resumed", at: 500, process: "worker-1#1" },
          began(1_000, "worker-1#1", "run", 1),
          ended(6_500, "worker-1#1", "run", 1),
        ],
      },
    ],
  ],
  fenced: [
    [
      "run run was given to worker-2#1 with epoch 1 at 7.000 s, and to worker-1#1 with epoch 1 at 1.000 s",
      { calls: [grant(1_000, "run", 1), grant(7_000, "run", 1, "worker-2#1")] },
    ],
    [
      "Append of worker-1#1 for run run (epoch 1) was accepted at 8.000 s, but epoch 2 was given at 7.000 s",
      {
        calls: [grant(1_000, "run", 1), grant(7_000, "run", 2, "worker-2#1"), appended(8_000, token("a", 1))],
      },
    ],
    [
      "Renew of worker-1#1 for run run (epoch 1) was accepted at 8.000 s, but epoch 2 was given at 7.000 s",
      { calls: [grant(1_000, "run", 1), grant(7_000, "run", 2, "worker-2#1"), renewed(8_000)] },
    ],
    [
      "Complete of worker-1#1 for run run (epoch 1) was accepted at 8.000 s, but its lease had ended at 8.000 s",
      { calls: [grant(1_000, "run", 1), renewed(3_000), completed(8_000)], final: [final()] },
    ],
    [
      "Renew of worker-1#1 for run run (epoch 1) was accepted at 6.500 s, but its lease had ended at 6.000 s",
      { calls: [grant(1_000, "run", 1), renewed(6_500)] },
    ],
    [
      "event 4 of run run is of epoch 1, behind one of epoch 2",
      { final: [final([attempt("lease_expired"), token("b", 2), token("a", 1)])] },
    ],
    [
      "worker-2#1 began run run with epoch 1 at 9.000 s, as worker-1#1 had",
      {
        calls: [grant(1_000, "run", 1)],
        incidents: [
          began(1_000, "worker-1#1", "run", 1),
          ended(2_000, "worker-1#1", "run", 1),
          began(9_000, "worker-2#1", "run", 1),
          ended(9_000, "worker-2#1", "run", 1),
        ],
      },
    ],
  ],
  "nothing-lost": [
    ["run run was accepted at 1.001 s; it does not exist", { calls: [submitted(1_000, "run")] }],
    [
      "worker-1#1 appended 1 events to the log of run run at 2.001 s, after sequence 0; they are not there",
      { calls: [appended(2_000, token("a", 1))], final: [final([token("b", 1)])] },
    ],
    [
      "worker-1#1 ended run run at 2.001 s as completed 1; it is completed 2",
      { calls: [completed(2_000, "1")], final: [final([], { result: "2" })] },
    ],
    ["run run was cancelled at 2.001 s; it is completed", { calls: [cancelled(2_000)], final: [final()] }],
    [
      "run run had ended as failed poison at 2.000 s; it is completed",
      { calls: [looked(2_000, "failed", { error: "poison" })], final: [final()] },
    ],
  ],
  "nothing-twice": [
    ["the log of run run has the event a twice", { final: [final([token("a", 1), token("a", 1)])] }],
    [
      "run run was accepted twice as a new one",
      { calls: [submitted(1_000, "run"), submitted(2_000, "run")], final: [final()] },
    ],
    [
      "run run was ended twice, each time as the first",
      { calls: [completed(2_000), completed(3_000)], final: [final()] },
    ],
  ],
  "cancel-is-state": [
    [
      "run run was cancelled at 2.000 s, and worker-1#1 executed it until 9.000 s",
      {
        calls: [grant(1_000, "run", 1), cancelled(2_000)],
        incidents: [began(1_000, "worker-1#1", "run", 1), ended(9_000, "worker-1#1", "run", 1)],
      },
    ],
    [
      "run run was cancelled at 2.000 s, and worker-1#1 renewed its lease at 3.000 s",
      { calls: [cancelled(2_000), renewed(3_000)] },
    ],
    [
      "run run was cancelled at 2.000 s, and an append of worker-1#1 accepted at 3.000 s",
      { calls: [cancelled(2_000), appended(3_000, token("a", 1))] },
    ],
  ],
  "log-is-ag-ui": [
    [
      "the log of run run: event 3, RUN_FINISHED: step a open",
      { final: [final([{ type: "STEP_STARTED", stepName: "a" }])] },
    ],
    [
      "the log of run run: its event ids have a gap",
      { final: [{ ...final(), log: final([token("a", 1)]).log.toSpliced(1, 1) }] },
    ],
    [
      "the log of run run: its sequence has a gap",
      { final: [{ ...final(), log: final([token("a", 1)]).log.map(later) }] },
    ],
    [
      "the log of run run: it ends as completed, and the run is failed",
      { final: [{ ...final(), status: "failed" }] },
    ],
    [
      "the log of run run: it ends with code a, and the run with b",
      { final: [{ ...final([], { status: "failed", error: "a" }), error: "b" }] },
    ],
    [
      "the log of run run: it has 0 ends, not one as its last event",
      { final: [{ ...final(), log: final().log.slice(0, -1) }] },
    ],
  ],
  "attempts-are-marked": [
    [
      "run run was claimed 2 times, and its log tells of 1",
      { calls: [grant(1_000, "run", 1), grant(7_000, "run", 2)], final: [final([], { epoch: 2 })] },
    ],
  ],
  "lanes-keep-order": [
    [
      "runs first and second of one conversation overlap: they were begun at 2.000 s and 3.000 s, and ended at 5.000 s and 4.000 s",
      {
        calls: [submitted(1_000, "first", "conversation"), submitted(1_000, "second", "conversation")],
        incidents: [
          began(2_000, "worker-1#1", "first", 1),
          began(3_000, "worker-2#1", "second", 1),
          ended(4_000, "worker-2#1", "second", 1),
          ended(5_000, "worker-1#1", "first", 1),
        ],
        final: [
          final([], { run: "first", finishedAt: 5_000 }),
          final([], { run: "second", finishedAt: 4_000 }),
        ],
      },
    ],
    [
      "run second was begun at 3.000 s, before run first had ended, which was submitted earlier",
      {
        calls: [submitted(1_000, "first", "conversation"), submitted(2_000, "second", "conversation")],
        incidents: [began(3_000, "worker-1#1", "second", 1), ended(4_000, "worker-1#1", "second", 1)],
        final: [
          final([], { run: "first", status: "cancelled", finishedAt: 8_000 }),
          final([], { run: "second", finishedAt: 4_000 }),
        ],
      },
    ],
  ],
  "poison-stops": [
    [
      "run run was claimed again after 3 attempts that gave nothing; it may have 3",
      {
        calls: [submitted(1_000, "run")],
        final: [final([attempt("lease_expired"), attempt("retry"), attempt("lease_expired")])],
      },
    ],
  ],
  "steps-once": [
    [
      'step-1 of run run gave "a" at 2.000 s (epoch 1), and "b" at 8.000 s (epoch 2)',
      {
        incidents: [
          returned(2_000, "worker-1#1", 1, "step-1", "a"),
          returned(8_000, "worker-2#1", 2, "step-1", "b"),
        ],
      },
    ],
    [
      "step-1 of run run had its result at 2.000 s (epoch 1), and ran again at 8.000 s (epoch 2)",
      {
        incidents: [returned(2_000, "worker-1#1", 1, "step-1", "a"), body(8_000, "worker-2#1", 2, "step-1")],
      },
    ],
    [
      "once-1 of run run ran at 2.000 s and again at 8.000 s; it may run once",
      { incidents: [body(2_000, "worker-1#1", 1, "once-1"), body(8_000, "worker-2#1", 2, "once-1")] },
    ],
  ],
  "waits-hold-nothing": [
    [
      "run run was suspended at 2.000 s, and worker-1#1 executed it until 4.000 s",
      {
        calls: [grant(1_000, "run", 1), waited(2_000, [], { questions: ["ask"] })],
        incidents: [began(1_000, "worker-1#1", "run", 1), ended(4_000, "worker-1#1", "run", 1)],
      },
    ],
    [
      "run run waited at 2.000 s, and epoch 1 had a lease of it",
      { calls: [looked(2_000, "waiting", { holder: 1 })] },
    ],
    [
      "worker-1#1 executed 2 runs at 2.000 s; it has 1 slots",
      {
        calls: [grant(1_000, "first", 1), grant(2_000, "second", 1)],
        incidents: [
          began(1_000, "worker-1#1", "first", 1),
          began(2_000, "worker-1#1", "second", 1),
          ended(3_000, "worker-1#1", "first", 1),
          ended(3_000, "worker-1#1", "second", 1),
        ],
      },
    ],
  ],
  "children-once": [
    [
      "step s of run run has the children a and b",
      {
        calls: ["a", "b"].map((child) =>
          call("Spawn", 2_000, { run: "run", epoch: 1, step: "s", maxAttempts: 3 }, { child }),
        ),
      },
    ],
    [
      "the log of run run tells the end of child a 2 times",
      {
        final: [
          final(
            [1, 2].map(() =>
              custom("runlease.child", { child_run_id: "a", outcome: { status: "completed" } }),
            ),
          ),
        ],
      },
    ],
    [
      "run a is a child of run, whose log does not tell it",
      { final: [final(), final([], { run: "a", parent: "run" })] },
    ],
    [
      "a join at 3.000 s gave that child a has completed; it has failed",
      {
        incidents: [
          returned(3_000, "worker-1#1", 1, "join-1", [{ run: "a", status: "completed", result: 1 }]),
        ],
        final: [final([], { run: "a", status: "failed", error: "poison" })],
      },
    ],
    [
      "run run waited from 2.000 s for its children 0 and 1, or 2, and was given again at 4.000 s, before they had ended",
      {
        calls: [grant(1_000, "run", 1), waited(2_000, [[0, 1], [2]]), grant(4_000, "run", 2)],
        final: [final([childEnded(0), attempt("released")])],
      },
    ],
  ],
  "messages-once": [
    [
      "run run accepted message m at 2.001 s; its log does not have it",
      { calls: [told(2_000, "m")], final: [final()] },
    ],
    ["run run has message k as m and n", { calls: [told(2_000, "m"), told(3_000, "n")] }],
    [
      "a step of run run took the messages after 0, and the one before it had taken 1",
      {
        final: [
          final([
            custom("runlease.message", { number: 1, message_id: "m" }),
            custom("runlease.inbox", { step_id: "a", after: 0, to: 1 }),
            custom("runlease.inbox", { step_id: "b", after: 0, to: 1 }),
          ]),
        ],
      },
    ],
    [
      "run run completed without message n that it accepted at 3.000 s, after its last claim",
      {
        calls: [grant(2_000, "run", 1), told(3_000, "n")],
        final: [
          final([
            custom("runlease.inbox", { step_id: "a", after: 0, to: 0 }),
            custom("runlease.message", { number: 1, message_id: "n", idempotency_key: "k" }),
          ]),
        ],
      },
    ],
    [
      "question ask-1 of run run was answered at 2.000 s and again at 3.000 s",
      { calls: [answered(2_000, '"yes"'), answered(3_000, '"no"')] },
    ],
    [
      'question ask-1 of run run was answered "yes", and its executor given "no"',
      {
        calls: [answered(2_000, '"yes"')],
        incidents: [returned(3_000, "worker-1#1", 2, "ask-1", "no")],
      },
    ],
  ],
  "budgets-are-exact": [
    [
      "the tree of run run has spent 5, and its logs report 12",
      {
        final: [
          final([custom("runlease.usage", { cost: 5 })], { spent: 5 }),
          final([custom("runlease.usage", { cost: 7 })], { run: "other", root: "run" }),
        ],
      },
    ],
  ],
  "ticks-once": [
    [
      "schedule nightly has 3 ticks: 2 began a run, 0 are counted as missed, and 0 as overlapping",
      { schedules: [ticking()], final: ticked([5, 9]) },
    ],
    [
      "run schedule:a:1970-01-01T00:00:06.000Z is of no tick of schedule nightly",
      { schedules: [ticking({ skipped: { missed: 2, overlap: 0 } })], final: ticked([6]) },
    ],
    [
      "the tick of nightly at 5.000 s has the runs schedule:a:1970-01-01T00:00:05.000Z and schedule:b:1970-01-01T00:00:05.000Z",
      {
        schedules: [ticking({ last: 5_000 }), ticking({ id: "b", last: 5_000 })],
        final: [...ticked([5]), ...ticked([5], "b")],
      },
    ],
    [
      "schedule nightly skipped 2 missed ticks, all of which it is to run",
      { schedules: [ticking({ missed: "all", skipped: { missed: 2, overlap: 0 } })], final: ticked([9]) },
    ],
    [
      "schedule nightly skipped 1 ticks, and its runs may overlap",
      { schedules: [ticking({ skipped: { missed: 0, overlap: 1 } })], final: ticked([5, 7]) },
    ],
  ],
  "limits-hold": [
    [
      "run b was claimed at 2.500 s as number 2 of those that work under limit concurrency_key k, which lets 1 in",
      {
        calls: [
          limited(1_000, "a", 1),
          limited(1_100, "b", 1),
          grant(2_000, "a", 1),
          grant(2_500, "b", 1, "worker-2#1"),
        ],
      },
    ],
    [
      "run b was claimed at 2.500 s as number 2 of those that work under limit named gpu eu, which lets 1 in",
      {
        calls: [
          changed(500, "named gpu", { maxRunning: 2 }),
          limited(1_000, "a", null, "named gpu eu"),
          limited(1_100, "b", null, "named gpu eu"),
          grant(2_000, "a", 1),
          changed(2_200, "named gpu", { maxRunning: 1 }),
          grant(2_500, "b", 1, "worker-2#1"),
        ],
      },
    ],
    [
      "run a was claimed at 2.000 s as number 1 of those that work under limit agent a, which lets 0 in",
      {
        calls: [
          limited(1_000, "a", 1),
          changed(1_500, "agent a", { paused: true }),
          grant(2_000, "a", 1),
          changed(2_500, "agent a", { paused: false }),
        ],
      },
    ],
    [
      "run b was claimed at 2.000 s, before run a, which was submitted earlier under the same limits",
      {
        calls: [
          limited(1_000, "a", 2),
          limited(1_100, "b", 2),
          grant(2_000, "b", 1),
          grant(2_500, "a", 1, "worker-2#1"),
        ],
      },
    ],
    [
      "limit concurrency_key k counts 1 runs that work, 0 with a place and 0 behind it; 0 work and 0 are pending",
      {
        calls: [limited(1_000, "run", 1)],
        limits: [{ limit: "concurrency_key k", running: 1, open: 0, waiting: 0 }],
        final: [final()],
      },
    ],
  ],
  "store-answers": [
    [
      "Complete of worker-1#1 reached the store, which was not available to it at 2.000 s",
      {
        calls: [
          call(
            "Complete",
            2_000,
            { run: "run", epoch: 1, ending: { status: "completed" }, events: [] },
            { refused: "ControlPlaneUnavailable" },
          ),
        ],
      },
    ],
  ],
  "each-run-ends": [
    ["run run was still waiting at 60.000 s", { final: [final([], { status: "waiting" })], settled: false }],
    ["a client was still not answered at 60.000 s", { final: [final()], settled: false }],
    [
      "schedule nightly still had ticks to come at 60.000 s",
      { schedules: [ticking({ isComplete: false })], final: ticked([5]), settled: false },
    ],
    ["the store died", { crashes: ["the store died"] }],
  ],
}

const takenOver = [grant(1_000, "run", 1), grant(7_000, "run", 2, "worker-2#1")]
const secondAttempt = [final([attempt("lease_expired")], { epoch: 2 })]

/** Histories that look like the broken ones and break nothing. */
const kept: ReadonlyArray<readonly [string, Given]> = [
  ["nothing happened", {}],
  [
    "a limit fell while its runs worked, and the next run came when they had ended",
    {
      calls: [
        limited(1_000, "run", 2),
        limited(1_100, "b", 2),
        grant(2_000, "run", 1),
        grant(2_100, "b", 1, "worker-2#1"),
        limited(2_500, "c", 1),
        completed(3_000),
        grant(7_200, "c", 1),
      ],
      final: ["run", "b", "c"].map((run) => final([], { run })),
    },
  ],
  [
    "a limit was raised by a submission without an answer",
    {
      calls: [
        limited(1_000, "a", 1),
        limited(1_100, "b", 1),
        grant(2_000, "a", 1),
        { ...limited(2_100, "c", 2), executions: [], received: undefined },
        grant(2_500, "b", 1, "worker-2#1"),
      ],
      final: ["a", "b", "c"].map((run) => final([], { run })),
    },
  ],
  [
    "a schedule that was made after its first tick skipped another one",
    {
      schedules: [ticking({ createdAt: 5_000, skipped: { missed: 1, overlap: 0 } })],
      final: ticked([9]),
    },
  ],
  [
    "a stopped process had lost its run, and stopped when it woke",
    {
      calls: takenOver,
      incidents: [
        began(1_000, "worker-1#1", "run", 1),
        { _tag: "Paused", at: 2_000, process: "worker-1#1", clock: "runs" },
        began(7_000, "worker-2#1", "run", 2),
        returned(7_500, "worker-2#1", 2, "step-1", "a"),
        { _tag: "Resumed", at: 8_000, process: "worker-1#1" },
        body(8_000, "worker-1#1", 1, "step-1"),
        ended(8_000, "worker-1#1", "run", 1),
        ended(9_000, "worker-2#1", "run", 2),
      ],
      final: secondAttempt,
    },
  ],
  [
    "a stopped process of a machine took its time to notice that it had lost its run",
    {
      incidents: [
        began(1_000, "worker-1#1", "run", 1),
        { _tag: "Paused", at: 2_000, process: "worker-1#1", clock: "runs" },
        began(7_000, "worker-2#1", "run", 2),
        returned(7_500, "worker-2#1", 2, "step-1", "a"),
        { _tag: "Resumed", at: 8_000, process: "worker-1#1" },
        body(8_200, "worker-1#1", 1, "step-1"),
        ended(8_400, "worker-1#1", "run", 1),
        ended(9_000, "worker-2#1", "run", 2),
      ],
      final: secondAttempt,
      reaction: 1_000,
    },
  ],
  [
    "a suspended process did not know how much time had passed",
    {
      calls: takenOver,
      incidents: [
        began(1_000, "worker-1#1", "run", 1),
        { _tag: "Paused", at: 2_000, process: "worker-1#1", clock: "stands" },
        began(7_000, "worker-2#1", "run", 2),
        { _tag: "Resumed", at: 8_000, process: "worker-1#1" },
        ended(8_500, "worker-1#1", "run", 1),
        ended(9_000, "worker-2#1", "run", 2),
      ],
      final: secondAttempt,
    },
  ],
  [
    "a process was suspended while its claim was answered",
    {
      calls: takenOver,
      incidents: [
        { _tag: "Paused", at: 1_500, process: "worker-1#1", clock: "stands" },
        { _tag: "Resumed", at: 3_000, process: "worker-1#1" },
        began(3_500, "worker-1#1", "run", 1),
        ended(6_900, "worker-1#1", "run", 1),
        began(7_000, "worker-2#1", "run", 2),
        ended(9_000, "worker-2#1", "run", 2),
      ],
      final: secondAttempt,
    },
  ],
  [
    "a process died with its executor",
    {
      calls: takenOver,
      incidents: [
        began(1_000, "worker-1#1", "run", 1),
        { _tag: "Ended", at: 2_000, process: "worker-1#1", how: "crashed" },
        began(7_000, "worker-2#1", "run", 2),
        ended(9_000, "worker-2#1", "run", 2),
      ],
      final: secondAttempt,
    },
  ],
  [
    "a claim was repeated",
    {
      calls: [1_000, 2_000].map((at) => grant(at, "run", 1, "worker-1#1", "claim")),
      final: [final()],
    },
  ],
  [
    "attempts brought the run forward, were handed back, or waited",
    {
      calls: [submitted(1_000, "run")],
      final: [
        final([
          attempt("lease_expired"),
          attempt("lease_expired"),
          step("a"),
          attempt("lease_expired"),
          attempt("released"),
          attempt("lease_expired"),
          custom("runlease.waiting", { reasons: ["sleep"] }),
          attempt("retry"),
          attempt("retry"),
        ]),
      ],
    },
  ],
  [
    "a lease was renewed in its last millisecond, and used in the last of the renewed one",
    {
      calls: [grant(1_000, "run", 1), renewed(5_999.9), completed(10_999.8)],
      final: [final()],
    },
  ],
  [
    "a parent went on after the end of all children of one group, for something else, or for the answer about its budget",
    {
      calls: [
        grant(1_000, "run", 1),
        waited(1_500, [[0, 1], [2]]),
        waited(1_600, [[2]], { forOthers: true }),
        waited(1_700, [[2]], { questions: ["ask"] }),
        grant(4_000, "run", 2),
        grant(4_000, "other", 1),
        waited(4_500, [[0]], { run: "other" }),
        call("Resume", 5_000, { run: "other", answers: { budget: "1" } }, { duplicate: false }, "client"),
        grant(6_000, "other", 2),
      ],
      final: [
        final([childEnded(0), childEnded(1), attempt("released")]),
        final([attempt("released")], { run: "other" }),
      ],
    },
  ],
  [
    "a message was sent again under its key, after the end of its run",
    {
      calls: [told(1_500, "m"), grant(2_000, "run", 1), told(60_000, "m")],
      final: [
        final([
          custom("runlease.inbox", { step_id: "a", after: 0, to: 0 }),
          custom("runlease.message", { number: 1, message_id: "m", idempotency_key: "k" }),
        ]),
      ],
    },
  ],
  [
    "a request got no answer, and nothing was promised",
    {
      calls: [
        {
          ...submitted(1_000, "run"),
          executions: [],
          received: { at: 2_500, answer: { refused: "ControlPlaneUnavailable" } },
        } as HistoryChecker.Call,
      ],
    },
  ],
]

describe("HistoryChecker", () => {
  for (const { holds, name } of HistoryChecker.invariants) {
    describe(`${name}: ${holds}`, () => {
      for (const [sentence, given] of broken[name]) {
        it(`finds: ${sentence}`, () => {
          const found = HistoryChecker.violations(history(given)).find(({ invariant }) => invariant === name)
          expect(found?.sentence).toBe(sentence)
        })
      }
    })
  }

  for (const [title, given] of kept) {
    it(`finds nothing where ${title}`, () => {
      expect(HistoryChecker.violations(history(given))).toEqual([])
    })
  }
})
