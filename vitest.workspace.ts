/** The projects whose tests `pnpm test` runs. */
export default [
  "packages/*",
  "packages/http/vitest.routed.config.ts",
  "deploy",
  "docs/model",
  "examples",
  "examples/testing",
  "examples/copilotkit",
  "examples/docs",
]
