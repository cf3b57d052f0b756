import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    name: "cli",
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/provideBundle.ts", "../test-postgres/src/vitestSetup.ts"],
    // For what hangs; a machine that is busy with much else is only slow.
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
})
