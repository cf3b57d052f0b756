/**
 * A kind of executor on the command line: the flag that selects it, its other flags, and the executor that they describe.
 */
import type { Command, Options } from "@effect/cli"
import type { ControlPlane, Executor } from "@runlease/core"
import { type Duration, type Effect, type Layer, Option } from "effect"
import type { CommandFailure } from "../output/ExitCode.js"

/** An executor, which may use the control plane that its runs come from. */
export type ExecutorLayer = Layer.Layer<Executor.Executor, unknown, ControlPlane.ProjectPorts>

/** The settings of the processes that a worker starts. */
export interface Processes {
  /** The arguments after `--`. */
  readonly rest: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly passEnv: ReadonlyArray<string>
  readonly workRoot: string | undefined
  /** Whether a program gets a token of its run. */
  readonly runToken: boolean
  /** The time between TERM and KILL. */
  readonly grace: Duration.Duration
}

/** One kind of executor, as the command line describes it. */
export interface Candidate {
  /** The flag that selects it, and an example of its value. */
  readonly flag: string
  readonly example: string
  readonly startsProcesses: boolean
  /** Those of its flags that are on the command line. */
  readonly presentFlags: ReadonlyArray<string>
  /** Present when the flag that selects it is on the command line. */
  readonly executor: Option.Option<Effect.Effect<ExecutorLayer, CommandFailure>>
}

interface Flags {
  readonly [name: string]: Options.Options<unknown>
}

const isPresent = (value: unknown): boolean =>
  value === true || (Option.isOption(value) ? Option.isSome(value) : Array.isArray(value) && value.length > 0)

/** The names of the flags that are on the command line. */
export const presentFlags = (parsed: object): ReadonlyArray<string> =>
  Object.entries(parsed)
    .filter(([, value]) => isPresent(value))
    .map(([name]) => `--${name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`)

/**
 * Makes a kind of executor from its flags. Each flag is optional or repeated, so that an absent one is
 * distinguishable.
 */
export const make = <F extends Flags>(definition: {
  readonly flag: string
  readonly example: string
  readonly options: F
  readonly startsProcesses?: boolean
  readonly executor: (parsed: Command.Command.ParseConfig<F>, processes: Processes) => Candidate["executor"]
}) => ({
  options: definition.options,
  read: (parsed: Command.Command.ParseConfig<F> & object, processes: Processes): Candidate => ({
    flag: definition.flag,
    example: definition.example,
    startsProcesses: definition.startsProcesses ?? false,
    presentFlags: presentFlags(parsed),
    executor: definition.executor(parsed, processes),
  }),
})
