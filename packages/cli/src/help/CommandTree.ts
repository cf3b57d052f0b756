/**
 * A command of `@effect/cli` as plain values: its flags, arguments and subcommands. The library exposes its tree only as
 * finished help, so this module reads the internal nodes; the library's version is pinned exactly.
 */
import type { Command, HelpDoc } from "@effect/cli"
import * as Doc from "@effect/cli/HelpDoc"
import type * as Span from "@effect/cli/HelpDoc/Span"
import { Option } from "effect"

export interface Flag {
  /** The name, with its dashes. */
  readonly name: string
  /** Its other names, with their dashes. */
  readonly aliases: ReadonlyArray<string>
  /** The form of its value, such as `TEXT`; undefined for a switch. */
  readonly value: string | undefined
  /** The values that it takes; undefined where it takes others. */
  readonly choices: ReadonlyArray<string> | undefined
  readonly description: string
  /** The default; none when the flag has no default. */
  readonly fallback: Option.Option<unknown>
  /** The settings that it falls back to. */
  readonly settings: ReadonlyArray<string>
  readonly required: boolean
  readonly repeatable: boolean
  /** The heading of its section of the help, from `Describe.inGroup`. */
  readonly group: string | undefined
}

export interface Argument {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly repeatable: boolean
}

export interface CommandTree {
  readonly name: string
  readonly description: HelpDoc.HelpDoc
  readonly flags: ReadonlyArray<Flag>
  readonly args: ReadonlyArray<Argument>
  readonly subcommands: ReadonlyArray<CommandTree>
}

type OptionsNode =
  | { readonly _tag: "Empty" }
  | {
      readonly _tag: "Single"
      readonly fullName: string
      readonly aliases: ReadonlyArray<string>
      readonly pseudoName: Option.Option<string>
      readonly primitiveType: PrimitiveNode
      readonly description: HelpDoc.HelpDoc
    }
  | { readonly _tag: "KeyValueMap" | "Variadic"; readonly argumentOption: OptionsNode }
  | { readonly _tag: "Map"; readonly options: OptionsNode; readonly group?: string }
  | { readonly _tag: "Both" | "OrElse"; readonly left: OptionsNode; readonly right: OptionsNode }
  | { readonly _tag: "WithFallback"; readonly options: OptionsNode; readonly effect: ConfigNode }
  | { readonly _tag: "WithDefault"; readonly options: OptionsNode; readonly fallback: unknown }

type PrimitiveNode =
  | { readonly _tag: "Choice"; readonly alternatives: ReadonlyArray<readonly [string, unknown]> }
  | { readonly _tag: "Bool" | "Text" | "Redacted" | "Integer" | "Float" | "Path" }

/** A `Config` node; only its names matter here. */
interface ConfigNode {
  readonly _tag: string
  readonly name?: string
  readonly config?: ConfigNode
  readonly original?: ConfigNode
  readonly left?: ConfigNode
  readonly right?: ConfigNode
  readonly first?: ConfigNode
}

type ArgsNode =
  | { readonly _tag: "Empty" }
  | {
      readonly _tag: "Single"
      readonly pseudoName: Option.Option<string>
      readonly name: string
      readonly description: HelpDoc.HelpDoc
    }
  | { readonly _tag: "Both"; readonly left: ArgsNode; readonly right: ArgsNode }
  | { readonly _tag: "Map" | "WithDefault" | "Variadic" | "WithFallbackConfig"; readonly args: ArgsNode }

type CommandNode =
  | {
      readonly _tag: "Standard"
      readonly name: string
      readonly description: HelpDoc.HelpDoc
      readonly options: OptionsNode
      readonly args: ArgsNode
    }
  | { readonly _tag: "GetUserInput"; readonly name: string; readonly description: HelpDoc.HelpDoc }
  | { readonly _tag: "Map"; readonly command: CommandNode }
  | {
      readonly _tag: "Subcommands"
      readonly parent: CommandNode
      readonly children: ReadonlyArray<CommandNode>
    }

const spanText = (span: Span.Span): string => {
  switch (span._tag) {
    case "Sequence":
      return spanText(span.left) + spanText(span.right)
    case "Text":
    case "URI":
      return span.value
    default:
      return spanText(span.value)
  }
}

export const textOf = (doc: HelpDoc.HelpDoc): string => spanText(Doc.getSpan(doc))

const settingsOf = (node: ConfigNode | undefined): ReadonlyArray<string> => {
  if (node === undefined) return []
  if (node._tag === "Nested") return node.name === undefined ? [] : [node.name]
  const names = [node.config, node.original, node.first, node.left, node.right].flatMap(settingsOf)
  // A name with a space is the source of a file's setting (`Flag.sourceOf`), not a setting of the user.
  return names.filter((name) => !name.includes(" "))
}

const choicesOf = (type: PrimitiveNode): ReadonlyArray<string> | undefined =>
  type._tag === "Choice" ? type.alternatives.map(([choice]) => choice) : undefined

const valueOf = (name: Option.Option<string>, type: PrimitiveNode): string | undefined =>
  type._tag === "Bool" ? undefined : (choicesOf(type)?.join("|") ?? Option.getOrElse(name, () => "TEXT"))

/** The form of the value of a flag that sets names. */
export const keyValue = "NAME=VALUE"

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`)

const flagsOf = (node: OptionsNode): ReadonlyArray<Flag> => {
  const change = (of: OptionsNode, f: (flag: Flag) => Partial<Flag>) =>
    flagsOf(of).map((flag) => ({ ...flag, ...f(flag) }))
  switch (node._tag) {
    case "Empty":
      return []
    case "Single":
      return [
        {
          name: node.fullName,
          aliases: node.aliases.map(dashed),
          value: valueOf(node.pseudoName, node.primitiveType),
          choices: choicesOf(node.primitiveType),
          description: textOf(node.description),
          fallback: Option.none(),
          settings: [],
          required: true,
          repeatable: false,
          group: undefined,
        },
      ]
    case "KeyValueMap":
      return change(node.argumentOption, () => ({ repeatable: true, required: false, value: keyValue }))
    case "Variadic":
      return change(node.argumentOption, () => ({ repeatable: true, required: false }))
    case "Map":
      return change(node.options, ({ group }) => ({ group: node.group ?? group }))
    case "Both":
    case "OrElse":
      return [...flagsOf(node.left), ...flagsOf(node.right)]
    case "WithFallback":
      return change(node.options, () => ({ settings: settingsOf(node.effect) }))
    case "WithDefault":
      return change(node.options, () => ({
        required: false,
        fallback: Option.isOption(node.fallback) ? Option.none() : Option.some(node.fallback),
      }))
  }
}

const argsOf = (node: ArgsNode): ReadonlyArray<Argument> => {
  switch (node._tag) {
    case "Empty":
      return []
    case "Single":
      return [
        {
          name: Option.getOrElse(node.pseudoName, () => node.name),
          description: textOf(node.description),
          required: true,
          repeatable: false,
        },
      ]
    case "Both":
      return [...argsOf(node.left), ...argsOf(node.right)]
    case "Variadic":
      return argsOf(node.args).map((arg) => ({ ...arg, required: false, repeatable: true }))
    case "WithDefault":
    case "WithFallbackConfig":
      return argsOf(node.args).map((arg) => ({ ...arg, required: false }))
    case "Map":
      return argsOf(node.args)
  }
}

const treeOf = (node: CommandNode): CommandTree => {
  switch (node._tag) {
    case "Map":
      return treeOf(node.command)
    case "Subcommands":
      return { ...treeOf(node.parent), subcommands: node.children.map(treeOf) }
    case "GetUserInput":
      return { name: node.name, description: node.description, flags: [], args: [], subcommands: [] }
    case "Standard":
      return {
        name: node.name,
        description: node.description,
        flags: flagsOf(node.options),
        args: argsOf(node.args),
        subcommands: [],
      }
  }
}

export const of = <Name extends string, R, E, A>(command: Command.Command<Name, R, E, A>): CommandTree =>
  treeOf(command.descriptor as unknown as CommandNode)
