/**
 * Bundles the command of a checkout. A process starts from the bundle in a sixth of the CPU time that the sources take, and
 * compiles only the parts that its command imports.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
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
  /^import \{([^}]*)\} from "(effect|@effect\/cli|@effect\/platform|@runlease\/(?:core(?:\/executor|\/internal|\/store)?|sql))"$/gm

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
    onLoad({ filter: /packages\/[^/]+\/src\/.*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8")
      const contents = Deferred.inOwn(withoutIndexes(text)).replaceAll("import.meta.url", () => place(path))
      return { contents, loader: "ts" }
    }),
})

/** A source of an example. What it starts from a source beside itself, it starts from the bundle of that. */
const ofExample = {
  name: "example",
  setup: ({ onLoad }) =>
    onLoad({ filter: /examples\/[^/]+\/src\/.*\.ts$/ }, async ({ path }) => {
      const place = placeOf(path)
      const contents = (await readFile(path, "utf8"))
        .replaceAll("import.meta.url", place)
        .replaceAll(new RegExp(`"([\\w-]+)\\.ts", ${place}`, "g"), '"$1.mjs", import.meta.url')
      return { contents, loader: "ts" }
    }),
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
  const { metafile } = await build({
    entryPoints: sources.map((source) => fileURLToPath(source)),
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
    // CommonJS packages in the bundle need `require`.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    plugins: [...plugins, Deferred.plugin(deferred)],
    logLevel: "error",
  })
  const sourcesOfDeferred = await Deferred.write(deferred, outdir)
  const files = [...Object.keys(metafile.inputs), ...sourcesOfDeferred]
  return { metafile, deferred: Array.from(deferred.keys()), files }
}

/** Bundles a source into a folder, and gives the path of the file `name`. */
export const bundle = async (source, outdir, name) => {
  await bundleInto([source], outdir, name)
  return join(outdir, `${name}.mjs`)
}

/** Bundles the sources of a program that starts itself anew in other processes, each as a file of its name in the folder. */
export const programs = (sources, outdir) => bundleInto(sources, outdir, "[name]")

/** The command as a process, and as a function that tests call. */
const sources = ["packages/cli/src/bin.ts", "packages/cli/test/InProcess.ts"]

/** The versions of all packages, and how the bundle is made. */
const always = [
  "pnpm-lock.yaml",
  "packages/cli/checkout/bundle.mjs",
  "packages/cli/checkout/deferred.mjs",
  Deferred.ownSource,
]

const folder = join(repository, "node_modules/.cache/runlease")
const record = join(folder, "current.json")

/** What a file is, as far as a change shows without reading it; undefined when it does not exist. */
const stampOf = (file) => {
  const stat = statSync(join(repository, file), { throwIfNoEntry: false })
  return stat === undefined ? undefined : `${stat.mtimeMs} ${stat.size}`
}

const readCurrent = () => {
  try {
    const { entries, inputs } = JSON.parse(readFileSync(record, "utf8"))
    const changed = Object.entries(inputs).some(([file, stamp]) => stampOf(file) !== stamp)
    return changed || entries.some((entry) => stampOf(entry) === undefined) ? undefined : entries
  } catch {
    return undefined
  }
}

/** Removes what bundles of earlier sources left, once no process can be loading it. */
const removeOld = (outputs) => {
  const aDayAgo = Date.now() - 86_400_000
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (!outputs.has(file) && file !== record && statSync(file).mtimeMs < aDayAgo)
      rmSync(file, { force: true })
  }
}

/** The paths of the bundled sources, made anew when a source has changed. */
const entries = async () => {
  const current = readCurrent()
  if (current !== undefined) return current
  mkdirSync(folder, { recursive: true })
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
  const made = sources.map((source) => outputs.find(([, { entryPoint }]) => entryPoint === source)[0])
  const stamps = inputs.map((file) => [
    file,
    statSync(join(repository, file)).mtimeMs < started ? stampOf(file) : "",
  ])
  const text = JSON.stringify({ entries: made, inputs: Object.fromEntries(stamps) })
  const draft = `${record}.${process.pid}`
  writeFileSync(draft, text)
  renameSync(draft, record)
  removeOld(
    new Set([
      ...outputs.map(([file]) => join(repository, file)),
      ...deferred.map((file) => join(folder, file)),
    ]),
  )
  return made
}

/**
 * The path of the command's bundle, made anew when a source has changed. The names of its files have digests of their content, so a
 * process that runs on an earlier bundle still finds all of it.
 */
export const command = async () => join(repository, (await entries())[0])

/** The path of `test/InProcess.ts` in the same bundle. */
export const inProcess = async () => join(repository, (await entries())[1])
