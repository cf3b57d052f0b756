/**
 * The options of a script that is run by hand. A wrong one ends it with code 2 and how it is used, `--help` with code 0.
 */
import { parseArgs } from "node:util"

/** Ends the script for a wrong option. */
export const refuse = (usage: string, problem: string): never => {
  process.stderr.write(`${problem}\n\n${usage}\n`)
  process.exit(2)
}

/** Ends the script when what it has written is read: `process.exit` alone does not wait for a pipe. */
export const end = (): void => {
  process.stdout.write("", () => process.exit())
}

/** The values of the options by their names. `defaults` has those of absent ones; an option without one is in `others`. */
export const read = <Name extends string, Other extends string = never>(
  usage: string,
  defaults: Readonly<Record<Name, string>>,
  others: ReadonlyArray<Other> = [],
): Readonly<Record<Name, string>> & Readonly<Partial<Record<Other, string>>> => {
  const parse = () => {
    try {
      return parseArgs({
        args: process.argv.slice(2).filter((argument) => argument !== "--"),
        options: Object.fromEntries(
          [...Object.keys(defaults), ...others, "help"].map((name) => [
            name,
            { type: name === "help" ? "boolean" : "string" } as const,
          ]),
        ),
      }).values
    } catch (error) {
      return refuse(usage, error instanceof Error ? error.message : String(error))
    }
  }
  const { help, ...given } = parse()
  if (help === true) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  return { ...defaults, ...(given as Partial<Record<Name | Other, string>>) }
}
