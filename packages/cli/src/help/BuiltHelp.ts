/**
 * The help of each command as the build writes it next to the modules of the package. It is printed without loading the command, which
 * takes twenty times as long. A checkout has no such file, and makes its help from the command.
 *
 * This module imports nothing but the file system.
 */
import { readFileSync } from "node:fs"

/** The help of each command, painted, by the names of the command and its subcommand. */
export type Pages = Readonly<Record<string, string>>

const file = new URL("../help.json", import.meta.url)

/** What the build writes into `file`. */
export const encode = (pages: Pages): string => JSON.stringify(pages)

const read = (): Pages | undefined => {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Pages
  } catch {
    return undefined
  }
}

/** The names of the command whose help the arguments request, and nothing else; undefined for all other arguments. */
const requested = (args: ReadonlyArray<string>): string | undefined => {
  const isHelp = (arg: string | undefined) => arg === "--help" || arg === "-h"
  if (args[0] === "help") return args.slice(1).join(" ")
  return isHelp(args.at(-1)) ? args.slice(0, -1).join(" ") : undefined
}

const [on, off] = ["\u001b[1m", "\u001b[22m"]

/** How a heading of a page is painted. */
export const bold = (text: string): string => `${on}${text}${off}`

/** The help that the arguments request; undefined for other requests, and for a command without a page. */
export const find = (pages: Pages, args: ReadonlyArray<string>, painted: boolean): string | undefined => {
  const name = requested(args)
  const page = name === undefined || !Object.hasOwn(pages, name) ? undefined : pages[name]
  return painted ? page : page?.replaceAll(on, "").replaceAll(off, "")
}

/** The answer to arguments that request the help of a command of the published package; undefined for all others. */
export const answer = (args: ReadonlyArray<string>): string | undefined => {
  if (requested(args) === undefined) return undefined
  const pages = read()
  const painted = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === ""
  const page = pages === undefined ? undefined : find(pages, args, painted)
  return page === undefined ? undefined : `${page}\n`
}
