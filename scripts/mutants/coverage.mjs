// Which tests touch which mutant, by one run of them without a mutant.
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, matchesGlob } from "node:path"
import { promisify } from "node:util"
import { running } from "./temporary.mjs"
import { checkout } from "./tree.mjs"
import { run } from "./vitest.mjs"

/** The test files of the gate, each with its group in vitest.workspace.ts. */
export const testFiles = async (root, { files, projects }) => {
  const args = ["list", "--filesOnly", "--json", ...projects.map((name) => `--project=${name}`)]
  const listing = promisify(execFile)("node", ["node_modules/vitest/vitest.mjs", ...args], { cwd: root })
  const { pid } = listing.child
  running.add(pid)
  const { stdout } = await listing
  running.delete(pid)
  return JSON.parse(stdout)
    .map(({ file, projectName }) => ({
      path: file.slice(root.length + 1),
      group: projectName.replace(/^\w+-/, ""),
    }))
    .filter(({ path }) => files.some((glob) => matchesGlob(path, glob)))
}

const inFolder = (name) => (file) => file.path.startsWith(`packages/${name}/`)
const onServers = ["sql", "cli"].map(inFolder)

/** In the order in which they run: first those that need no server of PostgreSQL. Each part is of one group. */
export const byGroup = (files) =>
  [
    (file) => file.group === "packages" && !onServers.some((is) => is(file)),
    ...onServers,
    (file) => file.group === "examples",
  ]
    .map((is) => files.filter(is))
    .filter((some) => some.length > 0)
    .map((some) => [some[0].group, some])

/** A run of the tests that is interrupted has the parts before. */
const inParts = ([group, files]) =>
  Array.from({ length: Math.ceil(files.length / part) }, (_, n) => [
    group,
    files.slice(n * part, (n + 1) * part),
  ])
const part = 20

/**
 * What each file touches. It runs those that no run with the same sources has covered, and leaves tests out that fail without a mutant.
 */
export const cover = async ({ key, root, sources }, files, log) => {
  const cache = join(checkout, "scripts/mutants/node_modules/.cache", `${key}.json`)
  const covered = existsSync(cache) ? JSON.parse(readFileSync(cache, "utf8")) : {}
  const missing = files.filter(({ path }) => covered[path] === undefined)
  for (const [group, some] of byGroup(missing).flatMap(inParts)) {
    log(`${some.length} files of ${group} without a mutant, of ${missing.length}`)
    const paths = some.map(({ path }) => path)
    const plan = { bail: false, files: paths, project: `rest-${group}`, sources, workers: 2 }
    const { cpu, ended, failures, output } = await run(root, plan, { patience: 600_000 })
    if (ended.length === 0) throw new Error(`The tests do not run without a mutant:\n${output}`)
    for (const { end, tests, ...rest } of ended) {
      const bad = failures.filter(({ file }) => file === end).map(({ test }) => test)
      const left = bad.every((name) => name in tests)
        ? Object.entries(tests).filter(([name]) => !bad.includes(name))
        : []
      covered[end] = { ...rest, tests: Object.fromEntries(left) }
    }
    mkdirSync(dirname(cache), { recursive: true })
    writeFileSync(cache, JSON.stringify(covered))
    for (const { error, file, test } of failures)
      log(`left out, as it fails without a mutant: ${file} | ${test} | ${error}`)
    for (const path of paths.filter((path) => covered[path] === undefined))
      log(`left out, as it did not end: ${path}`)
    log(`${cpu.toFixed(0)} s of CPU`)
  }
  return files
    .filter(({ path }) => covered[path] !== undefined)
    .map((file) => ({ ...file, ...covered[file.path] }))
}

/**
 * The files with the tests that touch a mutant, the quickest first. A mutant in what a module does as it loads counts for each file that
 * imports the module.
 */
export const touching = (covered, { file: source, id }, isWanted) => {
  const isLoaded = covered.some(({ loaded }) => loaded.includes(id))
  return covered
    .map(({ group, modules, path, shared, tests }) => {
      const all = shared.includes(id) || (isLoaded && modules.includes(source))
      const names = Object.keys(tests).filter(
        (name) => (all || tests[name].mutants.includes(id)) && isWanted(path, name),
      )
      const seconds = names.map((name) => tests[name].seconds)
      return {
        group,
        names,
        path,
        seconds: seconds.reduce((a, b) => a + b, 0),
        slowest: Math.max(...seconds),
      }
    })
    .filter(({ names }) => names.length > 0)
    .toSorted((a, b) => a.seconds - b.seconds)
}
