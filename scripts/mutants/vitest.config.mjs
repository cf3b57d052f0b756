/** Runs the files of a plan in its order, as a project of vitest.workspace.ts with its set-up. */
import { readFileSync } from "node:fs"
import { defineConfig } from "vitest/config"
import { BaseSequencer } from "vitest/node"
import projects from "../../vitest.workspace.js"

const plan = JSON.parse(readFileSync(process.env["MUTANTS_PLAN"], "utf8"))
const { esbuild, test } = projects.find(({ test }) => test.name === plan.project)

class InOrder extends BaseSequencer {
  async sort(files) {
    const place = ({ moduleId }) => plan.files.indexOf(moduleId.slice(plan.root.length + 1))
    return files.toSorted((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  root: plan.root,
  esbuild,
  test: {
    ...test,
    include: plan.files,
    exclude: [],
    runner: "./scripts/mutants/runner.mjs",
    reporters: ["default"],
    bail: plan.bail ? 1 : 0,
    sequence: { sequencer: InOrder },
    pool: "forks",
    minWorkers: plan.workers,
    maxWorkers: plan.workers,
    poolOptions: { forks: { isolate: false, execArgv: ["--max-old-space-size=8192"] } },
  },
})
