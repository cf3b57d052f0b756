/**
 * An executor that a user's module exports, TypeScript included.
 */
import { existsSync } from "node:fs"
import * as Module from "node:module"
import { resolve, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Options } from "@effect/cli"
import { type ControlPlane, Executor, type Run } from "@runlease/core"
import { Context, Effect, Layer, Option, Predicate, Stream } from "effect"
import * as Describe from "../help/Describe.js"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"
import * as ExecutorFlag from "./ExecutorFlag.js"

/** The forms of a worker's agents: a JSON Schema of the input of each, by the agent's id. An executor brings them along. */
export class Forms extends Context.Reference<Forms>()("@runlease/cli/Forms", {
  defaultValue: (): Readonly<Record<string, object>> => ({}),
}) {}

/** Modules that are a part of this program, by the paths of their files: nothing is compiled for them, and nothing is loaded twice. */
export class OwnModules extends Context.Reference<OwnModules>()("@runlease/cli/OwnModules", {
  defaultValue: (): ReadonlyMap<string, () => Promise<unknown>> => new Map(),
}) {}

/** The most places that are shown. */
const maxPlaces = 5

/** The file of a line of a stack trace, relative to the working folder; undefined for Node's own and for dependencies. */
const placeOf = (line: string): string | undefined => {
  const [, file, position] =
    /^\s*at .*?((?:file:\/\/)?\/[^()]*?|[A-Za-z]:\\[^()]*?):(\d+:\d+)\)?$/.exec(line) ?? []
  if (file === undefined || /node_modules|[?]/.test(file) || line.includes("node:")) return undefined
  const path = file.startsWith("file:") ? fileURLToPath(file) : file
  const folder = process.cwd() + sep
  return `${path.startsWith(folder) ? `.${sep}${path.slice(folder.length)}` : path}:${position}`
}

/** The message of what was thrown, with the places in the user's own code, one on each line. */
export const toText = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return String(thrown)
  const name = thrown.name === "Error" || thrown.name === "TransformError" ? "" : `${thrown.name}: `
  const places = (thrown.stack ?? "").split("\n").flatMap((line) => placeOf(line) ?? [])
  return [`${name}${thrown.message}`, ...places.slice(0, maxPlaces).map((place) => `  at ${place}`)].join(
    "\n",
  )
}

const hint =
  "Its default export is an executor: a function of the claimed run that returns a string, a Promise, an async generator, an " +
  "Effect or a Stream, or a Layer of Executor."

const formsHint = "Its export forms has a JSON Schema for each agent, by the agent's id."

const typescript = String.raw`/\.[cm]?tsx?([?#]|$)|\.jsx([?#]|$)/`

/**
 * The compiler, `tsx`, in the thread of Node's loader. It begins with the first module that is TypeScript, or that Node does not find by itself:
 * modules of JavaScript load without it. TypeScript is an ES module even in a folder without a package.json, where Node assumes CommonJS.
 */
const compilesTypescript = `data:text/javascript,${encodeURIComponent(`
let path, begun, tsx
export const initialize = (data) => { path = data.path }
const begin = async () => {
  const loaded = await import(path)
  await loaded.initialize({})
  tsx = loaded
}
export const resolve = async (specifier, context, next) => {
  if (tsx === undefined) {
    const found = await next(specifier, context).catch(() => undefined)
    if (found !== undefined && !${typescript}.test(found.url)) return found
    await (begun ??= begin())
  }
  const found = await tsx.resolve(specifier, context, next)
  const isScript = found.format?.startsWith("commonjs") && ${typescript}.test(found.url)
  return isScript ? { ...found, format: "module" } : found
}
export const load = (url, context, next) => (tsx === undefined ? next(url, context) : tsx.load(url, context, next))
`)}`

const isForms = (exported: unknown): exported is Readonly<Record<string, object>> =>
  Predicate.isRecord(exported) && Object.values(exported).every(Predicate.isRecord)

type ModuleOutput = Executor.Source<unknown, ControlPlane.ProjectPorts>

const isSource = (output: unknown): output is ModuleOutput =>
  Effect.isEffect(output) ||
  Predicate.hasProperty(output, Stream.StreamTypeId) ||
  Predicate.hasProperty(output, Symbol.asyncIterator)

/** Converts what a plain function returns, which may be a Promise, to a source of an executor's output. */
const sourceOf = (output: unknown): ModuleOutput => {
  if (isSource(output)) return output
  return Predicate.isPromise(output)
    ? Effect.tryPromise({ try: () => output as Promise<Executor.Output>, catch: (error) => error })
    : Effect.succeed(output as Executor.Output)
}

/** The forms that a module exports. */
const formsOf = (
  path: string,
  module: unknown,
): Effect.Effect<Readonly<Record<string, object>>, CommandFailure> => {
  const exported = Predicate.hasProperty(module, "forms") ? module.forms : {}
  return isForms(exported)
    ? Effect.succeed(exported)
    : Effect.fail(
        new CommandFailure({
          message: `The module ${path} exports forms that are no schemas`,
          hint: formsHint,
          exitCode: ExitCode.usage,
        }),
      )
}

let compiles = false

/** The module of a file, which a flag names. */
export const read = (path: string, flag = "--module"): Effect.Effect<unknown, CommandFailure> =>
  Effect.gen(function* () {
    // For a module alone: it makes Node read the source maps of all that is loaded after it. It stays until the process ends, since a run may
    // import TypeScript, and its exceptions are read by the source maps.
    if (!compiles) {
      compiles = true
      process.setSourceMapsEnabled(true)
      Module.register(compilesTypescript, { data: { path: import.meta.resolve("tsx/esm") } })
    }
    if (!existsSync(path)) {
      return yield* usage(
        `${flag}: ${path} does not exist`,
        `Check the path, which is relative to this folder, ${process.cwd()}.`,
      )
    }
    return yield* Effect.tryPromise({
      try: () => import(pathToFileURL(resolve(path)).href) as Promise<unknown>,
      catch: (error) => usage(`The module ${path} cannot be loaded: ${toText(error)}`),
    })
  })

/** The layer of the executor that the module at `path` exports, with its forms. */
export const moduleLayer = (path: string): Effect.Effect<Layer.Layer<Executor.Executor>, CommandFailure> =>
  Effect.gen(function* () {
    const own = (yield* OwnModules).get(path)
    const module = yield* own === undefined ? read(path) : Effect.promise(own)
    const forms = Layer.succeed(Forms, yield* formsOf(path, module))
    const exported = Predicate.hasProperty(module, "default") ? module.default : undefined
    if (Layer.isLayer(exported)) return Layer.merge(forms, exported as Layer.Layer<Executor.Executor>)
    if (Predicate.isFunction(exported)) {
      return Layer.merge(
        forms,
        Executor.layerFrom((run: Run.ClaimedRun) => sourceOf(exported(run))),
      )
    }
    return yield* new CommandFailure({
      message: `The module ${path} exports no executor as its default`,
      hint,
      exitCode: ExitCode.usage,
    })
  })

const options = Describe.grouped("A module", {
  module: Options.text("module").pipe(
    Options.withDescription("A JavaScript or TypeScript module that exports an executor"),
    Options.optional,
  ),
})

/** `--module ./my-worker.ts` */
export const flag = ExecutorFlag.make({
  flag: "--module",
  example: "./my-worker.ts",
  options,
  executor: ({ module }) => Option.map(module, moduleLayer),
})
