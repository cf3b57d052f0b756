import { defineConfig } from "vitest/config"

export default defineConfig({
  test: { name: "executor-command", include: ["test/**/*.test.ts"], testTimeout: 120_000 },
})
