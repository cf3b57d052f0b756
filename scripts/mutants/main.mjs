/**
 * Makes mutants of the sources, and tells for each which test finds it: `npx pnpm@10 mutants --help`.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { byGroup, cover, testFiles, touching } from "./coverage.mjs"
import { folders, plant, sample } from "./tree.mjs"
import { run } from "./vitest.mjs"

const help = `npx pnpm@10 mutants [options]

  --count N         mutants, of each folder as many (60)
  --seed TEXT       which ones (1)
  --folder PATH     of the sources, several times for several
                    (${folders.join("\n                     ")})
  --only PATH:LINE  instead, all that start on this line
  --files GLOB      test files that may find them, several times for several
                    (packages/{core,testkit,sql,http}/test/**)
  --project NAME    projects of vitest.workspace.ts, such as first-*
  --tests FILE      a list in JSON of { "file", "test" }: no other tests; "test" is a regular expression of names, all when absent
  --most SECONDS    of the tests of one mutant, the quickest first (300)
  --patience SECONDS
                    in which a test has to end, and five times its own without a mutant (300)
  --jobs N          mutants at once (one for each two cores)
  --json FILE       the outcome as JSON
  --after FILE      the outcome of another run: only the mutants that it did not find
  --dry-run         list the mutants only`

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    folder: { type: "string", multiple: true, default: folders },
    only: { type: "string" },
    files: { type: "string", multiple: true, default: ["packages/{core,testkit,sql,http}/test/**"] },
    project: { type: "string", multiple: true, default: [] },
    tests: { type: "string" },
    most: { type: "string", default: "300" },
    patience: { type: "string", default: "300" },
    jobs: { type: "string", default: String(Math.max(1, Math.floor(availableParallelism() / 2))) },
    json: { type: "string" },
    after: { type: "string" },
    "dry-run": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})

const short = (text) => {
  const line = text.replaceAll(/\s+/g, " ")
  return line.length > 50 ? `${line.slice(0, 49)}…` : line
}

const equivalents = JSON.parse(readFileSync(new URL("equivalent.json", import.meta.url), "utf8"))
const reasonOf = (mutant) =>
  equivalents.find((known) =>
    ["file", "source", "original", "replacement"].every((name) => known[name] === mutant[name]),
  )?.reason

const wantedTests = values.tests === undefined ? undefined : JSON.parse(readFileSync(values.tests, "utf8"))
const isWanted = (file, name) =>
  wantedTests === undefined ||
  wantedTests.some(
    (wanted) => wanted.file === file && (wanted.test === undefined || new RegExp(wanted.test).test(name)),
  )

const before = values.after === undefined ? [] : JSON.parse(readFileSync(values.after, "utf8")).mutants
const isFound = (mutant) =>
  before.some(
    (other) =>
      other.verdict.startsWith("found") &&
      ["file", "line", "column", "mutator", "replacement"].every((name) => other[name] === mutant[name]),
  )

const outcomeOf = async ({ root, sources }, covered, mutant) => {
  const reason = reasonOf(mutant)
  if (reason !== undefined) return { verdict: "equivalent", reason, cpu: 0 }
  const all = touching(covered, mutant, isWanted)
  if (all.length === 0) return { verdict: "not covered", cpu: 0 }
  let seconds = 0
  const files = all.filter((file, index) => (seconds += file.seconds) <= Number(values.most) || index === 0)
  let cpu = 0
  for (const [group, some] of byGroup(files)) {
    const tests = Object.fromEntries(some.map(({ names, path }) => [path, names]))
    const plan = {
      bail: true,
      files: Object.keys(tests),
      project: `rest-${group}`,
      sources,
      tests,
      workers: 1,
    }
    const slowest = Math.max(...some.map((file) => file.slowest))
    const patience = Number(values.patience) * 1_000 + slowest * 5_000
    const result = await run(root, plan, { mutant: mutant.id, patience })
    cpu += result.cpu
    if (result.ok) continue
    const [first = { file: "(the process)", test: result.output.slice(-300) }] = result.failures
    const by = result.hung ?? first
    // A busy machine fails tests too: the same one has to pass without the mutant.
    const same = tests[by.file]?.includes(by.test)
      ? { files: [by.file], tests: { [by.file]: [by.test] } }
      : {}
    const again = await run(root, { ...plan, ...same }, { patience })
    cpu += again.cpu
    if (!again.ok) return { verdict: "no verdict", by, cpu }
    return { verdict: result.hung === undefined ? "found" : "found by time limit", by, cpu }
  }
  const verdict = files.length === all.length ? "survived" : "survived in time"
  return { verdict, reason: `${files.length} of ${all.length} files`, cpu }
}

const rowOf = ({ by, column, cpu, file, line, mutator, original, reason = "", replacement, verdict }) =>
  [
    `${file}:${line}:${column} ${mutator}: ${short(original)} -> ${short(replacement)}`,
    verdict,
    by === undefined ? reason : `${by.file} | ${by.test}`,
    `${cpu.toFixed(0)} s`,
  ].join(" | ")

const main = async () => {
  const { folder, only, seed } = values
  const chosen = await sample({ count: Number(values.count), folders: folder, only, seed })
  if (chosen.length === 0) throw new Error("There is no mutant")
  const tree = await plant(chosen)
  process.on("exit", () => rmSync(tree.root, { recursive: true, force: true }))
  if (values["dry-run"]) {
    for (const mutant of tree.mutants) console.log(rowOf({ ...mutant, verdict: "", cpu: 0 }))
    return
  }
  const files = testFiles(tree.root, { files: values.files, projects: values.project })
  const covered = await cover(tree, files, (line) => console.error(`# ${line}`))
  const results = []
  const todo = tree.mutants.filter((mutant) => !isFound(mutant))
  const work = async () => {
    for (let mutant = todo.shift(); mutant !== undefined; mutant = todo.shift()) {
      const result = { ...mutant, ...(await outcomeOf(tree, covered, mutant)) }
      results.push(result)
      console.log(rowOf(result))
      const json = JSON.stringify({ seed: values.seed, mutants: results }, undefined, 2)
      if (values.json !== undefined) writeFileSync(values.json, json)
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  const verdicts = results.map(({ verdict }) => verdict)
  for (const verdict of new Set(verdicts))
    console.log(`${verdicts.filter((one) => one === verdict).length} ${verdict}`)
  console.log(`${results.reduce((sum, { cpu }) => sum + cpu, 0).toFixed(0)} s of CPU`)
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1))
if (values.help) console.log(help)
else await main()
