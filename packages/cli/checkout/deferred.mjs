/**
 * Modules that other modules import and few commands use. Each is a file of its own beside the bundle, which the first use loads.
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync, renameSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const repository = fileURLToPath(new URL("../../..", import.meta.url))

/** Libraries: the ending of the path of what imports each, the name of the import there, and the package. */
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

/** A source of this repository that imports no other one. What imports it has it as a namespace, and uses it in functions alone. */
export const ownSource = "packages/http/src/agui/ProtocolSchemas.ts"
const importOfOwn = /^import \* as (\w+) from "(?:\.{1,2}\/)+(?:agui\/)?ProtocolSchemas\.js"$/m

/** Its file has a digest in its name, of its text and of the versions of what it imports. */
const fileOfOwn = () => {
  const text = readFileSync(join(repository, ownSource), "utf8")
  const require = createRequire(join(repository, ownSource))
  const versions = Array.from(
    text.matchAll(/ from "((?:@[^/"]+\/)?[^/"]+)/g),
    ([, name]) => require(`${name}/package.json`).version,
  )
  const digest = createHash("sha256").update(JSON.stringify([text, versions]))
  return `protocol-${digest.digest("hex").slice(0, 8)}.cjs`
}

/** The statement that loads a file when a name of it is first read. */
const loadingLate = (local, file) =>
  `let ${local}Loaded; const ${local} = new Proxy({}, { get: (_, name) => (${local}Loaded ??= require("./${file}"))[name] });`

/** The text of a source of this repository, which loads late what is deferred. */
export const inOwn = (text) => text.replace(importOfOwn, (_, local) => loadingLate(local, fileOfOwn()))

/** Defers them in a bundle. `found` gets the path of each package by the name of its file. */
export const plugin = (found) => ({
  name: "deferred",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^\.\/[a-z]+-[\da-f.]+\.cjs$/ }, ({ path }) => {
      if (path === `./${fileOfOwn()}`) found.set(basename(path), join(repository, ownSource))
      return { path, external: true }
    })
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
          contents = contents.replace(statement, (_, local) => loadingLate(local, file))
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
