// Packs every public package as it would be published, and lets publint and attw judge the tarballs.
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
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
export const packAll = (destination) => {
  const packages = publicPackages()
  const filters = packages.flatMap(({ manifest }) => ["--filter", manifest.name])
  execFileSync("pnpm", ["--recursive", ...filters, "pack", "--pack-destination", destination], {
    stdio: ["ignore", "ignore", "inherit"],
  })
  return packages.map(({ folder, manifest }) => {
    const file = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`
    const tarball = join(destination, file)
    return { folder, manifest: manifestOf(tarball), tarball }
  })
}

/** What publint finds: errors, warnings, and suggestions, which are no problem. */
const problemsOfPublint = async (bytes) => {
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
    strict: true,
  })
  const textOf = (message) => `${message.type}: ${formatMessage(message, pkg)}`
  messages.filter(({ type }) => type === "suggestion").forEach((message) => console.log(textOf(message)))
  return messages.filter(({ type }) => type !== "suggestion").map(textOf)
}

/** The packages have ES modules alone: no program finds their types without `exports`, or by `require`. */
const otherResolutions = new Set(["node10", "node16-cjs"])

/** What attw finds. */
const problemsOfTypes = async (bytes, options) => {
  const { problems = [] } = await checkPackage(createPackageFromTarballData(new Uint8Array(bytes)), options)
  return problems
    .filter(({ resolutionKind }) => !otherResolutions.has(resolutionKind))
    .map((problem) => JSON.stringify(problem))
}

/**
 * `attw` resolves each module in four ways, which takes it 40 s for all. By default it looks at the first of each package: `exports.mjs` makes
 * the others alike, and the strict project compiles each declaration. All packages are checked by this process, so TypeScript is loaded once.
 */
export const checkTarballs = async (packed, options = { entrypoints: ["."] }) => {
  for (const { manifest, tarball } of packed) {
    const stray = listOf(tarball)
      .filter((file) => file.endsWith(".tsbuildinfo"))
      .map((file) => `the tarball has ${file}`)
    const bytes = readFileSync(tarball)
    const problems = [
      ...stray,
      ...(await problemsOfPublint(bytes)),
      ...(await problemsOfTypes(bytes, options)),
    ]
    if (problems.length > 0) throw new Error([manifest.name, ...problems].join("\n  "))
    console.log(`${manifest.name}: no problem`)
  }
}
