import { statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import Reporter from "./vitest.reporter.js"
import projects from "./vitest.workspace.js"

const workers = availableParallelism() * 2

/** A file that only runs a suite is short and takes long: first in a project, so that no worker waits for it at the end. */
const isShort = ({ moduleId }: TestSpecification) => statSync(moduleId).size < 1_000

class SuitesFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    return [...sorted.filter(isShort), ...sorted.filter((file) => !isShort(file))]
  }
}

export default defineConfig({
  test: {
    projects,
    reporters: ["default", new Reporter()],
    sequence: { sequencer: SuitesFirst },
    // Tests wait for leases, processes and databases a third of their time, so there are more files at once than cores.
    maxWorkers: workers,
    // A worker that vitest ends for being idle may have got the next file already, which then fails.
    minWorkers: workers,
    // A search for the shortest history that breaks a property makes many servers in one process. Young objects in a large space are collected
    // rarely, which saves a sixth of the CPU time.
    poolOptions: {
      forks: {
        isolate: false,
        execArgv: ["--max-old-space-size=8192", "--max-semi-space-size=128", "--min-semi-space-size=64"],
      },
    },
  },
})
