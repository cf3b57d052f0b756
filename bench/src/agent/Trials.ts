/** What is measured of one system: agents that go well, agents whose worker is killed, and how many agents at once it can do. */
import { Effect, Exit, Fiber, Schedule, Scope } from "effect"
import * as Cpu from "../Cpu.js"
import type { Sample } from "../Figures.js"
import type { StandIn } from "./StandIn.js"
import type { System, Worker } from "./Systems.js"
import type { Agents } from "./Viewers.js"

/** Answers of each agent. */
const answers = 3

/** The longest that the 99th percentile of the latency of a delta may be, in milliseconds. */
const bound = 250

/** The fewest agents that the search begins with. */
const fewest = 5

export interface Subject {
  readonly name: string
  readonly system: System
  readonly model: StandIn
}

export interface Size {
  readonly runs: number
  /** Of each answer. */
  readonly deltas: number
}

const plan = ({ model, name }: Subject, { answers, deltas }: Pick<Agents, "answers" | "deltas">) =>
  model.plan({ contender: name, answers, deltas })

/** Views agents that have to go well. */
const viewAll = ({ name, system }: Subject, size: Size) =>
  Effect.tap(system.viewers.call("view", { ...size, answers, within: 120 }), ({ problems }) =>
    problems.length === 0
      ? Effect.void
      : Effect.dieMessage(`${name}: a run ${[...new Set(problems)].join("; a run ")}`),
  )

const total = (used: Readonly<Record<string, number | null>>): number | null =>
  Object.values(used).reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0)

/** Agents whose figures do not count. */
export const warmUp = (subject: Subject, size: Size) =>
  Effect.zipRight(plan(subject, { ...size, answers }), viewAll(subject, size))

/** Agents that nothing disturbs. */
export const undisturbed = (subject: Subject, worker: Worker, size: Size): Effect.Effect<Sample> =>
  Effect.gen(function* () {
    const { model, name, system } = subject
    yield* plan(subject, { ...size, answers })
    // The garbage of the round before is not that of this one.
    yield* worker.call("memory")
    yield* system.viewers.call("memory")
    const meters = { worker: worker.call("cpu"), viewers: system.viewers.call("cpu"), ...system.meters }
    yield* model.lateness
    const { used, value } = yield* Cpu.during(meters, viewAll(subject, size))
    const asked = yield* model.asked(name)
    if (asked.answers !== answers * size.runs) {
      return yield* Effect.dieMessage(
        `${name}: ${asked.answers} answers for ${size.runs} runs that nothing disturbs`,
      )
    }
    const millis = Cpu.per(1000 * size.runs, used)
    return {
      CPU: total(millis),
      ...millis,
      "first delta, p50": value.firstDelta,
      "delta, p50": value.p50,
      "delta, p99": value.p99,
      "model late, p99": yield* model.lateness,
    }
  })

/** Agents whose worker, with its Scope, is killed in their second answers. Another one is started at once. */
export const killed = (subject: Subject, worker: Scope.CloseableScope, size: Size) =>
  Effect.gen(function* () {
    const { model, name, system } = subject
    yield* plan(subject, { ...size, answers })
    const viewing = yield* Effect.fork(viewAll(subject, size))
    const allInSecond = Effect.repeat(model.asked(name), {
      until: ({ second }) => second === size.runs,
      schedule: Schedule.spaced("10 millis"),
    })
    yield* Effect.raceFirst(allInSecond, Fiber.join(viewing))
    yield* Scope.close(worker, Exit.void)
    yield* system.startWorker
    yield* Fiber.join(viewing)
    const asked = yield* model.asked(name)
    return { "paid again": asked.answers - answers * size.runs } satisfies Sample
  })

/** The most agents at once, of one answer each, whose deltas arrive in time, by doubling. */
export const largest = (subject: Subject, deltas: number, most: number) =>
  Effect.gen(function* () {
    const { system } = subject
    yield* system.startWorker
    yield* warmUp(subject, { runs: fewest, deltas: 10 })
    yield* plan(subject, { answers: 1, deltas })
    const seen = (runs: number) =>
      system.viewers.call("view", { runs, answers: 1, deltas, within: deltas / 50 + 4 })
    let reached = 0
    for (let runs = fewest; runs <= most; runs *= 2) {
      const { p99, problems } = yield* seen(runs)
      if (problems.length > 0 || p99 > bound) break
      reached = runs
    }
    return { "at once": reached } satisfies Sample
  })
