import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.js"

const workers = Math.ceil(availableParallelism() * 1.5)

export default defineConfig({
  test: {
    projects,
    // Tests wait for leases, processes and databases a third of their time, so there are more files at once than cores.
    maxWorkers: workers,
    // A worker that vitest ends for being idle may have got the next file already, which then fails.
    minWorkers: workers,
    // A search for the shortest history that breaks a property makes many servers in one process.
    poolOptions: { forks: { execArgv: ["--max-old-space-size=8192"] } },
  },
})
