/**
 * The help of every command, for the build to write.
 */
import { Effect } from "effect"
import * as Commands from "./Commands.js"
import type { Paint } from "../output/Output.js"
import * as BuiltHelp from "../help/BuiltHelp.js"
import * as CommandTree from "../help/CommandTree.js"
import * as HelpText from "../help/HelpText.js"

/** The headings of help are bold, and nothing else is painted. */
const paint: Paint = (_style, text) => BuiltHelp.bold(text)

const pagesOf = (path: ReadonlyArray<CommandTree.CommandTree>): ReadonlyArray<readonly [string, string]> => [
  [
    path
      .slice(1)
      .map(({ name }) => name)
      .join(" "),
    HelpText.of(path, paint),
  ],
  ...path.at(-1)!.subcommands.flatMap((subcommand) => pagesOf([...path, subcommand])),
]

/** The page of each command and subcommand. */
export const all: Effect.Effect<BuiltHelp.Pages> = Effect.map(Commands.load([]), (command) => {
  const root = CommandTree.of(command)
  return Object.fromEntries(root.subcommands.flatMap((subcommand) => pagesOf([root, subcommand])))
})
