/**
 * Bundles the command, or a module of its workers. A process starts from it in a fifth of the time that the sources take, and compiles
 * only the parts that its command imports.
 */
import { build, type Plugin } from "esbuild"
import { cp } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

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

/** Bundles a source into a folder, and gives the path of what `name` says. */
export const bundle = async (source: URL, outdir: string, name: string): Promise<string> => {
  await build({
    entryPoints: [fileURLToPath(source)],
    outdir,
    entryNames: name,
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
  return join(outdir, `${name}.mjs`)
}

/** Bundles the command, and gives its path in `folder`. */
export const command = async (folder: string): Promise<string> => {
  // The pages of the dashboard are beside the folder of the program, as they are once it is published.
  await import(new URL("../../dashboard/web/build.mjs", import.meta.url).href)
  await cp(fileURLToPath(new URL("../../dashboard/dist/web", import.meta.url)), join(folder, "dist/web"), {
    recursive: true,
  })
  return bundle(new URL("../src/bin.ts", import.meta.url), join(folder, "bin"), "runlease")
}
