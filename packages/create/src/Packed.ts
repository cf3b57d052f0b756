/**
 * Packages as files, in the place of those of the registry. A checkout makes projects of its packages with them.
 */
import { copyFileSync, mkdirSync } from "node:fs"
import { basename, join } from "node:path"

/** A packed package. `dependencies` are the names of all packages that it depends on. */
export interface Packed {
  readonly name: string
  readonly dependencies: ReadonlyArray<string>
  readonly tarball: string
}

/** The folder of a project that has the files. */
const vendor = "vendor"

/** The names of those packages that these names need, directly or through another one. */
export const neededBy = (names: Iterable<string>, packed: ReadonlyArray<Packed>): ReadonlySet<string> => {
  const needed = new Set<string>()
  const visit = (name: string): void => {
    const found = packed.find((one) => one.name === name)
    if (found === undefined || needed.has(name)) return
    needed.add(name)
    found.dependencies.forEach(visit)
  }
  for (const name of names) visit(name)
  return needed
}

/**
 * Copies the files that these dependencies need into the project. Returns the specifier of each by its name: an indirect dependency is one of
 * the project too, since its range alone would be looked for in the registry.
 */
export const copy = (
  folder: string,
  dependencies: Iterable<string>,
  packed: ReadonlyArray<Packed>,
): Readonly<Record<string, string>> => {
  const needed = neededBy(dependencies, packed)
  if (needed.size > 0) mkdirSync(join(folder, vendor), { recursive: true })
  return Object.fromEntries(
    packed
      .filter(({ name }) => needed.has(name))
      .map(({ name, tarball }) => {
        copyFileSync(tarball, join(folder, vendor, basename(tarball)))
        return [name, `file:${vendor}/${basename(tarball)}`]
      }),
  )
}
