/** Starts what the test files of a run share, unless none of them uses it. */
import { relative } from "node:path"
import type { Vitest } from "vitest/node"

/** A project of the run. Each package types what it provides against its own Vitest. */
interface Project {
  readonly provide: (key: string, value: string) => void
  readonly vitest: Pick<Vitest, "config" | "state">
}

/** The tests of the command, and those that may need a PostgreSQL. */
const ofCommand = /^packages\/cli\//
const onPostgres = /^(packages\/(cli|sql)|examples)\//

export default async (project: Project): Promise<(() => Promise<void>) | undefined> => {
  const { config, state } = project.vitest
  // While vitest watches, files of a later run may use it.
  const files = config.watch ? ["packages/cli/"] : state.getPaths().map((path) => relative(config.root, path))
  if (files.some((file) => ofCommand.test(file))) {
    const { default: provideBundle } = await import("./packages/cli/test/provideBundle.js")
    await provideBundle(project)
  }
  if (!files.some((file) => onPostgres.test(file))) return undefined
  const { default: providePostgres } = await import("./packages/test-postgres/src/vitestSetup.js")
  return providePostgres(project)
}
