/**
 * Bundles the published command into `dist/bundle`, with the licenses of all that is in it: `node packages/cli/checkout/publish.mjs`.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { bundleInto, ownSource } from "./bundle.mjs"

const packages = fileURLToPath(new URL("../..", import.meta.url))
const outdir = join(packages, "cli/dist/bundle")

/** Where the module of a source is when it is installed: in the package that has it. */
const installedPlace = (path) => {
  const [folder, , ...rest] = relative(packages, path).split(sep)
  const module = rest.join("/").replace(/\.ts$/, ".js")
  if (folder === "cli") return `new URL("../${module}", import.meta.url).href`
  const { name } = JSON.parse(readFileSync(join(packages, folder, "package.json"), "utf8"))
  return `new URL("./${module}", import.meta.resolve("${name}")).href`
}

/** These packages are loaded as they are installed. The driver of SQLite has a native part, and is a dependency of the store. */
const installed = {
  name: "installed",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^(tsx|@runlease\/executor-ai|@runlease\/cli)(\/|$)/ }, ({ path }) => ({
      path,
      external: true,
    }))
    onResolve({ filter: /^better-sqlite3$/ }, ({ path }) => ({ path, namespace: "installed" }))
    onLoad({ filter: /.*/, namespace: "installed" }, ({ path }) => ({
      contents: `import { createRequire } from "node:module"
export default createRequire(import.meta.resolve("@runlease/sql"))("${path}")`,
    }))
  },
}

/** The folder of the package that a bundled file is from; undefined for a file of this repository. */
const packageOf = (file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file.replaceAll("\\", "/"))?.[1]

/** The license texts of the packages, each once. */
const licensesOf = (files) => {
  const folders = new Map()
  for (const folder of new Set(files.map(packageOf).filter((name) => name !== undefined))) {
    const { license, name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
    const text = file === undefined ? `License: ${license}` : readFileSync(join(folder, file), "utf8").trim()
    folders.set(`${name} ${version}`, text)
  }
  return Array.from(folders)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${name}\n\n${text}\n`)
    .join(`\n${"-".repeat(80)}\n\n`)
}

process.chdir(dirname(packages))
rmSync(outdir, { recursive: true, force: true })
const entry = new URL("published.ts", import.meta.url)
const { files } = await bundleInto([entry], outdir, "runlease", [installed, ownSource(installedPlace)])
writeFileSync(join(outdir, "LICENSES.txt"), licensesOf(files))
