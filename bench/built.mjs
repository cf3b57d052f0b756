/**
 * Resolves the packages that are measured to what is built of them, as a user has them: what runs a source as it is
 * names every function anew each time it is made, which costs more than some of what is measured.
 */
import { readFileSync } from "node:fs"
import { register } from "node:module"
import { isMainThread } from "node:worker_threads"

if (isMainThread) register(import.meta.url)

const packages = new URL("../packages/", import.meta.url)

/** The published paths of a package. */
const publishedPaths = (name) =>
  JSON.parse(readFileSync(new URL(`${name}/package.json`, packages), "utf8")).publishConfig.exports

export const resolve = (specifier, context, next) => {
  const [, name, module] = /^@runlease\/(core|http|sql)(?:\/(.+))?$/.exec(specifier) ?? []
  if (name === undefined) return next(specifier, context)
  const path = publishedPaths(name)[module === undefined ? "." : `./${module}`].import
  return next(new URL(`${name}/${path}`, packages).href, context)
}
