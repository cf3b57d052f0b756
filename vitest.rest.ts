import type { TestProject } from "vitest/node"

/** Says after `pnpm test` what `pnpm test:all` runs beyond it. */
export default ({ vitest }: TestProject) =>
  () => {
    if (!vitest.config.project.includes("first-*")) return
    vitest.logger.log(
      "This was one of each kind. `npx pnpm@10 test:all` also runs the suites over every store and over HTTP, hundreds of random histories and of simulated ones, every deliberate fault, chaos, the search of the model, and each program of the docs and examples.",
    )
  }
