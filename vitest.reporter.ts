/**
 * What `pnpm test` prints beside the default reporter: at its start how long it takes, without a terminal a line of progress each ten
 * seconds, and after a failure, last, the commands that run each failed test alone.
 */
import { appendFileSync, readFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, TestCase, TestModule, TestSpecification, TestSuite, Vitest } from "vitest/node"
import * as Searches from "./packages/testkit/test/Searches.js"

/** Milliseconds between two lines of progress. */
const every = 10_000

/** How many failed tests have a command. */
const mostCommands = 20

/** A name as a regular expression, with nothing that a shell reads. */
const patternOf = (name: string): string => `^${name.replaceAll(/[^\w ,:/-]/g, ".")}$`

/** Fewer files are a part of `pnpm test`. */
const leastFiles = 50

/** A word of a command. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** The name of a test as `-t` reads it. */
const nameOf = ({ name, parent }: TestCase | TestSuite): string =>
  parent.type === "module" ? name : `${nameOf(parent)} ${name}`

/** A file with random searches needs their seed, which the next commit changes. */
const environmentOf = (file: string): string =>
  readFileSync(file, "utf8").includes("/Searches.js")
    ? `RUNLEASE_SEARCH=${Searches.show(Searches.current)} `
    : ""

const show = (millis: number): string => {
  const seconds = Math.round(millis / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

export default class implements Reporter {
  #vitest: Vitest | undefined
  #timer: NodeJS.Timeout | undefined
  #isFirst = false
  #commands: ReadonlyArray<string> = []
  #startedAt = 0
  #files = 0
  #done = 0
  #passed = 0
  #failed = 0

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunStart(specifications: ReadonlyArray<TestSpecification>): void {
    this.#startedAt = performance.now()
    this.#files = specifications.length
    this.#done = this.#passed = this.#failed = 0
    this.#isFirst = this.#vitest!.config.project.includes("first") && this.#files >= leastFiles
    if (this.#isFirst)
      this.#log(`${this.#files} files with a test of every kind: about 4 minutes on two cores.`)
    if (!process.stdout.isTTY) this.#timer = setInterval(() => this.#progress(), every).unref()
  }

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result()
    if (state === "passed") this.#passed += 1
    if (state === "failed") this.#failed += 1
  }

  onTestModuleEnd(): void {
    this.#done += 1
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    clearInterval(this.#timer)
    this.#commands = modules.flatMap((module) => this.#commandsOf(module))
  }

  /** Called after `onTestRunEnd`; the default reporter prints its summary here too, before this one. */
  onFinished(): void {
    const more = this.#commands.length - mostCommands
    const lines = this.#commands.slice(0, mostCommands).map((command) => `  ${command}`)
    if (more > 0) lines.push(`  and ${more} more`)
    if (lines.length > 0) {
      const file = process.env["TEST_COMMANDS"]
      if (file !== undefined) appendFileSync(file, `${lines.join("\n")}\n`)
      this.#log(["Run each failed test alone:", ...lines].join("\n"))
    } else if (this.#isFirst) {
      this.#log(
        "This was one of each kind. `npx pnpm@10 test:all` also runs the suites over every store and over HTTP, hundreds of random histories and of simulated ones, every deliberate fault, chaos, a search of the model, and each program of the docs and examples.",
      )
    }
  }

  #log(text: string): void {
    this.#vitest!.logger.log(text)
  }

  #progress(): void {
    const elapsed = show(performance.now() - this.#startedAt)
    this.#log(
      `${elapsed}  ${this.#done} of ${this.#files} files, ${this.#passed} tests passed, ${this.#failed} failed`,
    )
  }

  /** The command for each failed test, or for the file where that fails outside of a test. */
  #commandsOf(module: TestModule): ReadonlyArray<string> {
    if (module.ok()) return []
    const { root } = this.#vitest!.config
    const command = `${environmentOf(module.moduleId)}npx vitest run --project ${quoted(module.project.name)} ${quoted(relative(root, module.moduleId))}`
    const names = Array.from(module.children.allTests("failed"), nameOf)
    return names.length === 0 ? [command] : names.map((name) => `${command} -t "${patternOf(name)}"`)
  }
}
