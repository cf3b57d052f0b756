// Makes a project of this checkout's packages, before any is published: `npx pnpm@10 new ../my-agent`, with the flags of `npm create runlease`.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { main } from "../packages/create/src/CommandLine.js"
import { packAll } from "./tarballs.mjs"

const root = resolve(import.meta.dirname, "..")
const from = process.env.INIT_CWD ?? root
const tarballs = mkdtempSync(join(tmpdir(), "runlease-new-"))

const pack = () => {
  console.log("Building the packages, which takes a minute the first time")
  process.chdir(root)
  execFileSync("pnpm", ["build"], { stdio: ["ignore", "ignore", "inherit"] })
  const packed = packAll(tarballs)
  process.chdir(from)
  return packed.map(({ manifest, tarball }) => ({
    name: manifest.name,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    tarball,
  }))
}

// The project is npm's, which is all that a machine must have. A folder is one of where the command was typed.
process.chdir(from)
// What pnpm has set for its scripts is not for npm, but for the registry.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("npm_config_") && name !== "npm_config_registry") delete process.env[name]
}
try {
  process.exitCode = await main(process.argv.slice(2), {
    usage: "npx pnpm@10 new [FOLDER] [--template NAME] [--yes] [--no-install]",
    pack,
  })
} finally {
  rmSync(tarballs, { recursive: true, force: true })
}
