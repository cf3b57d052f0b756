import { statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import Reporter from "./vitest.reporter.js"
import projects from "./vitest.workspace.js"

const workers = availableParallelism() * 3

/** Files that take more than a minute. */
const long =
  /(postgresControlPlane|sigterm|dashboard(-flow|-webhooks)?|endpoints|examples\/test\/examples|copilotkit\/test\/page|demo|doctor|turns|model)\.test\.ts$/

/** A file that only runs a suite is short and takes long. */
const isShort = (moduleId: string) => statSync(moduleId).size < 1_000

/** What takes long comes first in a project, so that no worker waits for it at the end. */
class LongFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification) => (long.test(moduleId) ? 0 : isShort(moduleId) ? 1 : 2)
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    projects,
    reporters: ["default", new Reporter()],
    sequence: { sequencer: LongFirst },
    // Tests wait for leases, processes and databases most of their time, so there are more files at once than cores.
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
