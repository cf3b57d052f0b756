// Publishes the tarballs of a folder that `pnpm release:check FOLDER` has checked: `node scripts/publish.mjs FOLDER TAG`. A version that is
// on the registry already is left out, so a release that broke off is repeated. npm itself publishes, since it has the trusted publishing.
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"

const [, , folder, tag] = process.argv
if (tag === undefined) throw new Error("name the folder of the tarballs, and the tag of the version")

const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"))
if (tarballs.length === 0) throw new Error(`${folder} has no tarball: run pnpm release:check ${folder}`)

const packages = tarballs.map((file) => {
  const text = execFileSync("tar", ["-xzOf", join(folder, file), "package/package.json"], {
    encoding: "utf8",
  })
  return { file: join(folder, file), ...JSON.parse(text) }
})

for (const { file, version } of packages) {
  if (tag !== `v${version}`) throw new Error(`${file} has the version ${version}, and the tag is ${tag}`)
}

/** Whether the registry has it; any other failure than that it has not is one of the release. */
const isPublished = (id) => {
  const { status, stderr } = spawnSync("npm", ["view", id, "version"], { encoding: "utf8" })
  if (status === 0) return true
  if (stderr.includes("E404")) return false
  throw new Error(`cannot look up ${id}: ${stderr}`)
}

// A version that is no release, as 1.0.0-rc.1, is not what `npm install` takes.
const channel = tag.includes("-") ? ["--tag", "next"] : []
for (const { file, name, version } of packages) {
  if (isPublished(`${name}@${version}`)) {
    console.log(`${name}@${version} is published already`)
    continue
  }
  // A path that begins with a dot is a file, not the name of a repository.
  const args = ["publish", `./${file}`, "--provenance", "--access", "public", ...channel]
  execFileSync("npm", args, { stdio: "inherit" })
}
