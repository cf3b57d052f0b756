/**
 * A way of working on runs: a flag that chooses it, flags that go with it, and the executor that they describe.
 */
import type { Command, Options } from "@effect/cli"
import type { ControlPlane, Executor } from "@runlease/core"
import { type Duration, type Effect, type Layer, Option } from "effect"
import type { CommandFailure } from "../output/ExitCode.js"

/** An executor, which may work with the control plane that its runs come from. */
export type ExecutorLayer = Layer.Layer<Executor.Executor, unknown, ControlPlane.ProjectPorts>

/** What the flags say of the processes that a worker starts. */
export interface Processes {
  /** The arguments after `--`. */
  readonly rest: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly passEnv: ReadonlyArray<string>
  readonly workRoot: string | undefined
  /** Between TERM and KILL. */
  readonly grace: Duration.Duration
}

/** What the flags that were given say of one way. */
export interface Candidate {
  /** The flag that chooses it, and an example of its value. */
  readonly flag: string
  readonly example: string
  readonly startsProcesses: boolean
  /** Those of its flags that were given. */
  readonly given: ReadonlyArray<string>
  /** There when the flag that chooses it was given. */
  readonly executor: Option.Option<Effect.Effect<ExecutorLayer, CommandFailure>>
}

interface Flags {
  readonly [name: string]: Options.Options<unknown>
}

const isGiven = (value: unknown): boolean =>
  Option.isOption(value) ? Option.isSome(value) : Array.isArray(value) && value.length > 0

/** The names of the flags that were given. */
export const given = (parsed: object): ReadonlyArray<string> =>
  Object.entries(parsed)
    .filter(([, value]) => isGiven(value))
    .map(([name]) => `--${name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`)

/** A way from its flags, each of them optional or repeated, so that it can be told which were given. */
export const make = <F extends Flags>(way: {
  readonly flag: string
  readonly example: string
  readonly options: F
  readonly startsProcesses?: boolean
  readonly executor: (parsed: Command.Command.ParseConfig<F>, processes: Processes) => Candidate["executor"]
}) => ({
  options: way.options,
  read: (parsed: Command.Command.ParseConfig<F> & object, processes: Processes): Candidate => ({
    flag: way.flag,
    example: way.example,
    startsProcesses: way.startsProcesses ?? false,
    given: given(parsed),
    executor: way.executor(parsed, processes),
  }),
})
