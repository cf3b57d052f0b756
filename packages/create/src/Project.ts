/**
 * The files of a project: those that all projects have, and above them those of its template.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { basename, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Refusal } from "./Refusal.js"

const packageFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** The name of the npm package in that folder: what npm allows of the folder's name. */
export const nameOf = (folder: string): string =>
  basename(resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9~.-]+/g, "-")
    .replaceAll(/^[-._]+|[-.]+$/g, "") || "runlease-project"

/** What a new repository has before its first file. */
const isOurs = (name: string): boolean => name === ".git" || name === ".DS_Store"

/** Throws where the folder has files, or is none. */
export const checkFree = (folder: string): void => {
  if (!existsSync(folder)) return
  let names: ReadonlyArray<string>
  try {
    names = readdirSync(folder).filter((name) => !isOurs(name))
  } catch (error) {
    throw new Refusal(`${folder} is not a folder that can be read`, String(error))
  }
  if (names.length === 0) return
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "")
  throw new Refusal(
    `The folder ${folder} is not empty: it has ${shown}`,
    "Name a new folder, or empty this one first. Nothing was written.",
  )
}

type Dependencies = Readonly<Record<string, string>>

/** The dependencies of a template, whose versions this workspace has, with the ranges of the release. */
const withRanges = (dependencies: Dependencies): Dependencies => {
  const versions = JSON.parse(readFileSync(packageFile("versions.json"), "utf8")) as Dependencies
  return Object.fromEntries(
    Object.keys(dependencies).map((name) => {
      const range = versions[name]
      if (range === undefined) throw new Error(`versions.json has no ${name}`)
      return [name, range]
    }),
  )
}

/** npm leaves a `.gitignore` out of a package, and pnpm reads its settings in any folder, so these have other names here. */
const renamed: ReadonlyArray<readonly [string, string]> = [
  ["_gitignore", ".gitignore"],
  ["_pnpm-workspace.yaml", "pnpm-workspace.yaml"],
]

/** Writes the project into the folder, which it makes. */
export const write = (folder: string, template: string, forPnpm: boolean): void => {
  checkFree(folder)
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new Refusal(
      `The folder ${folder} cannot be made: ${(error as Error).message}`,
      "Name another folder.",
    )
  }
  for (const source of ["base", template]) {
    const from = packageFile(`templates/${source}`)
    // The checkout has installed dependencies there.
    cpSync(from, folder, { recursive: true, filter: (path) => path !== join(from, "node_modules") })
  }
  for (const [from, to] of renamed) renameSync(join(folder, from), join(folder, to))
  if (!forPnpm) rmSync(join(folder, "pnpm-workspace.yaml"))
  const file = join(folder, "package.json")
  const manifest = JSON.parse(readFileSync(file, "utf8")) as {
    readonly dependencies: Dependencies
    readonly devDependencies: Dependencies
  }
  const made = {
    ...manifest,
    name: nameOf(folder),
    dependencies: withRanges(manifest.dependencies),
    devDependencies: withRanges(manifest.devDependencies),
  }
  writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`)
}
