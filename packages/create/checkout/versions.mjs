/**
 * The versions that a generated project has of each dependency of the templates, in `versions.json`. They are those of this workspace: its
 * catalogs and its packages. `node packages/create/checkout/versions.mjs` writes the file; with `--check` it fails where the file differs.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"))

const { catalog, catalogs } = parse(readFileSync(at("../../../pnpm-workspace.yaml"), "utf8"))

const packages = at("../..")
const own = Object.fromEntries(
  readdirSync(packages).map((folder) => {
    const { name, version } = readJson(`${packages}/${folder}/package.json`)
    return [name, version]
  }),
)

/** The range of a dependency whose specifier the workspace resolves. A version of the workspace is the oldest that a project takes. */
const rangeOf = (name, specifier) => {
  const found =
    specifier === "workspace:*"
      ? own[name]
      : specifier === "catalog:"
        ? catalog[name]
        : specifier === "catalog:published"
          ? catalogs.published[name]
          : undefined
  if (found === undefined) throw new Error(`${name}: ${specifier} is no version of this workspace`)
  return /^\d/.test(found) ? `^${found}` : found
}

const templates = at("../templates")
const ranges = readdirSync(templates)
  .map((folder) => `${templates}/${folder}/package.json`)
  .filter((file) => existsSync(file))
  .map(readJson)
  .flatMap(({ dependencies, devDependencies }) => Object.entries({ ...dependencies, ...devDependencies }))
  .map(([name, specifier]) => [name, rangeOf(name, specifier)])
  .toSorted(([one], [other]) => (one < other ? -1 : 1))

const file = at("../versions.json")
const text = `${JSON.stringify(Object.fromEntries(ranges), null, 2)}\n`
if (!process.argv.includes("--check")) writeFileSync(file, text)
else if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
  throw new Error(
    "packages/create/versions.json is not of this workspace: run node packages/create/checkout/versions.mjs",
  )
}
