/**
 * A history: commands carried out one after another or at once, each answer and what is seen after it compared
 * with the model, until every run has ended.
 *
 * @since 0.1.0
 */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { isTerminal } from "@runlease/core/Run"
import { Clock, Data, Effect } from "effect"
import * as Command from "./Command.js"
import * as LogInvariants from "./LogInvariants.js"
import * as Model from "./Model.js"
import type { Place } from "./Place.js"
import { describe, type Request, runName } from "./Request.js"
import * as Resolve from "./Resolve.js"

/** The control plane did what the model does not allow. `lines` is what was done, and the answers. */
export class HistoryFailed extends Data.TaggedError("HistoryFailed")<{
  readonly lines: ReadonlyArray<string>
  readonly reason: string
}> {}

/** A request and its answer. */
export interface Asked {
  readonly request: Request
  readonly verdict: string
}

/** The leases that a claim gave. */
const claimedIn = ({ request, verdict }: Asked): ReadonlyArray<Resolve.Given> =>
  request._tag !== "Claim"
    ? []
    : Array.from(verdict.matchAll(/run-(\d+) attempt \d+ epoch (\d+)/g), ([, run, epoch]) => ({
        run: Number(run) - 1,
        worker: request.worker,
        epoch: Number(epoch),
      }))

/** The claims among the requests, in groups of two and more. */
const claimGroups = (asked: ReadonlyArray<Asked>): ReadonlyArray<ReadonlyArray<Asked>> => {
  const claims = asked.filter(({ request }) => request._tag === "Claim")
  const groups: Array<ReadonlyArray<Asked>> = [[]]
  for (const claim of claims) groups.push(...groups.map((group) => [...group, claim]))
  return groups.filter(({ length }) => length > 1)
}

/**
 * Every state that the model may be in when these requests, sent at once, got these verdicts: they took effect in
 * some order, each all at once, with sweeps before and after any of them. Claims may be answered together.
 */
const explain = (
  states: ReadonlyArray<Model.State>,
  asked: ReadonlyArray<Asked>,
): ReadonlyArray<Model.State> => {
  const swept = states.flatMap(Model.sweeps)
  if (asked.length === 0) return swept
  return swept.flatMap((state) => [
    ...asked.flatMap((one) => {
      const [after, expected] = Model.step(state, one.request)
      return expected === one.verdict ? explain([after], without(asked, [one])) : []
    }),
    ...claimGroups(asked).flatMap((group) => {
      const [after, expected] = Model.claimTogether(
        state,
        group.flatMap((each) =>
          each.request._tag === "Claim"
            ? [{ request: each.request, got: claimedIn(each).map(({ run }) => run) }]
            : [],
        ),
      )
      return group.every(({ verdict }, index) => expected[index] === verdict)
        ? explain([after], without(asked, group))
        : []
    }),
  ])
}

const without = (asked: ReadonlyArray<Asked>, some: ReadonlyArray<Asked>): ReadonlyArray<Asked> =>
  asked.filter((each) => !some.includes(each))

const distinct = (states: ReadonlyArray<Model.State>): ReadonlyArray<Model.State> =>
  states.length < 2
    ? states
    : Array.from(new Map(states.map((state) => [JSON.stringify(state), state])).values())

/** The runs to look at afterwards. What a claim says of a run leaves nothing to look at. */
const touched = ({ request }: Asked): ReadonlyArray<number> => {
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

const claimAll: Request = { _tag: "Claim", worker: 0, limit: Command.runs, lease: 30_000 }

/** What ends the runs that have not ended yet, by the model. */
const nextToEnd = (state: Model.State, run: Model.Run): Request => {
  const { run: number, waiting } = run
  switch (run.status) {
    case "waiting":
      return { _tag: "Resume", run: number, answers: waiting.map(({ call }) => ({ call, result: 0 })) }
    case "running": {
      if (Model.isLapsed(state, run)) return claimAll
      const fence = run.lease === null ? null : { worker: run.lease.worker, epoch: run.epoch }
      return { _tag: "Complete", run: number, fence, status: "completed" }
    }
    default:
      return run.availableAt > state.now ? { _tag: "Pass", millis: run.availableAt - state.now } : claimAll
  }
}

/** How long a history may take, which is real time's to say: a store that never answers breaks it too. */
const patience = Effect.sleep("10 seconds").pipe(Effect.withClock(Clock.make()))

/** How many requests it takes at most to end all runs. */
const endings = Command.runs * 6

/**
 * Carries the commands out, ends every run and reads every log. Gives the verdicts with the kinds of their requests.
 *
 * @since 0.1.0
 * @category running
 */
export const run = (
  place: Place,
  commands: Command.Commands,
): Effect.Effect<ReadonlyArray<Asked>, HistoryFailed, ProjectPorts> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    return Effect.raceFirst(
      carryOutAll(place, commands, lines),
      Effect.flatMap(patience, () => new HistoryFailed({ lines, reason: "no answer, after 10 s in all" })),
    )
  })

const carryOutAll = (place: Place, commands: Command.Commands, lines: Array<string>) =>
  Effect.gen(function* () {
    let states: ReadonlyArray<Model.State> = [Model.initial]
    const given: Array<Resolve.Given> = []
    const done: Array<Asked> = []
    const fail = (reason: string) => new HistoryFailed({ lines: [...lines], reason })

    const carryOut = Effect.fnUntraced(function* (requests: ReadonlyArray<Request>) {
      const firstLine = lines.length
      for (const [index, request] of requests.entries()) {
        const number = index === 0 ? `${done.length + 1}.` : "&"
        lines.push(`${number.padStart(4)} ${describe(request)}`)
      }
      const asked = yield* Effect.forEach(
        requests,
        (request) => Effect.map(place.ask(request), (verdict): Asked => ({ request, verdict })),
        { concurrency: "unbounded" },
      )
      for (const [index, { verdict }] of asked.entries()) lines[firstLine + index] += ` -> ${verdict}`
      done.push(...asked)
      let explained = explain(states, asked)
      if (explained.length === 0) {
        const expected = new Set(
          states.flatMap(Model.sweeps).map((state) => Model.step(state, requests[0]!)[1]),
        )
        return yield* fail(
          requests.length === 1
            ? `expected ${Array.from(expected).join(" or ")}`
            : "no order of these requests gives these answers",
        )
      }
      for (const number of new Set(asked.flatMap(touched))) {
        const seen = yield* place.look(number)
        const fitting = explained.filter((state) => Model.look(state, number) === seen)
        if (fitting.length === 0) {
          const expected = new Set(explained.map((state) => Model.look(state, number)))
          return yield* fail(`${runName(number)} is ${seen}; expected ${Array.from(expected).join(" or ")}`)
        }
        explained = fitting
      }
      states = distinct(explained)
      for (const each of asked.flatMap(claimedIn)) {
        if (given.some(({ epoch, run }) => run === each.run && epoch >= each.epoch)) {
          return yield* fail(`epoch ${each.epoch} of ${runName(each.run)} was given before`)
        }
        given.push(each)
      }
    })

    for (const [index, command] of commands.entries()) {
      const requests = command.flatMap((single, place) => {
        const name = `${index + 1}${command.length === 1 ? "" : String.fromCharCode(97 + place)}`
        return Resolve.resolve({ state: states[0]!, given, name }, single) ?? []
      })
      if (requests.length > 0) yield* carryOut(requests)
    }
    for (let round = 0; round < endings; round++) {
      const state = states[0]!
      const next = state.runs.find(({ status }) => !isTerminal(status))
      if (next === undefined) break
      yield* carryOut([nextToEnd(state, next)])
    }
    const state = states[0]!
    for (const { log, run, status } of state.runs) {
      if (!isTerminal(status)) return yield* fail(`${runName(run)} cannot be ended: it is ${status}`)
      const entries = yield* Effect.mapError(place.log(run), fail)
      const found = entries.map(place.read)
      const differs = Array.from(
        { length: Math.max(found.length, log.entries.length) },
        (_, index) => index,
      ).find((index) => JSON.stringify(found[index]) !== JSON.stringify(log.entries[index]))
      if (differs !== undefined) {
        return yield* fail(
          `event ${differs + 1} of ${runName(run)} is ${JSON.stringify(found[differs])}; expected ${JSON.stringify(log.entries[differs])}`,
        )
      }
      const broken = LogInvariants.violations(entries)
      if (broken.length > 0) return yield* fail(`the log of ${runName(run)} breaks: ${broken.join("; ")}`)
    }
    return done
  })
