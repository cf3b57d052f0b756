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
import { builtinModules } from "node:module"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as Packed from "./Packed.js"
import { Refusal } from "./Refusal.js"

const packageFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

type Dependencies = Readonly<Record<string, string>>

const versions = (): Dependencies =>
  JSON.parse(readFileSync(packageFile("versions.json"), "utf8")) as Dependencies

/** The longest name that npm takes. */
const maxName = 214

const plainName = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9~.-]+/g, "-")
    .replaceAll(/^[-._]+|[-.]+$/g, "")
    .slice(0, maxName / 2)

/** Names that npm takes for no new package, and those of packages that a project depends on. */
const isTaken = (name: string): boolean =>
  builtinModules.includes(name) || name === "favicon.ico" || name in versions()

/** The name of the npm package in that folder: what npm allows of the folder's name, with the scope that the folder above it names. */
export const nameOf = (folder: string): string => {
  const path = resolve(folder)
  const name = plainName(basename(path)) || "runlease-project"
  const above = basename(dirname(path))
  const scope = above.startsWith("@") ? plainName(above) : ""
  if (scope !== "") return `@${scope}/${name}`
  return isTaken(name) ? `${name}-project` : name
}

/** Throws for a folder without a name, and for one that npm fills and empties. */
export const checkName = (folder: string): void => {
  if (folder.trim() === "") {
    throw new Refusal(
      "The folder has no name",
      "Name one, such as my-project, or . for the folder that you are in. Nothing was written.",
    )
  }
  if (folder.split(/[/\\]/).includes("node_modules")) {
    throw new Refusal(
      `The folder ${folder} is one that package managers fill and empty`,
      "Name another folder, such as my-project. Nothing was written.",
    )
  }
}

/** What a new repository has before its first file. */
const isOurs = (name: string): boolean => name === ".git" || name === ".DS_Store"

/** Throws where the folder has files, or is none. */
export const checkFree = (folder: string): void => {
  checkName(folder)
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

/** The dependencies of a template, whose versions this workspace has, with the ranges of the release. */
const withRanges = (dependencies: Dependencies): Dependencies => {
  const ranges = versions()
  return Object.fromEntries(
    Object.keys(dependencies).map((name) => {
      const range = ranges[name]
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

/** Writes the project into the folder, which it makes. `packed` are the packages that it has as files. */
export const write = (
  folder: string,
  template: string,
  forPnpm: boolean,
  packed: ReadonlyArray<Packed.Packed> = [],
): void => {
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
  const files = Object.entries(
    Packed.copy(folder, Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }), packed),
  )
  // What both kinds of dependencies need is of the first.
  const first = Packed.neededBy(Object.keys(manifest.dependencies), packed)
  const ofDev = Object.entries(withRanges(manifest.devDependencies)).filter(([name]) => !first.has(name))
  const made = {
    ...manifest,
    name: nameOf(folder),
    dependencies: {
      ...withRanges(manifest.dependencies),
      ...Object.fromEntries(files.filter(([name]) => first.has(name))),
    },
    devDependencies: Object.fromEntries([...ofDev, ...files.filter(([name]) => !first.has(name))]),
  }
  writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`)
}
