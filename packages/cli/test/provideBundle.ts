/**
 * Bundles the command once for all tests.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import * as Bundle from "./Bundle.js"

declare module "vitest" {
  export interface ProvidedContext {
    /** The path of the bundled command. */
    readonly runlease: string
  }
}

export default async (project: TestProject) => {
  const folder = await mkdtemp(join(tmpdir(), "runlease-bundle-"))
  project.provide("runlease", await Bundle.command(folder))
  return () => rm(folder, { recursive: true })
}
