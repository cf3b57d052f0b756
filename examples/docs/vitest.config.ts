import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "example-docs",
    include: ["test/**/*.test.ts"],
    // Each program of the page is a process of its own.
    testTimeout: 100_000,
    hookTimeout: 100_000,
  },
})
