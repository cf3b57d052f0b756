import type { TestProjectConfiguration } from "vitest/config"

/** The projects whose tests `pnpm test` runs. The files of one run side by side, and the projects one after the other. */
const projects: Array<TestProjectConfiguration> = [
  "packages/*",
  "packages/http/vitest.routed.config.ts",
  {
    // The component of a page has no import of React.
    esbuild: { jsx: "automatic" },
    test: {
      name: "examples",
      include: ["deploy/test/**/*.test.ts", "docs/model/test/**/*.test.ts", "examples/**/test/**/*.test.ts"],
      // For what hangs: a search takes millions of states, and each program of the docs is a process of its own.
      testTimeout: 900_000,
      hookTimeout: 300_000,
    },
  },
]

export default projects
