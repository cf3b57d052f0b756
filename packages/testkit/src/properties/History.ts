/**
 * A history: executes commands in order, some concurrently, and compares each verdict and the state after it with
 * the model, until every run has ended.
 */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { isAnswers } from "@runlease/core/AgentEvent"
import { isMessage } from "@runlease/core/InboxMessage"
import { isTerminal } from "@runlease/core/Run"
import type { LogEntry } from "@runlease/core/RunLog"
import { canonicalJson } from "@runlease/core/Json"
import { isChildEvent } from "@runlease/core/ChildEvent"
import { endsLog } from "@runlease/core/ControlEvents"
import * as LogState from "@runlease/core/LogState"
import { Clock, Data, Effect, Fiber, Option } from "effect"
import * as Command from "./Command.js"
import { distinct, type Exchange, explain, leasesIn } from "./Explanation.js"
import * as Model from "./Model.js"
import * as ModelRules from "./ModelRules.js"
import * as ModelState from "./ModelState.js"
import { describe, type Request, runName } from "./Request.js"
import * as Resolve from "./Resolve.js"
import { type SystemUnderTest, waitMillis } from "./SystemUnderTest.js"

/** The invariants that the log of an ended run violates, as sentences; empty for a valid log. */
export const violations = (entries: ReadonlyArray<LogEntry>): ReadonlyArray<string> => {
  const broken: Array<string> = []
  const must = (holds: boolean, sentence: string) => {
    if (!holds) broken.push(sentence)
  }
  must(
    entries.every(({ eventId }, index) => eventId === index + 1),
    "event ids begin at 1 and have no gap",
  )
  const external = entries.filter(({ sequence }) => sequence !== null)
  must(
    external.every(({ sequence }, index) => sequence === index + 1),
    "only appended events have a sequence, which begins at 1 and has no gap",
  )
  must(entries[0]?.event.type === "RUN_STARTED", "the first event is RUN_STARTED")
  must(
    entries.findIndex(endsLog) === entries.length - 1,
    "there is exactly one end, and it is the last event",
  )
  let state = LogState.initial
  let betweenRuns = false
  let open = 0
  for (const { event } of entries) {
    // A run that waits for a person may get messages and answers, and its children may end.
    const isBetween = !isMessage(event) && !isAnswers(event) && !isChildEvent(event)
    if (event.type !== "RUN_STARTED" && !state.started && isBetween) betweenRuns = true
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") open += state.open.length
    state = LogState.next(state, event)
  }
  must(!betweenRuns, "every event lies between a start and an end")
  must(open === 0, "nothing is open at an end")
  const texts = external.map(({ event }) => canonicalJson(event))
  must(new Set(texts).size === texts.length, "no appended event is there twice")
  return broken
}

/** The control plane did what the model does not allow. `lines` lists the requests with their verdicts. */
export class HistoryFailed extends Data.TaggedError("HistoryFailed")<{
  readonly lines: ReadonlyArray<string>
  readonly reason: string
}> {}

/** The runs to observe afterwards. The verdict of a claim already contains all of its runs' state. */
const runsToObserve = ({ request }: Exchange): ReadonlyArray<number> => {
  switch (request._tag) {
    case "Pass":
    case "Claim":
      return []
    case "Renew":
      return request.leases.map(({ run }) => run)
    default:
      return [request.run]
  }
}

const claimAll: Request = { _tag: "Claim", worker: 0, limit: Command.runs, lease: 30_000, waits: false }

const waits = (request: Request): boolean => request._tag === "Claim" && request.waits

/** The request that brings this run closer to its end. */
const nextToEnd = (state: ModelState.State, run: ModelState.Run): Request => {
  const { awaiting, awaitsBudget, ledger, listening, run: number, waiting, wakesAt } = run
  switch (run.status) {
    case "waiting":
      if (wakesAt !== null) {
        return wakesAt > state.now ? { _tag: "Pass", millis: wakesAt - state.now } : claimAll
      }
      if (listening !== null) return { _tag: "Tell", run: number, key: null }
      if (ModelRules.isAsking(run)) {
        return { _tag: "Raise", run: number, call: waiting[0]!.call, tokens: (ledger?.spent ?? 0) + 10 }
      }
      if (awaiting !== null || awaitsBudget) return { _tag: "Cancel", run: number }
      return { _tag: "Resume", run: number, answers: waiting.map(({ call }) => ({ call, result: 0 })) }
    case "running": {
      if (ModelState.isLapsed(state, run)) return claimAll
      const fence = run.lease === null ? null : { worker: run.lease.worker, epoch: run.epoch }
      return { _tag: "Complete", run: number, fence, status: "completed", consumed: null }
    }
    default: {
      const working = ModelRules.inTheWay(state, run)
      if (working !== undefined) return nextToEnd(state, working)
      return run.availableAt > state.now ? { _tag: "Pass", millis: run.availableAt - state.now } : claimAll
    }
  }
}

/**
 * Sends the requests concurrently, those first that wait. The time of their wait passes when the others have their answers:
 * each second is one more exchange.
 */
const sendAll = (system: SystemUnderTest, requests: ReadonlyArray<Request>) =>
  Effect.gen(function* () {
    const send = (request: Request) =>
      Effect.map(system.send(request), (verdict): Exchange => ({ request, verdict }))
    const waiting = yield* Effect.forEach(requests.filter(waits), (request) => Effect.fork(send(request)))
    if (waiting.length > 0) yield* system.settle
    const others = yield* Effect.forEach(
      requests.filter((request) => !waits(request)),
      send,
      { concurrency: "unbounded" },
    )
    const passed: Array<Exchange> = []
    const allEnded = Effect.map(Effect.forEach(waiting, Fiber.poll), (exits) => exits.every(Option.isSome))
    if (waiting.length > 0) yield* system.settle
    while (!(yield* allEnded)) {
      passed.push(yield* send({ _tag: "Pass", millis: waitMillis }))
      yield* system.settle
    }
    const ended = yield* Effect.forEach(waiting, Fiber.join)
    const answers = [...ended, ...others]
    return [...requests.map((request) => answers.find((each) => each.request === request)!), ...passed]
  })

/** The limit of a history in real time, so that a store that never answers fails the test, and a busy machine does not. */
const timeLimit = Effect.sleep("60 seconds").pipe(Effect.withClock(Clock.make()))

const isOpen = ({ status }: ModelState.Run): boolean => !isTerminal(status)

const hasOpenRun = ({ runs }: ModelState.State): boolean => runs.some(isOpen)

/** The largest number of requests that ending all runs takes. */
const maxEndingRequests = Command.runs * 24

/** Executes the commands, ends every run and checks every log. Returns all requests with their verdicts. */
export const run = (
  system: SystemUnderTest,
  commands: Command.Commands,
): Effect.Effect<ReadonlyArray<Exchange>, HistoryFailed, ProjectPorts> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    return Effect.raceFirst(
      executeAll(system, commands, lines),
      Effect.flatMap(timeLimit, () => new HistoryFailed({ lines, reason: "no answer, after 60 s in all" })),
    )
  })

const executeAll = (system: SystemUnderTest, commands: Command.Commands, lines: Array<string>) =>
  Effect.gen(function* () {
    let states: ReadonlyArray<ModelState.State> = [ModelState.initial]
    const leases: Array<Resolve.GrantedLease> = []
    const done: Array<Exchange> = []
    const fail = (reason: string) => new HistoryFailed({ lines: [...lines], reason })

    const execute = Effect.fnUntraced(function* (requests: ReadonlyArray<Request>) {
      const firstLine = lines.length
      for (const [index, request] of requests.entries()) {
        const number = index === 0 ? `${done.length + 1}.` : "&"
        lines.push(`${number.padStart(4)} ${describe(request)}`)
      }
      const exchanges = yield* sendAll(system, requests)
      for (const [index, { request, verdict }] of exchanges.entries()) {
        if (index >= requests.length) lines.push(`${"&".padStart(4)} ${describe(request)}`)
        lines[firstLine + index] += ` -> ${verdict}`
      }
      done.push(...exchanges)
      let explained = explain(states, exchanges)
      if (explained.length === 0) {
        const expected = new Set(
          states.flatMap(ModelRules.sweeps).map((state) => Model.step(state, requests[0]!)[1]),
        )
        return yield* fail(
          requests.length === 1
            ? `expected ${Array.from(expected).join(" or ")}`
            : "no order of these requests gives these answers",
        )
      }
      for (const number of new Set(exchanges.flatMap(runsToObserve))) {
        const observed = yield* system.observe(number)
        const fitting = explained.filter((state) => Model.observe(state, number) === observed)
        if (fitting.length === 0) {
          const expected = new Set(explained.map((state) => Model.observe(state, number)))
          return yield* fail(
            `${runName(number)} is ${observed}; expected ${Array.from(expected).join(" or ")}`,
          )
        }
        explained = fitting
      }
      states = distinct(explained)
      for (const each of exchanges.flatMap(leasesIn).sort((a, b) => a.epoch - b.epoch)) {
        if (leases.some(({ epoch, run }) => run === each.run && epoch >= each.epoch)) {
          return yield* fail(`epoch ${each.epoch} of ${runName(each.run)} was granted before`)
        }
        leases.push(each)
      }
    })

    const checkTotals = Effect.gen(function* () {
      const totals = yield* Effect.mapError(system.totals, fail)
      if (Option.isSome(totals) && totals.value.counted !== totals.value.ofRuns) {
        return yield* fail(
          `the store has counted ${totals.value.counted}; its runs are ${totals.value.ofRuns}`,
        )
      }
    })

    for (const [index, command] of commands.entries()) {
      const requests = command.flatMap((single, position) => {
        const name = `${index + 1}${command.length === 1 ? "" : String.fromCharCode(97 + position)}`
        return Resolve.resolve({ state: states[0]!, leases, name }, single) ?? []
      })
      if (requests.length > 0) yield* execute(requests)
    }
    yield* checkTotals
    for (let round = 0; round < maxEndingRequests; round++) {
      // While several states fit, a run may have ended in one of them and be open in another.
      const state = states.find(hasOpenRun)
      if (state === undefined) break
      yield* execute([nextToEnd(state, state.runs.find(isOpen)!)])
    }
    yield* checkTotals
    // Where sweeps may have come in several orders, the logs tell in which they came.
    let fitting = states
    for (const { run } of states[0]!.runs) {
      const entries = yield* Effect.mapError(system.readLog(run), fail)
      const found = entries.map(system.toModelEntry)
      const logOf = (state: ModelState.State) => ModelState.find(state, run)?.log.entries ?? []
      const expected = logOf(fitting[0]!)
      fitting = fitting.filter((state) => JSON.stringify(logOf(state)) === JSON.stringify(found))
      if (fitting.length === 0) {
        const differs = Array.from(
          { length: Math.max(found.length, expected.length) },
          (_, index) => index,
        ).find((index) => JSON.stringify(found[index]) !== JSON.stringify(expected[index]))
        return yield* fail(
          `event ${(differs ?? 0) + 1} of ${runName(run)} is ${JSON.stringify(found[differs ?? 0])}; expected ${JSON.stringify(expected[differs ?? 0])}`,
        )
      }
      const broken = violations(entries)
      if (broken.length > 0) return yield* fail(`the log of ${runName(run)} breaks: ${broken.join("; ")}`)
    }
    const open = fitting[0]!.runs.find(isOpen)
    if (open !== undefined) return yield* fail(`${runName(open.run)} cannot be ended: it is ${open.status}`)
    return done
  })
