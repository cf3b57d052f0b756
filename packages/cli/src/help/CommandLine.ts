/**
 * Checks a command line against the flags of its command before `@effect/cli` parses it. The parser would take an unknown
 * flag, and all that follows it, as arguments of the command, which `runlease worker` passes to its program.
 */
import { Either, LogLevel } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"
import { type CommandTree, type Flag, keyValue } from "./CommandTree.js"
import { didYouMean } from "./Suggestion.js"

/** The flags that every command has, with their allowed values; none for a switch. */
const builtIns: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["--help", []],
  ["-h", []],
  ["--version", []],
  ["--wizard", []],
  ["--log-level", LogLevel.allLevels.map(({ _tag }) => _tag.toLowerCase())],
  ["--completions", ["bash", "sh", "fish", "zsh"]],
])

/** A command line in the order that the parser understands: command, flags, and the arguments after `--`. */
export interface CommandLine {
  /** The command that the line names, from the outermost one. */
  readonly path: ReadonlyArray<CommandTree>
  readonly args: ReadonlyArray<string>
  /** The built-in flag that replaces the command's work. */
  readonly builtIn: "help" | "version" | undefined
}

/** Whether an argument is a flag. Text such as `-5` or `- a list` is not. */
const looksLikeFlag = (arg: string): boolean => arg.startsWith("--") || /^-[A-Za-z]/.test(arg)

const namesOf = (flag: Flag): ReadonlyArray<string> => [flag.name, ...flag.aliases]

const commandOf = (path: ReadonlyArray<CommandTree>): string => path.map(({ name }) => name).join(" ")

const helpOf = (path: ReadonlyArray<CommandTree>): string => `See ${commandOf(path)} --help.`

const unknownFlag = (path: ReadonlyArray<CommandTree>, name: string): CommandFailure => {
  const command = commandOf(path)
  const { args, flags } = path.at(-1)!
  const names = [...flags.flatMap(namesOf), ...builtIns.keys()]
  return usage(
    `${command} has no flag ${name}${didYouMean(name, names)}`,
    args.some(({ repeatable }) => repeatable)
      ? `${helpOf(path)} Flags of the program go after --, as in: ${command} --command PROGRAM -- ${name}`
      : `${helpOf(path)} An argument that begins with a dash goes after --.`,
  )
}

const disjunction = new Intl.ListFormat("en", { type: "disjunction" })

/** What is wrong with the value of a flag, where the parser would not say which flag that is. */
const wrongValue = ({ choices, name, repeatable, value: form }: Flag, value: string): string | undefined => {
  // The parser drops an empty value of a repeatable flag, so a worker for no agent would be one for all.
  if (repeatable && value === "") return `${name} must not be empty`
  if (choices !== undefined && !choices.includes(value)) {
    return `${name} takes ${disjunction.format(choices)}, not ${JSON.stringify(value)}`
  }
  return form === keyValue && !/^[^=]+=./s.test(value.trim())
    ? `${name} takes ${keyValue}, not ${JSON.stringify(value)}`
    : undefined
}

/**
 * The command that `args` name, with its arguments in order. Fails for an unknown flag before `--`, for a value that its flag does not
 * take, for a flag that appears twice and takes one value, and for a command that does not exist.
 */
export const read = (
  root: CommandTree,
  args: ReadonlyArray<string>,
): Either.Either<CommandLine, CommandFailure> => {
  const end = args.indexOf("--")
  const [before, after] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end + 1)]
  const path = [root]
  const builtInArgs: Array<string> = []
  const flags: Array<string> = []
  const positional: Array<string> = []
  const present = new Set<string>()
  for (let index = 0; index < before.length; index++) {
    const arg = before[index]!
    const command = path.at(-1)!
    if (!looksLikeFlag(arg)) {
      const subcommand = command.subcommands.find(({ name }) => name === arg)
      if (subcommand !== undefined) path.push(subcommand)
      else if (command.subcommands.length === 0) positional.push(arg)
      else {
        const names = command.subcommands.map(({ name }) => name)
        const message = `${commandOf(path)} has no command ${JSON.stringify(arg)}${didYouMean(arg, names)}`
        return Either.left(usage(message, `Its commands: ${names.join(", ")}.`))
      }
      continue
    }
    const equals = arg.indexOf("=")
    const written = equals < 0 ? arg : arg.slice(0, equals)
    const name = written.toLowerCase()
    const flag = command.flags.find((one) => namesOf(one).includes(name))
    const choices = builtIns.get(name)
    if (flag === undefined && choices === undefined) return Either.left(unknownFlag(path, written))
    const isSwitch = flag?.value === undefined
    if (flag !== undefined && !isSwitch && !flag.repeatable && present.has(flag.name)) {
      return Either.left(usage(`${flag.name} appears twice`, helpOf(path)))
    }
    if (flag !== undefined) present.add(flag.name)
    const into = flag === undefined ? builtInArgs : flags
    if (flag === undefined ? choices?.length === 0 : flag.value === undefined) {
      into.push(arg)
      continue
    }
    // A value may begin with a dash: the flag always takes the next argument.
    const value = equals < 0 ? before[++index] : arg.slice(equals + 1)
    if (value === undefined) return Either.left(usage(`${name} needs a value`, helpOf(path)))
    if (flag === undefined && !choices!.includes(value.toLowerCase())) {
      return Either.left(usage(`${name} takes ${choices!.join(", ")}, not ${JSON.stringify(value)}`))
    }
    const wrong = flag === undefined ? undefined : wrongValue(flag, value)
    if (wrong !== undefined) return Either.left(usage(wrong, helpOf(path)))
    into.push(name, value)
  }
  const last = [...positional, ...after]
  const wantsHelp = builtInArgs.some((flag) => flag === "--help" || flag === "-h")
  return Either.right({
    path,
    builtIn: wantsHelp ? "help" : builtInArgs.includes("--version") ? "version" : undefined,
    args: [
      ...path.slice(1).map(({ name }) => name),
      ...builtInArgs,
      ...flags,
      ...(last.length > 0 ? ["--", ...last] : []),
    ],
  })
}
