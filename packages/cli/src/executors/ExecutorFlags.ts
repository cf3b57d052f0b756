/**
 * All kinds of executors, and the one that the flags select.
 */
import { Args, type Command, Options } from "@effect/cli"
import { Duration, Effect, HashMap, Option } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import * as Flag from "../input/Flag.js"
import * as Describe from "../help/Describe.js"
import * as Programs from "./Programs.js"
import * as RemoteAgents from "./RemoteAgents.js"
import * as Model from "./Model.js"
import * as Module from "./Module.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

/** Flags for the processes that a worker starts, shared by `--command` and `--acp`. */
const processes = Describe.grouped("The process of a program or a coding agent", {
  env: Options.keyValueMap("env").pipe(
    Options.withDescription("A variable for it, repeatable"),
    Options.optional,
  ),
  passEnv: Options.text("pass-env").pipe(
    Options.withDescription("A variable of this environment that it sees as well, repeatable"),
    Options.repeated,
  ),
  workRoot: Options.text("work-root").pipe(
    Options.withDescription("The folder under which each run has its working folder"),
    Options.optional,
  ),
  runToken: Options.boolean("run-token").pipe(
    Options.withDescription(
      "Give it a token that may append to its run, send it messages and spawn its children, while the run is leased",
    ),
  ),
})

/** The flags of every kind of executor. */
export const options = {
  program: Programs.program.options,
  module: Module.flag.options,
  model: Model.flag.options,
  acp: Programs.acp.options,
  agUi: RemoteAgents.agUi.options,
  a2a: RemoteAgents.a2a.options,
  processes,
  grace: Flag.duration("grace", { minimum: 0, maximum: "1 hours" }).pipe(
    Options.withDescription("The time between TERM and KILL when it is interrupted"),
    Options.withDefault(Duration.seconds(5)),
    Describe.inGroup("The process of a program or a coding agent"),
  ),
}

/** The arguments after `--`, for the program. */
export const args = Args.text({ name: "argument" }).pipe(
  Args.withDescription("Arguments of the program, after --"),
  Args.repeated,
)

type Parsed = Command.Command.ParseConfig<typeof options>

const conjunction = new Intl.ListFormat("en", { type: "conjunction" })
const disjunction = new Intl.ListFormat("en", { type: "disjunction" })

/**
 * Checks that the flags select exactly one kind of executor, with no flag of another kind. Returns its constructor; `rest` are the arguments
 * after `--`.
 */
export const selected = (
  parsed: Parsed,
  rest: ReadonlyArray<string>,
): Effect.Effect<Effect.Effect<ExecutorFlag.ExecutorLayer, CommandFailure>, CommandFailure> => {
  const { env, passEnv, runToken, workRoot } = parsed.processes
  const shared: ExecutorFlag.Processes = {
    rest,
    env: Option.match(env, {
      onNone: () => ({}),
      onSome: (variables) => Object.fromEntries(HashMap.toEntries(variables)),
    }),
    passEnv,
    runToken,
    workRoot: Option.getOrUndefined(workRoot),
    grace: parsed.grace,
  }
  const candidates = [
    Programs.program.read(parsed.program, shared),
    Module.flag.read(parsed.module, shared),
    Model.flag.read(parsed.model, shared),
    Programs.acp.read(parsed.acp, shared),
    RemoteAgents.agUi.read(parsed.agUi, shared),
    RemoteAgents.a2a.read(parsed.a2a, shared),
  ]
  const chosen = candidates.filter(({ executor }) => Option.isSome(executor))
  const [first] = chosen
  if (first === undefined || Option.isNone(first.executor)) {
    const stray = candidates.find(({ presentFlags }) => presentFlags.length > 0)
    const examples = disjunction.format(candidates.map(({ example, flag }) => `${flag} ${example}`))
    return Effect.fail(
      stray === undefined
        ? usage("Nothing says how to work on a run", `Give ${examples}; see runlease worker --help.`)
        : usage(
            `${conjunction.format(stray.presentFlags)} goes with ${stray.flag}, which is missing`,
            `Give ${stray.flag} ${stray.example} as well.`,
          ),
    )
  }
  if (chosen.length > 1) {
    const flags = conjunction.format(chosen.map(({ flag }) => flag))
    return Effect.fail(usage(`${flags} exclude each other`, "A worker works in one way; start one for each."))
  }
  const other = candidates.find((candidate) => candidate !== first && candidate.presentFlags.length > 0)
  if (other !== undefined) {
    return Effect.fail(
      usage(`${conjunction.format(other.presentFlags)} goes with ${other.flag}, not with ${first.flag}`),
    )
  }
  const processArguments = [
    ...ExecutorFlag.presentFlags(parsed.processes),
    ...(rest.length > 0 ? [JSON.stringify(rest[0])] : []),
  ]
  if (!first.startsProcesses && processArguments.length > 0) {
    const flags = disjunction.format(
      candidates.filter(({ startsProcesses }) => startsProcesses).map(({ flag }) => flag),
    )
    return Effect.fail(
      usage(
        `${conjunction.format(processArguments)} is for the process that ${flags} starts; ${first.flag} starts none`,
      ),
    )
  }
  return Effect.succeed(first.executor.value)
}

/** The executor that the flags describe. */
export const executorOf = (
  parsed: Parsed,
  rest: ReadonlyArray<string>,
): Effect.Effect<ExecutorFlag.ExecutorLayer, CommandFailure> => Effect.flatten(selected(parsed, rest))
