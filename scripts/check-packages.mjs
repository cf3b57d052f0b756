// Packs every public package as it would be published and lets publint and attw judge the tarballs.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "runlease-pack-"))
const run = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: "inherit" })
const bin = (name) => join("node_modules", ".bin", name)

try {
  for (const name of readdirSync("packages")) {
    const manifest = JSON.parse(readFileSync(join("packages", name, "package.json"), "utf8"))
    if (manifest.private) continue
    execFileSync("pnpm", ["pack", "--pack-destination", folder], {
      cwd: join("packages", name),
      stdio: ["ignore", "ignore", "inherit"],
    })
    const tarball = join(folder, `runlease-${name}-${manifest.version}.tgz`)
    console.log(`\n${manifest.name}`)
    run(bin("publint"), ["run", tarball, "--strict"])
    run(bin("attw"), [tarball, "--profile", "esm-only", "--quiet"])
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
