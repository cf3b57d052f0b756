import { defineConfig } from "vitest/config"

// A search of millions of states takes some seconds, and a busy machine many more.
export default defineConfig({ test: { name: "model", include: ["test/**/*.test.ts"], testTimeout: 900_000 } })
