// The worker of the README, in an empty folder: its commands, its files, and what it says that these show. Another Node compiles
// SQLite for itself.
import { spawn } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { copyCompiled } from "./node.mjs"
import { fail, run, versionOfNode } from "./project.mjs"
import { readmeFiles } from "./readme-files.mjs"

/** The tarballs of these packages, and of those that they need: what is published here is not on the registry yet. */
const tarballsFor = (packed, names) => {
  const found = packed.filter(({ manifest }) => names.includes(manifest.name))
  const needed = new Set([
    ...names,
    ...found.flatMap(({ manifest }) => Object.keys(manifest.dependencies ?? {})),
  ])
  return needed.size > names.length ? tarballsFor(packed, [...needed]) : found.map(({ tarball }) => tarball)
}

/** Returns the folder of the project. */
export const checkReadmeWorker = (root, packed, node, env) => {
  const readme = readFileSync("README.md", "utf8")
  const [, shell] = /^In an empty folder:\n\n```sh\n([\s\S]*?)```/m.exec(readme)
  const folder = join(root, `readme-${node ?? "here"}`)
  const scripts = node === undefined ? ["--ignore-scripts"] : []
  mkdirSync(folder)
  for (const line of shell.replaceAll("\\\n", " ").trim().split("\n")) {
    const [command, ...words] = line.trim().split(/\s+/)
    const isOurs = (word) => packed.some(({ manifest }) => manifest.name === word)
    const args = [...words.filter((word) => !isOurs(word)), ...tarballsFor(packed, words.filter(isOurs))]
    run(command, words[0] === "install" ? [...args, ...scripts, "--no-audit"] : args, folder, env)
  }
  if (node === undefined) copyCompiled(folder)
  for (const [name, text] of readmeFiles()) writeFileSync(join(folder, name), text)
  const [, submit, shown] = /^`npx (tsx \S+)` in a second terminal shows `(.*)`\.$/m.exec(readme)
  const [, start] = /^`npx (tsx \S+)` starts it/m.exec(readme)
  const worker = spawn("npx", start.split(" "), { cwd: folder, env, stdio: "ignore", detached: true })
  try {
    const output = run("npx", submit.split(" "), folder, env, "yes\n")
    if (!output.includes(shown)) fail(`the program of the README shows: ${output}`)
  } finally {
    process.kill(-worker.pid)
  }
  console.log(`The worker of the README runs as printed, Node ${versionOfNode(env)}`)
  return folder
}
