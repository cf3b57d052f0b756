/**
 * Resolves the packages that are measured to what is built of them, as a user has them: what runs a source as it is
 * names every function anew each time it is made, which costs more than some of what is measured.
 */
import { register } from "node:module"
import { isMainThread } from "node:worker_threads"

if (isMainThread) register(import.meta.url)

const packages = new URL("../packages/", import.meta.url).href

export const resolve = (specifier, context, next) => {
  const [, name, module = "index"] = /^@runlease\/(core|http|sql)(?:\/(.+))?$/.exec(specifier) ?? []
  return name === undefined ? next(specifier, context) : next(`${packages}${name}/dist/${module}.js`, context)
}
