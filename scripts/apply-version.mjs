// Gives the version of the packages to the sources that say it, and to the changes under "Unreleased": `node scripts/apply-version.mjs`,
// after `changeset version`, before the commit of both.
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { publicPackages } from "./tarballs.mjs"

const git = (...args) => execFileSync("git", args, { encoding: "utf8" })

const packages = publicPackages()
const versions = new Set(packages.map(({ manifest }) => manifest.version))
if (versions.size !== 1) throw new Error(`the packages have several versions: ${[...versions]}`)
const [version] = versions
const { version: before } = JSON.parse(git("show", `HEAD:${packages[0].folder}/package.json`))
if (before === version) throw new Error("no version has changed: run changeset version first")

const replace = (file, from, to) => {
  const text = readFileSync(file, "utf8")
  if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`)
  writeFileSync(file, text.replace(from, to))
  console.log(`${file}: ${before} is ${version}`)
}

/** Sources have no import of their manifest: a constant says the version. */
const constant = `version\\(:\\| =\\) "${before}"`
for (const line of git("grep", "-o", constant, "--", "packages/*/src/*.ts").trim().split("\n")) {
  const [file, ...rest] = line.split(":")
  const text = rest.join(":")
  replace(file, text, text.replace(before, version))
}
replace("CHANGELOG.md", "\n## Unreleased\n", `\n## Unreleased\n\n## ${version}\n`)
