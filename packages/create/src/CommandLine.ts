/**
 * The command line of `create-runlease`, and of `pnpm new` in a checkout.
 */
import { parseArgs } from "node:util"
import * as CreateProject from "./CreateProject.js"
import type { Packed } from "./Packed.js"
import * as Suggestion from "./Suggestion.js"

const helpOf = (usage: string): string => `Makes a Runlease project that runs at once.

  ${usage}

  --template, -t NAME  ${CreateProject.templates.join(", ")}
  --yes, -y            take the default of each question
  --no-install         leave the installation to you
  --help, -h           show this

Without a terminal it poses no questions, takes the defaults, and prints them.`

const options = {
  template: { type: "string", short: "t" },
  yes: { type: "boolean", short: "y", default: false },
  "no-install": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const

const parse = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    // Node's own message names the flag.
    const { message } = error as Error
    const flag = /--([\w-]+)/.exec(message)?.[1] ?? ""
    const flags = Object.keys(options)
    const suggestion = flags.includes(flag)
      ? ""
      : Suggestion.of(
          `--${flag}`,
          flags.map((name) => `--${name}`),
        )
    throw new CreateProject.Refusal(message, `${suggestion}--help lists the flags.`)
  }
}

/** What starts it. `usage` is shown by its help, and `pack` makes packages as files. */
export interface Program {
  readonly usage: string
  readonly pack?: () => ReadonlyArray<Packed>
}

const start = async (args: ReadonlyArray<string>, { pack, usage }: Program): Promise<void> => {
  const { positionals, values } = parse(args)
  if (positionals.length > 1) {
    throw new CreateProject.Refusal(
      `There is one folder, and not ${positionals.length}: ${positionals.join(" ")}`,
      "With npm, flags come behind --: npm create runlease my-project -- --template worker",
    )
  }
  if (values.help) return console.log(helpOf(usage))
  await CreateProject.run(
    { folder: positionals[0], template: values.template, yes: values.yes, install: !values["no-install"] },
    pack,
  )
}

/** Makes the project that the arguments name. Returns the exit code. */
export const main = async (args: ReadonlyArray<string>, program: Program): Promise<number> => {
  try {
    await start(args, program)
    return 0
  } catch (error) {
    if (error instanceof CreateProject.Cancelled) return 130
    if (!(error instanceof CreateProject.Refusal)) throw error
    console.error(`Error: ${error.message}\n${error.hint}`)
    return 64
  }
}
