/**
 * The command as one file, made once for all tests: a process starts from it in a fifth of the time that its sources
 * take.
 */
import { build, type Plugin } from "esbuild"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** The file that Node runs as the command. */
    readonly runlease: string
  }
}

/** What has files of its own beside its code stays where it is. */
const apart: Plugin = {
  name: "apart",
  setup: ({ onResolve, resolve }) =>
    onResolve(
      { filter: /^(better-sqlite3|tsx|@anthropic-ai\/tokenizer)(\/|$)/ },
      async ({ path, pluginData, ...from }) => {
        if (pluginData === apart) return undefined
        const found = await resolve(path, { ...from, pluginData: apart })
        return { errors: found.errors, path: pathToFileURL(found.path).href, external: true }
      },
    ),
}

export default async (project: TestProject) => {
  const folder = await mkdtemp(join(tmpdir(), "runlease-bundle-"))
  const outfile = join(folder, "runlease.mjs")
  await build({
    entryPoints: [fileURLToPath(new URL("../src/bin.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    // For the packages that are CommonJS.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    plugins: [apart],
    logLevel: "error",
  })
  project.provide("runlease", outfile)
  return () => rm(folder, { recursive: true })
}
