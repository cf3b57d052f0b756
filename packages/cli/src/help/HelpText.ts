/**
 * The help of a command as text: what it does, examples, and a line for each flag with its default and its setting.
 */
import type { HelpDoc } from "@effect/cli"
import { Duration, Option } from "effect"
import type { Paint } from "../output/Output.js"
import type { Argument, CommandTree, Flag } from "./CommandTree.js"
import { textOf } from "./CommandTree.js"
import { exitCodeHelp } from "./Overview.js"

const width = 100

/** Breaks a paragraph into lines of at most `width` characters. */
const wrap = (text: string): string => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!
    if (line !== "" && line.length + word.length >= width) lines.push(word)
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`
  }
  return lines.join("\n")
}

/** Takes apart what `Describe.command` builds: the summary and the examples. */
const partsOf = (
  doc: HelpDoc.HelpDoc,
): { readonly summary: string; readonly examples: ReadonlyArray<string> } => {
  switch (doc._tag) {
    case "Sequence": {
      const [left, right] = [partsOf(doc.left), partsOf(doc.right)]
      return { summary: left.summary + right.summary, examples: [...left.examples, ...right.examples] }
    }
    case "Enumeration":
      return { summary: "", examples: doc.elements.map(textOf) }
    default:
      return { summary: textOf(doc), examples: [] }
  }
}

/** Formats rows as lines of two columns. */
const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const first = Math.min(30, Math.max(...rows.map(([left]) => left.length)))
  return rows.map(([left, right]) => `  ${left.padEnd(first)}  ${right}`.trimEnd())
}

const defaultOf = ({ fallback }: Flag): ReadonlyArray<string> =>
  Option.match(fallback, {
    onNone: () => [],
    onSome: (value) => {
      if (Duration.isDuration(value)) return [`default ${Duration.format(value)}`]
      return value === false || value === "" ? [] : [`default ${String(value)}`]
    },
  })

/** The most characters of a list of choices on the line of its flag; a longer list goes into the description. */
const maxChoices = 22

const flagRow = (flag: Flag): readonly [string, string] => {
  const isLong = flag.value !== undefined && flag.value.length > maxChoices
  const value = isLong ? flag.name.slice(2).toUpperCase() : flag.value
  const description = isLong ? `${flag.description}: ${flag.value.replaceAll("|", ", ")}` : flag.description
  const notes = [...(flag.required ? ["required"] : []), ...defaultOf(flag), ...flag.settings]
  return [
    [[flag.name, ...flag.aliases].join(", "), ...(value === undefined ? [] : [value])].join(" "),
    `${description}${notes.length === 0 ? "" : ` (${notes.join("; ")})`}`,
  ]
}

const usageOf = (arg: Argument): string => {
  const name = arg.name.toUpperCase()
  if (arg.repeatable) return `[-- ${name}...]`
  return arg.required ? name : `[${name}]`
}

/** The flags grouped by heading; those without one come first. */
const groupsOf = (flags: ReadonlyArray<Flag>): ReadonlyArray<readonly [string, ReadonlyArray<Flag>]> => {
  const groups = new Map<string, Array<Flag>>([["Flags", []]])
  for (const flag of flags) {
    const heading = flag.group ?? "Flags"
    groups.set(heading, [...(groups.get(heading) ?? []), flag])
  }
  return Array.from(groups).filter(([, members]) => members.length > 0)
}

const firstSentence = (text: string): string => /^.*?\.(?= |$)/.exec(text)?.[0] ?? text

/** The help of the command that `path` leads to. */
export const of = (path: ReadonlyArray<CommandTree>, paint: Paint): string => {
  const command = path.at(-1)!
  const name = path.map((each) => each.name).join(" ")
  const { examples, summary } = partsOf(command.description)
  const section = (heading: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
    lines.length === 0 ? [] : ["", paint("bold", `${heading}:`), ...lines]
  const usage = [
    name,
    ...(command.subcommands.length > 0 ? ["COMMAND"] : []),
    ...(command.flags.length > 0 ? ["[flags]"] : []),
    ...command.args.map(usageOf),
  ]
  const [subcommands, args] = [command.subcommands, command.args]
  return [
    wrap(summary),
    ...section(
      "Examples",
      examples.map((example) => `  ${example}`),
    ),
    ...section("Usage", [`  ${usage.join(" ")}`]),
    ...section(
      "Commands",
      subcommands.length === 0
        ? []
        : columns(
            subcommands.map((each) => [each.name, firstSentence(partsOf(each.description).summary)] as const),
          ),
    ),
    ...section(
      "Arguments",
      args.length === 0 ? [] : columns(args.map((arg) => [arg.name.toUpperCase(), arg.description] as const)),
    ),
    ...groupsOf(command.flags).flatMap(([heading, flags]) => section(heading, columns(flags.map(flagRow)))),
    "",
    "Every command: --help, --version, --config FILE (else runlease.json), --log-level LEVEL (default info).",
    exitCodeHelp,
  ].join("\n")
}
