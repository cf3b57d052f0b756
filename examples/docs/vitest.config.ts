import { defineConfig } from "vitest/config"

export default defineConfig({
  // The component of a page has no import of React.
  esbuild: { jsx: "automatic" },
  test: {
    name: "example-docs",
    include: ["test/**/*.test.ts"],
    // The compiler reads the libraries of three front ends, and each program is a process of its own.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
