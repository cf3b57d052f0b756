/**
 * Runs tests within Vitest's worker: those that the plan names, and none after a failure. It appends a line of JSON to the plan's `events`
 * when a file or a test starts, when a test fails, and when a file ends: then with the mutants that each test touched.
 */
import { appendFileSync, readFileSync } from "node:fs"
import { VitestTestRunner } from "vitest/runners"

const plan = JSON.parse(readFileSync(process.env["MUTANTS_PLAN"], "utf8"))

/** What the mutated sources count in. Code that runs for no test alone counts for `*`, and as modules load, in `static`. */
const stryker = (globalThis.__stryker__ ??= {})
const coverage = (stryker.mutantCoverage ??= { static: {}, perTest: {} })
const running = new Set()
const setAccount = () => (stryker.currentTestId = running.size === 1 ? [...running][0] : "*")

let failed = false
let loaded = []
let tests = {}

const write = (event) => appendFileSync(plan.events, `${JSON.stringify({ pid: process.pid, ...event })}\n`)
const nameOf = (task) => (task.suite === undefined ? task.name : `${nameOf(task.suite)} > ${task.name}`)
const fileOf = (task) => task.file.filepath.slice(plan.root.length + 1)
const checkErrors = (task, test) => {
  if (!task.result?.errors?.length) return
  failed ||= plan.bail
  write({ failed: { file: fileOf(task), test, error: String(task.result.errors[0].message).slice(0, 300) } })
}

/** The mutated modules that a file imports, over others too. A process loads each once, for whatever file is the first. */
const modulesOf = (file) => {
  const found = new Set([file])
  for (const path of found) {
    for (const next of globalThis.__vitest_worker__.moduleCache.get(path).imports) found.add(next)
  }
  return plan.sources.filter((source) => found.has(`${plan.root}/${source}`))
}

/** A suite's own errors are those of its hooks, and a file's those of its modules. */
const checkSuites = (suite) => {
  checkErrors(suite, suite === suite.file ? "(the file)" : `${nameOf(suite)} (hook)`)
  for (const child of suite.tasks) if (child.type === "suite") checkSuites(child)
}

/** Skips the other tests, and a suite that has none left, so that its hooks do not run. */
const select = (task, isWanted) => {
  for (const child of task.tasks ?? []) select(child, isWanted)
  const isLeft =
    task.type === "test" ? isWanted(nameOf(task)) : task.tasks.some(({ mode }) => mode !== "skip")
  if (!isLeft && (task.type === "test" || task.tasks.length > 0)) task.mode = "skip"
}

export default class extends VitestTestRunner {
  onCollectStart(file) {
    stryker.currentTestId = undefined
    write({ file: fileOf(file) })
    return super.onCollectStart(file)
  }

  onBeforeRunFiles([file]) {
    loaded = Object.keys(coverage.static)
    coverage.static = {}
    tests = {}
    setAccount()
    const wanted = plan.tests?.[fileOf(file)]
    select(file, (name) => !failed && (wanted?.includes(name) ?? true))
  }

  async onBeforeRunTask(test) {
    if (test.mode === "run") {
      const name = nameOf(test)
      running.add(name)
      tests[name] = { cpu: process.cpuUsage(), at: performance.now() }
      write({ test: name })
    }
    setAccount()
    await super.onBeforeRunTask(test)
  }

  onAfterRunTask(test) {
    const name = nameOf(test)
    if (running.delete(name)) {
      const { system, user } = process.cpuUsage(tests[name].cpu)
      // A test that waits takes a worker too.
      tests[name] = { seconds: (user + system) / 1e6 + (performance.now() - tests[name].at) / 4000 }
      if (test.result?.state === "fail") checkErrors(test, name)
    }
    setAccount()
    return super.onAfterRunTask(test)
  }

  onAfterRunFiles([file]) {
    checkSuites(file)
    for (const name of Object.keys(tests)) tests[name].mutants = Object.keys(coverage.perTest[name] ?? {})
    const shared = Object.keys(coverage.perTest["*"] ?? {})
    for (const name of Object.keys(coverage.perTest)) delete coverage.perTest[name]
    stryker.currentTestId = undefined
    write({ end: fileOf(file), loaded, modules: modulesOf(file.filepath), shared, tests })
    return super.onAfterRunFiles()
  }
}
