// The public paths of the packages whose sources lie in rooms: each module that `src/index.ts` names is a path of its own,
// `@runlease/core/Leases`, whatever room it is in. `node scripts/exports.mjs` writes them into the manifests;
// with `--check` it fails where a manifest differs.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Paths beside the modules of the index: modules that the types of a client name, and the program of the command. */
const packages = { core: [], sql: [], http: ["Api/*"], cli: ["bin"] }
const line = /^export \* as (\w+) from "\.\/(.+)\.js"$/

const exportsOf = (folder, others) => {
  const modules = readFileSync(join(folder, "src/index.ts"), "utf8")
    .split("\n")
    .flatMap((text) => (line.exec(text) === null ? [] : [line.exec(text).slice(1)]))
  const paths = (target) =>
    Object.fromEntries([
      [".", target("index")],
      ...modules.map(([name, path]) => [`./${name}`, target(path)]),
      ...others.map((path) => [`./${path}`, target(path)]),
    ])
  return {
    sources: paths((path) => `./src/${path}.ts`),
    published: paths((path) => ({ types: `./dist/${path}.d.ts`, import: `./dist/${path}.js` })),
  }
}

for (const [name, others] of Object.entries(packages)) {
  const file = join("packages", name, "package.json")
  const before = readFileSync(file, "utf8")
  const manifest = JSON.parse(before)
  const { published, sources } = exportsOf(join("packages", name), others)
  manifest.exports = sources
  manifest.publishConfig.exports = published
  const after = `${JSON.stringify(manifest, null, 2)}\n`
  if (after === before) continue
  if (process.argv.includes("--check")) {
    throw new Error(`${file} does not list the modules of src/index.ts: run node scripts/exports.mjs`)
  }
  writeFileSync(file, after)
}
