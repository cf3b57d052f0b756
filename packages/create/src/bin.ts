#!/usr/bin/env node
import { parseArgs } from "node:util"
import * as CreateProject from "./CreateProject.js"
import * as Suggestion from "./Suggestion.js"

const help = `Makes a Runlease project that runs at once.

  npm create runlease [FOLDER] [-- --template NAME] [--yes] [--no-install]

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

const parse = () => {
  try {
    return parseArgs({ allowPositionals: true, options })
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

try {
  const { positionals, values } = parse()
  if (positionals.length > 1) {
    throw new CreateProject.Refusal(
      `There is one folder, and not ${positionals.length}: ${positionals.join(" ")}`,
      "With npm, flags come behind --: npm create runlease my-project -- --template worker",
    )
  }
  if (values.help) console.log(help)
  else {
    await CreateProject.run({
      folder: positionals[0],
      template: values.template,
      yes: values.yes,
      install: !values["no-install"],
    })
  }
} catch (error) {
  if (error instanceof CreateProject.Refusal) console.error(`Error: ${error.message}\n${error.hint}`)
  else if (!(error instanceof CreateProject.Cancelled)) throw error
  process.exitCode = error instanceof CreateProject.Cancelled ? 130 : 64
}
