/**
 * Makes a project: what `npm create runlease` and `runlease init` do.
 */
import { relative } from "node:path"
import * as Choices from "./Choices.js"
import type { Packed } from "./Packed.js"
import * as PackageManager from "./PackageManager.js"
import * as Project from "./Project.js"

export type { ProjectOptions } from "./Choices.js"
export { Cancelled, Refusal } from "./Refusal.js"
export { names as templates } from "./Templates.js"

const word = (path: string): string =>
  /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`

/** The commands that come next, each with what it shows. */
const nextSteps = (
  { folder, template }: Choices.Choices,
  manager: PackageManager.PackageManager,
  isInstalled: boolean,
): string => {
  const enter = relative(process.cwd(), folder)
  const steps = template.firstSteps.map(
    ([script, shows]) => [PackageManager.runScript(manager, script), shows] as const,
  )
  const width = Math.max(...steps.map(([command]) => command.length))
  return [
    "Next:",
    "",
    ...(enter === "" ? [] : [`  cd ${word(enter)}`]),
    ...(isInstalled ? [] : [`  ${manager} install`]),
    ...steps.map(
      ([command, shows], at) =>
        `  ${command.padEnd(width)}   # ${shows}${at === 0 ? "" : ", in a second terminal"}`,
    ),
    "",
    "README.md says what each command shows, and how to go on.",
  ].join("\n")
}

/**
 * Makes the project. A terminal gets questions for what `options` leaves out, unless it says yes to all; anything else gets defaults, which are
 * printed. `pack` makes the files of packages that are not those of the registry, after the choices are made.
 *
 * Throws: `Refusal`, before anything is written; `Cancelled`. A failed installation leaves the project, and the next steps repeat it.
 */
export const run = async (
  options: Choices.ProjectOptions,
  pack: () => ReadonlyArray<Packed> = () => [],
): Promise<void> => {
  Choices.check(options)
  const manager = PackageManager.fromUserAgent(process.env["npm_config_user_agent"])
  const isInteractive = process.stdin.isTTY === true && process.stdout.isTTY === true && !options.yes
  const choices = isInteractive ? await Choices.prompt(options, manager) : Choices.assume(options)
  for (const line of choices.assumed) console.log(`Default: ${line}`)
  Project.write(choices.folder, choices.template.name, manager === "pnpm", pack())
  console.log(`Made ${choices.folder}: ${choices.template.title}, ${choices.template.hint}`)
  if (choices.install) console.log(`Installing with ${manager}; --no-install leaves it to you`)
  const isInstalled = choices.install && (await PackageManager.install(manager, choices.folder))
  if (choices.install && !isInstalled)
    console.error(`${manager} install has failed. The project is complete: install again.`)
  console.log(`\n${nextSteps(choices, manager, isInstalled)}`)
}
