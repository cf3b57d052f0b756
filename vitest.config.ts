import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: ["packages/*", "examples", "examples/testing", "examples/copilotkit", "examples/docs"],
    // As many files at once as there are cores; vitest itself leaves one of them idle.
    maxWorkers: "100%",
  },
})
