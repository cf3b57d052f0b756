/**
 * Libraries that libraries import and few commands use. Each is a file of its own beside the bundle, which the first use loads.
 */
import { existsSync, renameSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const repository = fileURLToPath(new URL("../../..", import.meta.url))

/** What imports them: by the ending of its path, the name of its import, the module, and the package. */
const imports = [
  ["@effect/cli/dist/esm/internal/files.js", "ini", "ini"],
  ["@effect/cli/dist/esm/internal/files.js", "toml", "toml"],
  ["@effect/cli/dist/esm/internal/files.js", "yaml", "yaml"],
  ["@effect/platform-node/dist/esm/NodeSocket.js", "ws", "ws"],
  ["@effect/platform-node/dist/esm/internal/httpServer.js", "ws", "ws"],
  ["@effect/platform-node/dist/esm/internal/httpClientUndici.js", "../Undici.js", "undici"],
]

/** The file of a package has the version in its name: one that is there is the right one. */
const fileOf = (name, importer) => {
  const require = createRequire(importer)
  let folder = dirname(require.resolve(name))
  while (basename(folder) !== name) folder = dirname(folder)
  const { version } = require(join(folder, "package.json"))
  return `${name}-${version}.cjs`
}

/** Defers them in a bundle. `found` gets the path of each package by the name of its file. */
export const plugin = (found) => ({
  name: "deferred",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^\.\/[a-z]+-[\d.]+\.cjs$/ }, ({ path }) => ({ path, external: true }))
    onLoad(
      {
        filter:
          /@effect\/(cli\/dist\/esm\/internal\/files|platform-node\/dist\/esm\/(NodeSocket|internal\/(httpServer|httpClientUndici)))\.js$/,
      },
      async ({ path }) => {
        let contents = await readFile(path, "utf8")
        for (const [importer, module, name] of imports) {
          if (!path.replaceAll("\\", "/").endsWith(importer)) continue
          const statement = new RegExp(`^import \\* as (\\w+) from "${module.replaceAll(".", "\\.")}";$`, "m")
          if (!statement.test(contents)) throw new Error(`${importer} no longer imports ${module}`)
          const file = fileOf(name, path)
          found.set(file, createRequire(path).resolve(name))
          contents = contents.replace(
            statement,
            (_, local) => `const ${local} = new Proxy({}, { get: (_, name) => require("./${file}")[name] });`,
          )
        }
        return { contents, loader: "js" }
      },
    )
  },
})

/** Writes the files into the folder of the bundle. Gives the sources of those that were written. */
export const write = async (found, outdir) => {
  const { build } = await import("esbuild")
  const sources = []
  for (const [file, path] of found) {
    if (existsSync(join(outdir, file))) continue
    // A process that ends meanwhile leaves no part of a file under its name.
    const draft = join(outdir, `${file}.${process.pid}`)
    const { metafile } = await build({
      entryPoints: [path],
      metafile: true,
      absWorkingDir: repository,
      outfile: draft,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      logLevel: "error",
    })
    renameSync(draft, join(outdir, file))
    sources.push(...Object.keys(metafile.inputs))
  }
  return sources
}
