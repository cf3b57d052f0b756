/**
 * Counts words where a field's own word says more: see "Language" in CONTRIBUTING.md. Both counts may only fall: a change that removes some
 * words lowers the number.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"

const filesOf = (...patterns) =>
  execFileSync("git", ["ls-files", ...patterns], { encoding: "utf8" })
    .split("\n")
    .filter((path) => existsSync(path))

const report = (hint, counts) => {
  console.error(hint)
  for (const { count, path } of counts.toSorted((a, b) => b.count - a.count).slice(0, 10)) {
    console.error(`${String(count).padStart(5)} ${path}`)
  }
  process.exitCode = 1
}

/** Words of speech and possession, in sources and docs together. */
const most = 86
const speech = /(?<!\.well-)\b(?:asked|held|kept|known|nobody|said|told|whoever)\b/gi

/**
 * Words of a longer list, for each 10,000 lines of the sources of a package: its comments, names and messages. Tests do not count.
 */
const limits = {
  cli: 10,
  core: 10,
  dashboard: 5,
  docs: 95,
  "executor-a2a": 135,
  "executor-acp": 75,
  "executor-ag-ui": 10,
  "executor-ai": 10,
  http: 20,
  "http-a2a": 10,
  "http-mcp": 40,
  process: 25,
  sql: 10,
  store: 10,
  testkit: 50,
  workflow: 10,
}
const further = /\b(?:given|taken|asks?|tells?|gives|goes on|beside|seen|stands|of its own|so many)\b/gi

const countIn = (words, paths) =>
  paths.map((path) => {
    const text = readFileSync(path, "utf8")
    return { path, count: text.match(words)?.length ?? 0, lines: text.split("\n").length - 1 }
  })
const totalOf = (counts, field) => counts.reduce((sum, each) => sum + each[field], 0)

const all = countIn(
  speech,
  filesOf(
    "packages/*/src/*",
    "packages/dashboard/web/*",
    "docs/*.md",
    "README.md",
    "packages/*/README.md",
  ).filter((path) => /\.(?:tsx?|md)$/.test(path)),
)
console.log(`${totalOf(all, "count")} private words, of ${most} at most`)
if (totalOf(all, "count") > most) report("Say it with a word of the field. The files with most of them:", all)

const sources = filesOf("packages").filter((path) =>
  /^packages\/(?:[^/]+\/src|dashboard\/web)\/.*\.tsx?$/.test(path),
)
for (const name of new Set(sources.map((path) => path.split("/")[1]))) {
  const counts = countIn(
    further,
    sources.filter((path) => path.startsWith(`packages/${name}/`)),
  )
  const rate = Math.round((totalOf(counts, "count") / totalOf(counts, "lines")) * 10_000)
  const limit = limits[name] ?? 0
  console.log(`${name}: ${rate} further ones in 10,000 lines, of ${limit} at most`)
  if (rate > limit) report(`Say it with a word of the field. The files of ${name} with most of them:`, counts)
}
