/**
 * What the code of a user has thrown, as a person reads it: its message, and where in that code it was thrown.
 */
import { sep } from "node:path"
import { fileURLToPath } from "node:url"

/** The most places that are shown. */
const maxPlaces = 5

/** The file of a line of a stack trace, relative to the working folder; undefined for Node's own and for dependencies. */
const placeOf = (line: string): string | undefined => {
  const [, file, position] =
    /^\s*at .*?((?:file:\/\/)?\/[^()]*?|[A-Za-z]:\\[^()]*?):(\d+:\d+)\)?$/.exec(line) ?? []
  if (file === undefined || /node_modules|[?]/.test(file) || line.includes("node:")) return undefined
  const path = file.startsWith("file:") ? fileURLToPath(file) : file
  const folder = process.cwd() + sep
  return `${path.startsWith(folder) ? `.${sep}${path.slice(folder.length)}` : path}:${position}`
}

/** The message of what was thrown, with the places in the user's own code, one on each line. */
export const toText = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return String(thrown)
  const name = thrown.name === "Error" || thrown.name === "TransformError" ? "" : `${thrown.name}: `
  const places = (thrown.stack ?? "").split("\n").flatMap((line) => placeOf(line) ?? [])
  return [`${name}${thrown.message}`, ...places.slice(0, maxPlaces).map((place) => `  at ${place}`)].join(
    "\n",
  )
}
