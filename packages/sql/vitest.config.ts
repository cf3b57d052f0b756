import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "sql",
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    globalSetup: ["../test-postgres/src/vitestSetup.ts"],
  },
})
