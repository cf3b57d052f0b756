// Packs every public package as it would be published and lets publint and attw judge the tarballs.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { packAll } from "./tarballs.mjs"

const folder = mkdtempSync(join(tmpdir(), "runlease-pack-"))
const run = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: "inherit" })
const bin = (name) => join("node_modules", ".bin", name)

try {
  for (const { manifest, tarball } of packAll(folder)) {
    console.log(`\n${manifest.name}`)
    const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).split("\n")
    const stray = files.filter((file) => file.endsWith(".tsbuildinfo"))
    if (stray.length > 0) throw new Error(`the tarball has ${stray.join(", ")}`)
    run(bin("publint"), ["run", tarball, "--strict"])
    run(bin("attw"), [tarball, "--profile", "esm-only", "--quiet"])
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
