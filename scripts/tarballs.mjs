// Packs every public package as it would be published, and lets publint and attw judge the tarballs.
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export const publicPackages = () =>
  readdirSync("packages").flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join("packages", folder, "package.json"), "utf8"))
    return manifest.private ? [] : [{ folder: join("packages", folder), manifest }]
  })

const listOf = (tarball) => execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).split("\n")

/** The manifest as it is published: with versions in the place of the workspace's. */
const manifestOf = (tarball) =>
  JSON.parse(execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" }))

/** Writes a tarball of each public package to `destination`. */
export const packAll = (destination) =>
  publicPackages().map(({ folder, manifest }) => {
    execFileSync("pnpm", ["pack", "--pack-destination", destination], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    })
    const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`
    const tarball = join(destination, file)
    return { folder, manifest: manifestOf(tarball), tarball }
  })

const tool = (name, args) => execFileSync(join("node_modules", ".bin", name), args, { stdio: "inherit" })

/**
 * `attw` resolves each module in four ways, which takes it 40 s for all. By default it looks at the first of each package: `exports.mjs` makes
 * the others alike, and the strict project compiles each declaration.
 */
export const checkTarballs = (packed, entryPoints = ["--entrypoints", "."]) => {
  for (const { manifest, tarball } of packed) {
    console.log(`\n${manifest.name}`)
    const files = listOf(tarball)
    const stray = files.filter((file) => file.endsWith(".tsbuildinfo"))
    if (stray.length > 0) throw new Error(`the tarball has ${stray.join(", ")}`)
    tool("publint", ["run", tarball, "--strict"])
    tool("attw", [tarball, "--profile", "esm-only", "--quiet", ...entryPoints])
  }
}
