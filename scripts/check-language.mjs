/**
 * Counts words of speech and possession in sources and docs, where a field's own verb says more: see "Language" in CONTRIBUTING.md.
 * There may be as many as there were when this was written; a change that removes some lowers the number.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"

const most = 89

const words = /(?<!\.well-)\b(?:asked|held|kept|known|nobody|said|told|whoever)\b/gi

const paths = execFileSync(
  "git",
  [
    "ls-files",
    "packages/*/src/*",
    "packages/dashboard/web/*",
    "docs/*.md",
    "README.md",
    "packages/*/README.md",
  ],
  { encoding: "utf8" },
)
const counts = paths
  .split("\n")
  .filter((path) => /\.(?:tsx?|md)$/.test(path) && existsSync(path))
  .map((path) => ({ path, count: readFileSync(path, "utf8").match(words)?.length ?? 0 }))
  .toSorted((a, b) => b.count - a.count)
const total = counts.reduce((sum, { count }) => sum + count, 0)

console.log(`${total} private words, of ${most} at most`)
if (total > most) {
  console.error("Say it with a word of the field. The files with most of them:")
  for (const { count, path } of counts.slice(0, 10)) console.error(`${String(count).padStart(5)} ${path}`)
  process.exit(1)
}
