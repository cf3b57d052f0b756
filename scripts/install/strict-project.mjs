// A strict TypeScript project beside a user's own Effect: its types, a run, and the command.
import { cpSync, renameSync } from "node:fs"
import { join } from "node:path"
import { fail, installed, npm, run, versionOfNode } from "./project.mjs"

/** The Effect libraries that `strict/run.ts` imports beside what the packages bring. */
const libraries = { "@effect/platform": "^0.97.2", "@effect/platform-node": "^0.108.2" }

/** Two copies of an Effect library are two sets of types, and of services. */
const checkCopies = (folder) => {
  const packages = installed(folder)
  const names = Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13))
  const twice = names.filter((name, at) => /^(effect$|@effect\/)/.test(name) && names.indexOf(name) !== at)
  return twice.length === 0 ? packages["node_modules/effect"].version : fail(`installed twice: ${twice}`)
}

/** Installs the tarballs beside these versions. Returns the version of Effect that is there. */
export const install = (folder, tarballs, versions) => {
  const wanted = Object.entries({ ...libraries, ...versions }).map(([name, range]) => `${name}@${range}`)
  npm(["install", "--ignore-scripts", ...wanted, "typescript@5.9", "@types/node@20", ...tarballs], folder)
  return checkCopies(folder)
}

/** Compiles the project; `flags` are those of the compiler. */
export const compile = (folder, flags = []) => {
  cpSync("scripts/install/strict", folder, { recursive: true })
  run(join(folder, "node_modules/.bin/tsc"), flags, folder)
}

/** Runs the compiled program, and the command. */
export const execute = (folder, env) => {
  const output = run("node", ["dist/run.js"], folder, env)
  if (!output.includes("You said: hello")) fail(`the run was not done: ${output}`)
  if (output.includes("version")) fail(`the run warns: ${output}`)
  const command = join(folder, "node_modules/.bin/runlease")
  const version = run(command, ["--version"], folder, env).trim()
  const { version: published } = installed(folder)["node_modules/@runlease/cli"]
  if (version !== published) fail(`the command ${published} says that it is ${version}`)
  // Help is text that the package has: it needs no library.
  const effect = join(folder, "node_modules/effect")
  const away = join(folder, "node_modules/.effect")
  renameSync(effect, away)
  const help = run(command, ["help", "worker"], folder, env)
  renameSync(away, effect)
  if (!help.includes("runlease worker [flags]")) fail(`there is no help: ${help}`)
  return `${versionOfNode(env)}: ${version}`
}
