/**
 * Makes mutants of the sources, and tells for each which test finds it: `npx pnpm@10 mutants --help`.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { byGroup, cover, testFiles, touching } from "./coverage.mjs"
import { folders, plant, sample } from "./tree.mjs"
import { run } from "./vitest.mjs"

const help = `npx pnpm@10 mutants [options]

  --count N         mutants, of each folder as many (60)
  --seed TEXT       which ones (1)
  --folder PATH     of the sources, or one source, several times for several
                    (${folders.join("\n                     ")})
  --only PATH:LINE  instead, all that start on this line
  --files GLOB      test files that may find them, several times for several
                    (packages/{core,testkit,sql,http}/test/**)
  --project NAME    projects of vitest.workspace.ts, such as first
  --tests FILE      a list in JSON of { "file", "test" }: no other tests; "test" is a regular expression of names, all when absent
  --most SECONDS    of the tests of one mutant, the quickest first (300)
  --patience SECONDS
                    in which a test has to end, and five times its own without a mutant (300)
  --jobs N          mutants at once (one for each two cores)
  --json FILE       the outcome as JSON
  --after FILE      the outcome of another run of the sample: only the mutants that it did not find; several times for several
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
    after: { type: "string", multiple: true, default: [] },
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
const isWantedFile = (path) => wantedTests === undefined || wantedTests.some(({ file }) => file === path)
const isWanted = (file, name) =>
  wantedTests === undefined ||
  wantedTests.some(
    (wanted) => wanted.file === file && (wanted.test === undefined || new RegExp(wanted.test).test(name)),
  )

const before = values.after.map((path) => JSON.parse(readFileSync(path, "utf8")).mutants)
const isSame = (mutant) => (other) =>
  ["file", "line", "column", "mutator", "replacement"].every((name) => other[name] === mutant[name])

/** Those of the sample that no run before has found. A run of another seed, or of other sources, would leave all. */
const unfound = (mutants) => {
  values.after.forEach((path, index) => {
    if (!mutants.some((mutant) => before[index].some(isSame(mutant))))
      throw new Error(`${path} has none of these mutants`)
  })
  const found = before.flat().filter(({ verdict }) => verdict.startsWith("found"))
  return mutants.filter((mutant) => !found.some(isSame(mutant)))
}

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
  const todo = unfound(tree.mutants)
  if (values["dry-run"]) {
    for (const mutant of todo) console.log(rowOf({ ...mutant, verdict: "", cpu: 0 }))
    return
  }
  const listed = await testFiles(tree.root, { files: values.files, projects: values.project })
  const files = listed.filter(({ path }) => isWantedFile(path))
  const covered = todo.length === 0 ? [] : await cover(tree, files, (line) => console.error(`# ${line}`))
  for (const { file, test } of wantedTests ?? []) {
    const names = Object.keys(covered.find(({ path }) => path === file)?.tests ?? {})
    if (todo.length > 0 && !names.some((name) => test === undefined || new RegExp(test).test(name)))
      console.error(`# no test that passes without a mutant: ${file} | ${test ?? ""}`)
  }
  const results = []
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

if (values.help) console.log(help)
else await main()
