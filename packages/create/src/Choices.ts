/**
 * What to make, from the command line, and for the rest from the person at the terminal or from defaults.
 */
import { cancel, confirm, intro, isCancel, select, text } from "@clack/prompts"
import type { PackageManager } from "./PackageManager.js"
import * as Project from "./Project.js"
import { Cancelled, Refusal } from "./Refusal.js"
import * as Suggestion from "./Suggestion.js"
import * as Templates from "./Templates.js"

/** The flags and the argument of the command line. */
export interface ProjectOptions {
  readonly folder: string | undefined
  readonly template: string | undefined
  /** Takes the default of each question. */
  readonly yes: boolean
  /** False leaves the installation to the user. */
  readonly install: boolean
}

export interface Choices {
  readonly folder: string
  readonly template: Templates.Template
  readonly install: boolean
  /** The defaults that stand for a question, as the flag or the argument that says otherwise. */
  readonly assumed: ReadonlyArray<string>
}

const defaultFolder = "runlease-project"

const find = (name: string): Templates.Template => {
  const found = Templates.all.find((template) => template.name === name)
  if (found !== undefined) return found
  throw new Refusal(
    `There is no template ${JSON.stringify(name)}`,
    `${Suggestion.of(name, Templates.names)}Choose one with --template: ${Templates.names.join(", ")}. Nothing was written.`,
  )
}

const answered = <A>(answer: A): Exclude<A, symbol> => {
  if (!isCancel(answer)) return answer as Exclude<A, symbol>
  cancel("Nothing was written.")
  throw new Cancelled()
}

/** The problem of a folder as a line, for a person who types it. */
const problemOf = (folder: string): string | undefined => {
  try {
    Project.checkFree(folder)
    return undefined
  } catch (error) {
    return error instanceof Refusal ? error.message : String(error)
  }
}

/** Prompts for what the command line leaves out. */
export const prompt = async (options: ProjectOptions, manager: PackageManager): Promise<Choices> => {
  intro("Runlease")
  const folder =
    options.folder ??
    answered(
      await text({
        message: "Which folder?",
        placeholder: defaultFolder,
        defaultValue: defaultFolder,
        validate: (typed) => problemOf(typed?.trim() || defaultFolder),
      }),
    ).trim()
  const name =
    options.template ??
    answered(
      await select({
        message: "What do you make?",
        options: Templates.all.map(({ hint, name, title }) => ({ value: name, label: title, hint })),
      }),
    )
  const install = options.install && answered(await confirm({ message: `Install with ${manager}?` }))
  return { folder, template: find(name), install, assumed: [] }
}

/** Takes the default of what the command line leaves out. */
export const assume = (options: ProjectOptions): Choices => {
  const template = find(options.template ?? "worker")
  const folder = options.folder ?? defaultFolder
  return {
    folder,
    template,
    install: options.install,
    assumed: [
      ...(options.folder === undefined ? [`folder ${folder}`] : []),
      ...(options.template === undefined
        ? [`--template ${template.name}, of ${Templates.names.join(", ")}`]
        : []),
    ],
  }
}

/** Throws for what can be refused before a question. */
export const check = ({ folder, template }: ProjectOptions): void => {
  if (template !== undefined) find(template)
  if (folder !== undefined) Project.checkFree(folder)
}
