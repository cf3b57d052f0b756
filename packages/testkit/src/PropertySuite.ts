/**
 * What every control plane must do whatever happens in whatever order: histories of commands by several workers,
 * made by chance, carried out over a real store and compared with a model of `docs/state-machine.md`.
 *
 * @since 0.1.0
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
import * as History from "./properties/History.js"
import * as Place from "./properties/Place.js"
import * as TestRuns from "./TestRuns.js"

/**
 * `Kept`: how many histories and requests went as the model does, and how often each sort of request got each
 * verdict. `Broken`: the shortest history found that does not.
 *
 * @since 0.1.0
 * @category models
 */
export type Report =
  | {
      readonly _tag: "Kept"
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
      /** What `RUNLEASE_REPLAY` takes to run this history alone. */
      readonly replay: string
    }

/** `runs` is how many histories. */
export interface Options {
  readonly runs: number
}

/** How long the histories may take, and the search for a shorter one with them. */
const timeLimit = Duration.minutes(4)

/** Where fast-check begins, when this is to be a replay. */
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

/** Every way to leave one request out, the last first. */
const withoutOne = (commands: Command.Commands): ReadonlyArray<Command.Commands> =>
  commands
    .flatMap((command, at) =>
      command.map((_, within) =>
        commands.toSpliced(at, 1, command.toSpliced(within, 1)).filter(({ length }) => length > 0),
      ),
    )
    .toReversed()

/** Leaves out every request that the failure does not need: fast-check leaves out only the first ones of a list. */
const shorten = <R>(
  carryOut: (commands: Command.Commands) => Effect.Effect<unknown, History.HistoryFailed, R>,
  commands: Command.Commands,
  failed: History.HistoryFailed,
): Effect.Effect<History.HistoryFailed, never, R> =>
  Effect.gen(function* () {
    for (const fewer of withoutOne(commands)) {
      const outcome = yield* Effect.either(carryOut(fewer))
      if (Either.isLeft(outcome)) return yield* shorten(carryOut, fewer, outcome.left)
    }
    return failed
  })

/** The sort of a verdict: its first word, without what differs from one history to another. */
const sortOf = ({ request, verdict }: History.Asked): string =>
  `${request._tag} ${/^run-\d/.test(verdict) ? "some" : verdict.split(/[ ,]/)[0]}`

/**
 * Carries out `runs` histories over one store that is built once. Histories do not meet: each has runs, lanes and
 * an agent of its own.
 *
 * @since 0.1.0
 * @category running
 */
export const check = <E>(
  layer: Layer.Layer<ProjectPorts, E>,
  options: Options,
): Effect.Effect<Report, E | ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const clock = yield* JumpClock.make
    const start = yield* replay
    return yield* Effect.gen(function* () {
      const workers = yield* Effect.orDie(
        Effect.forEach(Array.from({ length: Command.workers }), (_, index) =>
          TestRuns.register(`worker-${index + 1}`),
        ),
      )
      const runtime = yield* Effect.runtime<ProjectPorts>()
      const verdicts = new Map<string, number>()
      let histories = 0
      let requests = 0
      const carryOut = (commands: Command.Commands) =>
        Effect.suspend(() => {
          histories += 1
          const place = Place.make({ name: `history${histories}`, clock, workers })
          return Effect.sandbox(History.run(place, commands))
        }).pipe(Effect.mapError(failureOf))
      const property = fc.asyncProperty(Command.commands, async (commands) => {
        const outcome = await Runtime.runPromise(runtime)(Effect.either(carryOut(commands)))
        if (Either.isLeft(outcome)) throw outcome.left
        requests += outcome.right.length
        for (const sort of outcome.right.map(sortOf)) verdicts.set(sort, (verdicts.get(sort) ?? 0) + 1)
      })
      const details = yield* Effect.promise(() =>
        fc.check(property, {
          numRuns: options.runs,
          interruptAfterTimeLimit: Duration.toMillis(timeLimit),
          markInterruptAsFailure: true,
          ...Option.match(start, { onNone: () => ({}), onSome: (start) => ({ numRuns: 1, ...start }) }),
        }),
      )
      if (!details.failed) return { _tag: "Kept", histories, requests, verdicts } satisfies Report
      const found =
        details.errorInstance instanceof History.HistoryFailed
          ? details.errorInstance
          : new History.HistoryFailed({ lines: [], reason: `not done in ${Duration.format(timeLimit)}` })
      const { lines, reason } = yield* shorten(carryOut, details.counterexample?.[0] ?? [], found)
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

/**
 * The report for people.
 *
 * @since 0.1.0
 * @category running
 */
export const show = (name: string, report: Report): string => {
  if (report._tag === "Kept") {
    const { histories, requests, verdicts } = report
    return `${name}: ${histories} interleavings of ${requests} requests went as the model does, ${verdicts.size} sorts of answers`
  }
  const { histories, lines, reason, replay, shrinks } = report
  return [
    `${name}: history ${histories} does not go as the model does; shrunk ${shrinks} times:`,
    "",
    ...lines,
    `     ${reason}`,
    "",
    `Run it again: RUNLEASE_REPLAY=${replay} npx vitest run -t "Properties .${name}."`,
  ].join("\n")
}

/**
 * Declares the test that `runs` histories over the store of `layer` go as the model does. `layer` gives a fresh,
 * empty project whose time is the Clock's.
 *
 * ```ts
 * PropertySuite.suite("memory", MemoryControlPlane.layer, { runs: 1000 })
 * ```
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>, options: Options): void => {
  describe(`Properties (${name})`, () => {
    it.live(
      `${options.runs} interleavings go as the model does`,
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
