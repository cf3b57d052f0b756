/**
 * Where the module of the demonstration's agents is, for people and for workers.
 */
import { extname } from "node:path"
import { fileURLToPath } from "node:url"

/** The module, next to this one: a source or its build. */
export const path = fileURLToPath(new URL(`./Agents${extname(import.meta.url)}`, import.meta.url))

/** The same module as a part of this program. It imports the Effect of the worker, and nothing is compiled for it. */
export const load = (): Promise<unknown> => import("./Agents.js")
