import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "example-copilotkit",
    include: ["test/**/*.test.ts"],
    // Each test talks to processes of its own: a server, a worker, a browser.
    testTimeout: 100_000,
    hookTimeout: 120_000,
  },
})
