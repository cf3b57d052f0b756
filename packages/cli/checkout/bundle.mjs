/**
 * Bundles the command of a checkout. A process starts from the bundle in a sixth of the CPU time that the sources take, and
 * compiles only the parts that its command imports.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Deferred from "./deferred.mjs"

const repository = fileURLToPath(new URL("../../..", import.meta.url))

/** Packages that read files beside their code are not bundled. */
const external = {
  name: "external",
  setup: ({ onResolve, resolve }) =>
    onResolve(
      { filter: /^(better-sqlite3|tsx|@anthropic-ai\/tokenizer)(\/|$)/ },
      async ({ path, pluginData, ...from }) => {
        if (pluginData === external) return undefined
        const found = await resolve(path, { ...from, pluginData: external })
        return { errors: found.errors, path: pathToFileURL(found.path).href, external: true }
      },
    ),
}

/** `import { Effect, type Scope } from "effect"`: an index exports each module under its name. */
const ofIndex =
  /^import \{([^}]*)\} from "(effect|@effect\/cli|@effect\/platform|@runlease\/(?:core(?:\/executor)?|store|sql))"$/gm

/** These exports of the index are functions of one module. */
const functions = new Set(["absurd", "flow", "hole", "identity", "pipe", "unsafeCoerce"])

/** The paths of the modules that an index of this repository exports, by their names. */
const modulesOf = new Map()

/** The path of a module that an index exports. */
const pathOf = (index, exported) => {
  if (!index.startsWith("@runlease/")) return `${index}/${exported}`
  const [name, part = "index"] = index.slice("@runlease/".length).split("/")
  const file = new URL(`../../${name}/src/${part}.ts`, import.meta.url)
  if (!modulesOf.has(index)) {
    const lines = readFileSync(file, "utf8").matchAll(/^export \* as (\w+) from "(.*)\.js"$/gm)
    modulesOf.set(
      index,
      new Map(
        Array.from(lines, ([, exported, path]) => [exported, fileURLToPath(new URL(`${path}.ts`, file))]),
      ),
    )
  }
  return modulesOf.get(index).get(exported)
}

/** Imports the modules themselves: what one command uses of an index would be in the chunks of all that import it. */
const withoutIndexes = (text) =>
  text.replaceAll(ofIndex, (_, names, index) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "" && !name.startsWith("type "))
      .map((name) => {
        const [exported, local = exported] = name.split(" as ")
        return functions.has(exported)
          ? `import { ${name} } from "effect/Function"`
          : `import * as ${local} from ${JSON.stringify(pathOf(index, exported))}`
      })
      .join("; "),
  )

/** Where a source is, as an expression. */
const placeOf = (path) => JSON.stringify(pathToFileURL(path).href)

/** A source of this repository. It finds files beside itself from the bundle too. */
export const ownSource = (place) => ({
  name: "own source",
  setup: ({ onLoad }) =>
    onLoad({ filter: /packages\/[^/]+\/(?:src|test)\/.*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8")
      const contents = Deferred.inOwn(withoutIndexes(text)).replaceAll("import.meta.url", () => place(path))
      return { contents, loader: "ts" }
    }),
})

/** The name of a source's file in a bundle of several sources, from its path in the repository. */
const nameOf = (path) => relative(repository, path).replace(/\.ts$/, "").replaceAll(/[\\/]/g, "-")

/** A source of an example. What it starts from a source beside itself, it starts from the bundle of that. */
const ofExample = {
  name: "example",
  setup: ({ onLoad }) =>
    onLoad({ filter: /examples\/(?:[^/]+\/){1,2}src\/.*\.ts$/ }, async ({ path }) => {
      const place = placeOf(path)
      const contents = (await readFile(path, "utf8"))
        .replaceAll("import.meta.url", place)
        .replaceAll(
          new RegExp(`"([\\w-]+\\.ts)", ${place}`, "g"),
          (_, name) => `"${nameOf(join(dirname(path), name))}.mjs", import.meta.url`,
        )
      return { contents, loader: "ts" }
    }),
}

/** Replaces a file at once: a process that starts meanwhile reads the one or the other, and no part of one. */
const replace = (file, contents) => {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, contents)
  renameSync(draft, file)
}

/** CommonJS packages in the bundle need `require`. */
const banner =
  'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);'

/** The text of a file of the bundle. Most need no `require`, which takes a tenth of a millisecond to make. */
const withoutBanner = (text) => {
  const rest = text.replace(`${banner}\n`, "")
  return /\brequire\b/.test(rest) ? text : rest
}

/** Bundles sources into a folder, by default for a checkout. */
export const bundleInto = async (
  sources,
  outdir,
  entryNames,
  plugins = [external, ownSource(placeOf), ofExample],
) => {
  const { build } = await import("esbuild")
  const deferred = new Map()
  const { metafile, outputFiles } = await build({
    entryPoints: sources.map((source) => {
      const path = fileURLToPath(source)
      return { in: path, out: nameOf(path) }
    }),
    write: false,
    outdir,
    entryNames,
    outExtension: { ".js": ".mjs" },
    absWorkingDir: repository,
    metafile: true,
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: banner },
    plugins: [...plugins, Deferred.plugin(deferred)],
    logLevel: "error",
  })
  mkdirSync(outdir, { recursive: true })
  for (const { path, text } of outputFiles) replace(path, withoutBanner(text))
  const sourcesOfDeferred = await Deferred.write(deferred, outdir)
  const files = [...Object.keys(metafile.inputs), ...sourcesOfDeferred]
  return { metafile, deferred: Array.from(deferred.keys()), files }
}

/** Bundles a source into a folder, and gives the path of the file `name`. */
export const bundle = async (source, outdir, name) => {
  await bundleInto([source], outdir, name)
  return join(outdir, `${name}.mjs`)
}

/** Bundles the sources of programs that start each other, as files of one folder. Gives their paths. */
export const programs = async (sources, outdir) => {
  await bundleInto(sources, outdir, "[name]")
  return sources.map((source) => join(outdir, `${nameOf(fileURLToPath(source))}.mjs`))
}

/** The versions of all packages, and how the bundle is made. */
const always = [
  "pnpm-lock.yaml",
  "packages/cli/checkout/bundle.mjs",
  "packages/cli/checkout/deferred.mjs",
  Deferred.ownSource,
]

/** What a file is, as far as a change shows without reading it; undefined when it does not exist. */
const stampOf = (file) => {
  const stat = statSync(join(repository, file), { throwIfNoEntry: false })
  return stat === undefined ? undefined : `${stat.mtimeMs} ${stat.size}`
}

/** The paths of the bundled sources by their own paths, unless one of their sources has changed. */
const readCurrent = (record, sources) => {
  try {
    const { entries, inputs } = JSON.parse(readFileSync(record, "utf8"))
    const changed = Object.entries(inputs).some(([file, stamp]) => stampOf(file) !== stamp)
    const isThere = (source) => source in entries && stampOf(entries[source]) !== undefined
    return changed || !sources.every(isThere) ? undefined : entries
  } catch {
    return undefined
  }
}

/** Removes what bundles of earlier sources left, once no process can be loading it. */
const removeOld = (folder, outputs) => {
  const aDayAgo = Date.now() - 86_400_000
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (!outputs.has(file) && statSync(file).mtimeMs < aDayAgo) rmSync(file, { force: true })
  }
}

/**
 * The paths of the bundles of sources by the paths of these in the repository, made anew when a source has changed. The names of the files
 * have digests of their content, so a process that runs on an earlier bundle still finds all of it.
 */
const make = async (name, sources) => {
  const folder = join(repository, "node_modules/.cache/runlease", name)
  const record = join(folder, "current.json")
  const current = readCurrent(record, sources)
  if (current !== undefined) return current
  // Taken before the sources are read: a change while they are bundled makes the next bundle.
  const started = Date.now()
  const urls = sources.map((source) => new URL(`../../../${source}`, import.meta.url))
  const { deferred, metafile } = await bundleInto(urls, folder, "[name]-[hash]")
  const inputs = [
    ...always,
    ...Object.keys(metafile.inputs).filter((file) => !file.includes("node_modules/")),
  ]
  // The compiler is a process that would wait for more to compile.
  await (await import("esbuild")).stop()
  const outputs = Object.entries(metafile.outputs)
  const entries = Object.fromEntries(
    outputs.flatMap(([file, { entryPoint }]) => (sources.includes(entryPoint) ? [[entryPoint, file]] : [])),
  )
  const stamps = inputs.map((file) => [
    file,
    statSync(join(repository, file)).mtimeMs < started ? stampOf(file) : "",
  ])
  replace(record, JSON.stringify({ entries, inputs: Object.fromEntries(stamps) }))
  removeOld(
    folder,
    new Set([
      record,
      ...outputs.map(([file]) => join(repository, file)),
      ...deferred.map((file) => join(folder, file)),
    ]),
  )
  return entries
}

let last = Promise.resolve()

/** The path of the bundle of `source`, which is made together with those of `sources`, one such bundle after the other. */
const made = async (name, sources, source) => {
  const making = last.then(() => make(name, sources))
  last = making.catch(() => {})
  return join(repository, (await making)[source])
}

/** The command as a process, as a function that tests call, and its help, which the build writes. */
const ofCommand = [
  "packages/cli/src/bin.ts",
  "packages/cli/test/InProcess.ts",
  "packages/cli/checkout/help.ts",
]

/** The path of the command's bundle, made anew when a source has changed. */
export const command = () => made("command", ofCommand, ofCommand[0])

/** The path of `test/InProcess.ts` in the same bundle. */
export const inProcess = () => made("command", ofCommand, ofCommand[1])

/** The path of `help.ts` in the same bundle. */
export const help = () => made("command", ofCommand, ofCommand[2])

/**
 * The path of the bundle of a fixture of tests, made anew when a source has changed. The sources of a folder are bundled together, at the
 * first use of one.
 */
export const fixture = (source) => {
  const path = relative(repository, fileURLToPath(source)).replaceAll("\\", "/")
  const folder = dirname(path)
  const sources = readdirSync(join(repository, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`)
  return made(nameOf(join(repository, folder)), sources, path)
}
