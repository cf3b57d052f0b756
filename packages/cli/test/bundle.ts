/**
 * Bundles the command, once for all tests. A process starts from it in a fifth of the time that the sources take, and compiles
 * only the parts that its command imports.
 */
import { build, type Plugin } from "esbuild"
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** The path of the bundled command. */
    readonly runlease: string
  }
}

/** Packages that read files beside their code are not bundled. */
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
  // The pages of the dashboard are beside the folder of the program, as they are once it is published.
  const outdir = join(folder, "bin")
  await import(new URL("../../dashboard/web/build.mjs", import.meta.url).href)
  await cp(fileURLToPath(new URL("../../dashboard/dist/web", import.meta.url)), join(folder, "dist/web"), {
    recursive: true,
  })
  await build({
    entryPoints: [fileURLToPath(new URL("../src/bin.ts", import.meta.url))],
    outdir,
    entryNames: "runlease",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    // CommonJS packages in the bundle need `require`.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    plugins: [apart],
    logLevel: "error",
  })
  project.provide("runlease", join(outdir, "runlease.mjs"))
  return () => rm(folder, { recursive: true })
}
