/**
 * Provides all test files of a project with a PostgreSQL server: the one of `DATABASE_URL`, or a new one that ends with the
 * test run. For `globalSetup` in a vitest.config.ts.
 */
import { Effect, Exit, Scope } from "effect"
import { urlKey } from "./Provided.js"
import * as TestServer from "./TestServer.js"

export default async (project: {
  readonly provide: (key: typeof urlKey, value: string) => void
}): Promise<() => Promise<void>> => {
  const databaseUrl = process.env["DATABASE_URL"]
  const scope = Effect.runSync(Scope.make())
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const url = databaseUrl ?? (await Effect.runPromise(Scope.extend(TestServer.make(), scope))).url
  project.provide(urlKey, url)
  return close
}
