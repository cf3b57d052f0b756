/**
 * Resolves the packages that are measured to what is built of them, as a user has them: what runs a source as it is
 * names every function anew each time it is made, which costs more than some of what is measured.
 *
 * With RUNLEASE_BENCH_CHECKOUT they are the packages of that checkout, with the dependencies that are installed there.
 */
import { readFileSync } from "node:fs"
import { register } from "node:module"
import { pathToFileURL } from "node:url"
import { isMainThread } from "node:worker_threads"

if (isMainThread) register(import.meta.url)

const here = new URL("../", import.meta.url)
const other = process.env["RUNLEASE_BENCH_CHECKOUT"]
const checkout = other === undefined ? here : pathToFileURL(`${other}/`)

/** The published paths of a package. */
const publishedPaths = (name) =>
  JSON.parse(readFileSync(new URL(`packages/${name}/package.json`, checkout), "utf8")).publishConfig.exports

/** The programs of this folder share their dependencies with the packages, since Effect must not be there twice. */
const sharing = (specifier, { parentURL }) =>
  checkout !== here &&
  /^[@a-z]/.test(specifier) &&
  !/^[a-z]+:/.test(specifier) &&
  parentURL?.startsWith(new URL("bench/src/", here).href)

export const resolve = (specifier, context, next) => {
  const [, name, module] = /^@runlease\/(core|store|http|sql)(?:\/(.+))?$/.exec(specifier) ?? []
  if (name !== undefined) {
    const wanted = module === undefined ? "." : `./${module}`
    const paths = Object.entries(publishedPaths(name))
    const exact = paths.find(([path]) => path === wanted)
    const [folder, file] =
      paths.find(([path]) => path.endsWith("*") && wanted.startsWith(path.slice(0, -1))) ?? []
    const path = exact?.[1].import ?? file?.import.replace("*", wanted.slice(folder.length - 1))
    if (path === undefined) throw new Error(`${specifier} is not published`)
    return next(new URL(`packages/${name}/${path}`, checkout).href, context)
  }
  return sharing(specifier, context)
    ? next(specifier, { ...context, parentURL: new URL("bench/built.mjs", checkout).href })
    : next(specifier, context)
}
