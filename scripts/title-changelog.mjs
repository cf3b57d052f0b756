// Gives the changes under "Unreleased" the version of the packages: `node scripts/title-changelog.mjs`, after `changeset version`.
import { readFileSync, writeFileSync } from "node:fs"
import { publicPackages } from "./tarballs.mjs"

const file = "CHANGELOG.md"
const heading = "\n## Unreleased\n"
const versions = new Set(publicPackages().map(({ manifest }) => manifest.version))
if (versions.size !== 1) throw new Error(`the packages have several versions: ${[...versions]}`)
const [version] = versions

const text = readFileSync(file, "utf8")
if (text.split(heading).length !== 2) throw new Error(`${file} needs one heading "## Unreleased"`)
if (text.includes(`\n## ${version}\n`)) throw new Error(`${file} has the version ${version} already`)
writeFileSync(file, text.replace(heading, `${heading}\n## ${version}\n`))
console.log(`${file}: what was unreleased is ${version}`)
