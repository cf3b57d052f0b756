// Projects of a user in a temporary folder, and the commands that run in them.
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export const fail = (message) => {
  throw new Error(message)
}

/** `input` is what a person types. */
export const run = (command, args, cwd, env = process.env, input = "") =>
  execFileSync(command, args, {
    cwd,
    env,
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "inherit"],
    maxBuffer: 2 ** 26,
  })

export const npm = (args, cwd, env) =>
  run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], cwd, env)

/** A new folder with a manifest. */
export const project = (folder, manifest = {}) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", ...manifest }))
  return folder
}

/** The packages of an installed project, by the path that each has in it. */
export const installed = (folder) =>
  JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")).packages

export const versionOfNode = (env) => run("node", ["--version"], undefined, env).trim()

/** Tarballs whose package is none of these. */
export const without = (packed, names) =>
  packed.filter(({ manifest }) => !names.includes(manifest.name)).map(({ tarball }) => tarball)
