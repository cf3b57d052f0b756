import { defineConfig } from "vitest/config"
import projects from "./vitest.workspace.js"

export default defineConfig({
  test: {
    projects,
    // As many files at once as there are cores; vitest itself leaves one of them idle.
    maxWorkers: "100%",
    // A search for the shortest history that breaks a property makes many servers in one process.
    poolOptions: { forks: { execArgv: ["--max-old-space-size=8192"] } },
  },
})
