/**
 * Property test of a control plane: runs random histories of several workers over a real store and compares every
 * verdict with a model of `docs/state-machine.md`.
 */
import { describe, it } from "@effect/vitest"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import {
  Cause,
  Config,
  ConfigError,
  Console,
  Duration,
  Effect,
  Either,
  FastCheck as fc,
  type Layer,
  Option,
  Runtime,
} from "effect"
import * as JumpClock from "./JumpClock.js"
import * as Command from "./properties/Command.js"
import type { Exchange } from "./properties/Explanation.js"
import * as History from "./properties/History.js"
import * as Replay from "./properties/Replay.js"
import * as SystemUnderTest from "./properties/SystemUnderTest.js"
import * as TestRuns from "./TestRuns.js"

/**
 * `Passed`: all histories agree with the model; counts the histories, the requests, and each verdict of each kind of
 * request. `Broken`: the shortest history found that does not agree.
 */
export type Report =
  | {
      readonly _tag: "Passed"
      readonly histories: number
      readonly requests: number
      readonly verdicts: ReadonlyMap<string, number>
    }
  | {
      readonly _tag: "Broken"
      readonly histories: number
      readonly shrinks: number
      readonly lines: ReadonlyArray<string>
      readonly reason: string
      /** The value of `RUNLEASE_REPLAY` that runs this history alone. */
      readonly replay: string
    }

/** `runs` is the number of histories, where `RUNLEASE_HISTORIES` does not say otherwise. The same `seed` makes the same histories. */
export interface Options {
  readonly runs: number
  readonly seed?: number | undefined
}

/** The time limit of all histories together, including the search for a shorter one: far more than a busy machine takes. */
const timeLimit = Duration.minutes(20)

/** The number of histories, from `RUNLEASE_HISTORIES`. */
const histories = Config.option(Config.integer("RUNLEASE_HISTORIES"))

/** The seed and path of the history to replay, from `RUNLEASE_REPLAY`. */
const replay = Config.option(
  Config.mapOrFail(Config.string("RUNLEASE_REPLAY"), (text) => {
    const [, seed, path] = /^(-?\d+)\/([\d:]+)$/.exec(text) ?? []
    return seed === undefined || path === undefined
      ? Either.left(ConfigError.InvalidData([], "must be a seed and a path, such as 42/7:0:3"))
      : Either.right({ seed: Number(seed), path })
  }),
)

const failureOf = (cause: Cause.Cause<History.HistoryFailed>): History.HistoryFailed =>
  Option.getOrElse(
    Cause.failureOption(cause),
    () => new History.HistoryFailed({ lines: [], reason: Cause.pretty(cause) }),
  )

/** All histories with one request less, the last request removed first. */
const withoutOne = (commands: Command.Commands): ReadonlyArray<Command.Commands> =>
  commands
    .flatMap((command, at) =>
      command.map((_, within) =>
        commands.toSpliced(at, 1, command.toSpliced(within, 1)).filter(({ length }) => length > 0),
      ),
    )
    .toReversed()

/** Removes every request that the failure does not need; fast-check only removes a prefix of a list. */
const shorten = <R>(
  execute: (commands: Command.Commands) => Effect.Effect<unknown, History.HistoryFailed, R>,
  commands: Command.Commands,
  failed: History.HistoryFailed,
): Effect.Effect<History.HistoryFailed, never, R> =>
  Effect.gen(function* () {
    for (const fewer of withoutOne(commands)) {
      const outcome = yield* Effect.either(execute(fewer))
      if (Either.isLeft(outcome)) return yield* shorten(execute, fewer, outcome.left)
    }
    return failed
  })

/** The kind of a request and the first word of its verdict, which do not vary between histories. */
const kindOf = ({ request, verdict }: Exchange): string =>
  `${request._tag} ${/^run-\d/.test(verdict) ? "some" : verdict.split(/[ ,]/)[0]}`

/**
 * Executes `runs` histories over one store that is built once. Histories are independent: each has runs, lanes and an
 * agent of its own.
 */
export const check = <E>(
  layer: Layer.Layer<ProjectPorts, E>,
  options: Options,
): Effect.Effect<Report, E | ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const clock = yield* JumpClock.make
    const start = yield* replay
    const numRuns = Option.getOrElse(yield* histories, () => options.runs)
    return yield* Effect.gen(function* () {
      const workers = yield* Effect.orDie(
        Effect.forEach(Array.from({ length: Command.workers }), (_, index) =>
          TestRuns.register(`worker-${index + 1}`),
        ),
      )
      const runtime = yield* Effect.runtime<ProjectPorts>()
      const verdicts = new Map<string, number>()
      let executed = 0
      let requests = 0
      const execute = (commands: Command.Commands) =>
        Effect.suspend(() => {
          executed += 1
          const system = SystemUnderTest.make({ name: `history${executed}`, clock, workers })
          // A store in memory never waits, and a loop without turns looks stuck to the runner of the tests.
          return Effect.zipRight(TestRuns.turn, Effect.sandbox(History.run(system, commands)))
        }).pipe(Effect.mapError(failureOf))
      const property = fc.asyncProperty(Command.commands, async (commands) => {
        const outcome = await Runtime.runPromise(runtime)(Effect.either(execute(commands)))
        if (Either.isLeft(outcome)) throw outcome.left
        requests += outcome.right.length
        for (const kind of outcome.right.map(kindOf)) verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1)
      })
      const details = yield* Effect.promise(() =>
        fc.check(property, {
          numRuns,
          interruptAfterTimeLimit: Duration.toMillis(timeLimit),
          markInterruptAsFailure: true,
          ...(options.seed === undefined ? {} : { seed: options.seed }),
          ...Option.match(start, { onNone: () => ({}), onSome: (start) => ({ numRuns: 1, ...start }) }),
        }),
      )
      if (!details.failed) return { _tag: "Passed", histories: executed, requests, verdicts } satisfies Report
      const found =
        details.errorInstance instanceof History.HistoryFailed
          ? details.errorInstance
          : new History.HistoryFailed({
              lines: [],
              reason: `not finished after ${Duration.format(timeLimit)}`,
            })
      const { lines, reason } = yield* shorten(execute, details.counterexample?.[0] ?? [], found)
      return {
        _tag: "Broken",
        histories: details.numRuns,
        shrinks: details.numShrinks,
        lines,
        reason,
        replay: `${details.seed}/${details.counterexamplePath}`,
      } satisfies Report
    }).pipe(Effect.provide(layer), Effect.withClock(clock))
  })

/** The report as text for a console. */
export const show = (name: string, report: Report): string => {
  if (report._tag === "Passed") {
    const { histories, requests, verdicts } = report
    return `${name}: ${histories} interleavings of ${requests} requests agree with the model, ${verdicts.size} kinds of verdicts`
  }
  const { histories, lines, reason, replay, shrinks } = report
  return [
    `${name}: history ${histories} differs from the model; shrunk ${shrinks} times:`,
    "",
    ...lines,
    `     ${reason}`,
    "",
    `Run it again: ${Replay.command(`Properties (${name})`, replay)}`,
  ].join("\n")
}

/**
 * Declares the test that `runs` histories over the store of `layer` agree with the model. `layer` builds a fresh,
 * empty project whose time is Effect's Clock.
 *
 * ```ts
 * PropertySuite.suite("memory", MemoryControlPlane.layer, { runs: 1000 })
 * ```
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>, options: Options): void => {
  describe(`Properties (${name})`, () => {
    it.live(
      "random interleavings agree with the model",
      () =>
        Effect.gen(function* () {
          const [took, report] = yield* Effect.timed(check(layer, options))
          if (report._tag === "Broken") return yield* Effect.die(new Error(show(name, report)))
          yield* Console.log(`${show(name, report)}, in ${Duration.toSeconds(took).toFixed(1)} s`)
        }),
      { timeout: Duration.toMillis(timeLimit) * 1.5 },
    )
  })
}
