/**
 * Checks that the indexes of decisions and of notes have each page under its title, that the guide of a first worker has the files of the README,
 * and that no link between pages of this repository is dead.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { anchorOf } from "../packages/docs/site/markdown/anchors.mjs"
import { filesOf, readmeFiles } from "./install/readme-files.mjs"

const listed = execFileSync("git", ["ls-files", "*.md"], { encoding: "utf8" })
const pages = listed.split("\n").filter((path) => path !== "" && existsSync(path))
const problems = []

for (const folder of ["docs/decisions", "bench/notes"]) {
  const index = `${folder}/README.md`
  const lines = readFileSync(index, "utf8")
  for (const page of pages.filter((path) => path.startsWith(`${folder}/0`))) {
    const name = page.slice(page.lastIndexOf("/") + 1)
    const [heading] = readFileSync(page, "utf8").split("\n")
    const entry = `- [${heading.slice(2)}](${name})\n`
    if (lines.split(entry).length !== 2) problems.push(`${index}: needs one line ${entry.trim()}`)
  }
}

// The files of the README run in a check; the guide that shows them too has the same.
const guide = "docs/first-worker.md"
for (const [name, text] of readmeFiles()) {
  if (filesOf(guide).get(name) !== text) problems.push(`${guide}: ${name} is not as in README.md`)
}

const anchorsOf = (page) =>
  new Set([...readFileSync(page, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading)))

for (const page of pages) {
  const text = readFileSync(page, "utf8").replaceAll(/```[\s\S]*?```/g, "")
  for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue
    const [path, anchor] = link.split("#")
    const target = path === "" ? page : join(dirname(page), path)
    if (!existsSync(target)) problems.push(`${page}: ${link} is not there`)
    else if (anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).has(anchor)) {
      problems.push(`${page}: ${link} has no such heading`)
    }
  }
}

if (problems.length > 0) {
  console.error(problems.join("\n"))
  process.exit(1)
}
console.log(`${pages.length} pages: no dead link`)
