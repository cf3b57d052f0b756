import { describe, expect, it } from "@effect/vitest"
import type { Call, Entry, Event, Final } from "../../testkit/src/simulation/History.js"
import type * as Journal from "./chaos/Journal.js"
import * as Observation from "./chaos/Observation.js"

const begunAt = 1_700_000_000_000

/** What stands in a journal so many milliseconds after the beginning. */
const line = (at: number, process: string, epoch: number, what: object): Journal.Line =>
  ({ at: begunAt + at, process, run: "run-1", epoch, ...what }) as Journal.Line

const token = (name: string, epoch: number): Event => ({
  type: "CUSTOM",
  name: "simulation.token",
  value: { token: name, epoch, run: "run-1" },
})

const mark: Event = {
  type: "CUSTOM",
  name: "runlease.attempt",
  value: { attempt: 2, previous: { attempt: 1, ended: "lease_expired" } },
}

const log = (
  events: ReadonlyArray<readonly [at: number, event: Event, isOwn?: true]>,
): ReadonlyArray<Entry> => {
  let sequence = 0
  return events.map(([at, event, isOwn], index) => ({
    eventId: index + 1,
    sequence: isOwn === true ? null : (sequence += 1),
    at: begunAt + at,
    event,
  }))
}

const call = <Name extends Call["call"]>(
  name: Name,
  at: number,
  request: Extract<Call, { readonly call: Name }>["request"],
  answer: object,
): Call =>
  ({
    call: name,
    from: "client-1",
    sentAt: at - 5,
    request,
    executions: [{ at, answer }],
    received: { at, answer },
  }) as unknown as Call

const submit = call(
  "Submit",
  10,
  { run: "run-1", conversation: undefined, maxAttempts: 3, multitask: undefined },
  { run: "run-1", status: "pending", holder: undefined, duplicate: false },
)

const final: Final = {
  run: "run-1",
  status: "completed",
  holder: undefined,
  epoch: 2,
  parent: undefined,
  root: "run-1",
  spent: undefined,
  finishedAt: begunAt + 9_000,
  log: log([
    [100, { type: "RUN_STARTED" }, true],
    [200, token("a", 1)],
    [7_000, mark, true],
    [8_000, token("b", 2)],
    [9_000, { type: "RUN_FINISHED", outcome: { type: "success" } }, true],
  ]),
}

/** A run that was taken over: its first program had an effect and was killed, its second one had another. */
const lines: ReadonlyArray<Journal.Line> = [
  line(110, "program-1", 1, { _tag: "ExecutorBegan", attempt: 1 }),
  line(150, "program-1", 1, { _tag: "Effect", token: "a" }),
  line(400, "program-1", 1, { _tag: "Beat" }),
  line(7_100, "program-2", 2, { _tag: "ExecutorBegan", attempt: 2 }),
  line(7_900, "program-2", 2, { _tag: "Effect", token: "b" }),
  line(8_900, "program-2", 2, { _tag: "ExecutorEnded" }),
]

const observation: Observation.Observation = {
  begunAt,
  endedAt: 20_000,
  lease: 5_000,
  slots: {},
  calls: [submit],
  incidents: [],
  lines,
  recorded: [{ worker: "worker-2#1", run: "run-1", status: "completed" }],
  finals: [final],
  settled: true,
  crashes: [],
  servers: 1,
}

const step = (at: number, process: string, epoch: number, what: object) =>
  line(at, process, epoch, { name: "step-1", ...what })

const sortedLines = (...more: ReadonlyArray<Journal.Line>) => [...lines, ...more].sort((a, b) => a.at - b.at)

describe("an observation of real processes", () => {
  it("shows a run that was taken over to be right", () => {
    expect(Observation.judge(observation)).toEqual([])
  })

  it.each<readonly [what: string, invariant: string, doctored: Partial<Observation.Observation>]>([
    ["an acknowledged run that is gone", "nothing-lost", { finals: [], lines: [] }],
    [
      "an acknowledged event that is gone",
      "nothing-lost",
      {
        calls: [
          submit,
          call("Append", 50, { run: "run-1", epoch: null, events: [token("c", 0)], after: 2 }, { latest: 3 }),
        ],
      },
    ],
    [
      "an acknowledged end that is another one",
      "nothing-lost",
      {
        calls: [
          submit,
          call(
            "Cancel",
            60,
            { run: "run-1" },
            { run: "run-1", status: "cancelled", holder: undefined, cancelled: true },
          ),
        ],
      },
    ],
    [
      "an event that stands in the log twice",
      "nothing-twice",
      {
        finals: [
          {
            ...final,
            log: log(
              final.log.flatMap(({ at, event, sequence }) => {
                const entry = [at - begunAt, event, sequence === null ? true : undefined] as const
                return event === final.log[3]?.event ? [entry, entry] : [entry]
              }) as never,
            ),
          },
        ],
      },
    ],
    [
      "an end that a worker was told, and that is another one",
      "nothing-lost",
      { recorded: [{ worker: "worker-2#1", run: "run-1", status: "failed" }] },
    ],
    [
      "a run that two workers have ended",
      "nothing-twice",
      { recorded: [...observation.recorded, { worker: "worker-1#1", run: "run-1", status: "completed" }] },
    ],
    ["a run that does not end", "each-run-ends", { finals: [{ ...final, status: "running" }] }],
    [
      "a program that goes on when another has its run",
      "one-holder",
      { lines: sortedLines(line(7_200, "program-1", 1, { _tag: "Beat" })) },
    ],
    [
      "a worker that goes on long after it stood still",
      "one-holder",
      {
        incidents: [
          { _tag: "Paused", at: 1_000, process: "program-1", clock: "runs" },
          { _tag: "Resumed", at: 7_150, process: "program-1" },
        ],
        lines: sortedLines(line(8_850, "program-1", 1, { _tag: "Beat" })),
      },
    ],
    [
      "an effect after one of a later attempt",
      "effects-have-an-attempt",
      { lines: sortedLines(line(8_000, "program-1", 1, { _tag: "Effect", token: "late" })) },
    ],
    [
      "an effect that two programs have done under one lease",
      "effects-have-an-attempt",
      { lines: sortedLines(line(8_000, "program-3", 2, { _tag: "Effect", token: "again" })) },
    ],
    [
      "an effect under a lease that nobody was given",
      "effects-have-an-attempt",
      { lines: sortedLines(line(9_100, "program-3", 3, { _tag: "Effect", token: "more" })) },
    ],
    [
      "an effect that the log tells, and that did not happen",
      "effects-have-an-attempt",
      { lines: lines.filter((each) => each._tag !== "Effect" || each.token !== "a") },
    ],
    [
      "an effect of the last attempt that the log does not tell",
      "effects-have-an-attempt",
      { lines: sortedLines(line(8_000, "program-2", 2, { _tag: "Effect", token: "untold" })) },
    ],
    [
      "an attempt that the log does not tell",
      "attempts-are-marked",
      {
        finals: [
          {
            ...final,
            log: log([
              [100, { type: "RUN_STARTED" }, true],
              [200, token("a", 1)],
              [8_000, token("b", 2)],
              [9_000, { type: "RUN_FINISHED", outcome: { type: "success" } }, true],
            ]),
          },
        ],
      },
    ],
    [
      "a recorded step that is done again",
      "steps-once",
      {
        lines: sortedLines(
          step(300, "program-1", 1, { _tag: "Returned", value: "1" }),
          step(7_500, "program-2", 2, { _tag: "BodyBegan" }),
        ),
      },
    ],
    [
      "a step that gave another result later",
      "steps-once",
      {
        lines: sortedLines(
          step(300, "program-1", 1, { _tag: "Returned", value: "1" }),
          step(7_500, "program-2", 2, { _tag: "Returned", value: "2" }),
        ),
      },
    ],
  ])("shows %s", (_what, invariant, doctored) => {
    const found = Observation.judge({ ...observation, ...doctored }).map((broken) => broken.invariant)
    expect(found).toContain(invariant)
  })
})
