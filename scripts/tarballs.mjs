// Packs every public package as it would be published.
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export const publicPackages = () =>
  readdirSync("packages").flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join("packages", folder, "package.json"), "utf8"))
    return manifest.private ? [] : [{ folder: join("packages", folder), manifest }]
  })

/** Writes a tarball of each public package to `destination`. */
export const packAll = (destination) =>
  publicPackages().map(({ folder, manifest }) => {
    execFileSync("pnpm", ["pack", "--pack-destination", destination], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    })
    const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`
    return { manifest, tarball: join(destination, file) }
  })
