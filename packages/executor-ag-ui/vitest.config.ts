import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "executor-ag-ui",
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    // The reference client prints a warning for whatever it does not know.
    env: { SUPPRESS_TRANSFORMATION_WARNINGS: "true" },
  },
})
