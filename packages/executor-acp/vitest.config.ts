import { defineConfig } from "vitest/config"

export default defineConfig({
  test: { name: "executor-acp", include: ["test/**/*.test.ts"], testTimeout: 120_000 },
})
