/** The public modules of the packages, as their indexes name them, each with what its first docstring says. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

const exported = /^export (?:type )?\* as (\w+) from "(.+)\.js"$/gm

const docstring = /^\/\*\*([\s\S]*?)\*\//

/** The docstring at the head of a file, as Markdown without its tags. */
const headOf = (file) => {
  const [, text = ""] = docstring.exec(readFileSync(file, "utf8")) ?? []
  return text
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .filter((line) => !line.startsWith("@"))
    .join("\n")
    .trim()
}

/** The order of the packages in the sidebar: those that most programs import, first. */
const order = [
  "core",
  "store",
  "sql",
  "http",
  "http-a2a",
  "http-chat",
  "http-mcp",
  "http-responses",
  "workflow",
]

const placeOf = ({ folder }) => (order.includes(folder) ? order.indexOf(folder) : order.length)

/** Indexes beside that of a package, for other readers, and modules that no index has since they need a library more. */
const further = { core: ["executor"], http: ["face"] }
const apart = { testkit: ["ModelServer", "WorkerProcess"] }

/** What an index exports, as modules of a part of the package. `path` is that of the page below the package. */
const modulesOf = (at, folder, part) => {
  const index = join(at, `src/${part ?? "index"}.ts`)
  const exports = [...readFileSync(index, "utf8").matchAll(exported)].map(([, name, path]) => ({
    name,
    path,
  }))
  const alone =
    part === undefined ? (apart[folder] ?? []).map((name) => ({ name, path: name, alone: true })) : []
  return [...exports, ...alone].map(({ alone: isAlone = false, name, path }) => {
    const file = join(dirname(index), `${path}.ts`)
    const prefix = part === undefined ? "" : `${part}/`
    return { name, file, about: headOf(file), alone: isAlone, path: `${prefix}${name}` }
  })
}

const readPackages = (root) =>
  readdirSync(join(root, "packages")).flatMap((folder) => {
    const at = join(root, "packages", folder)
    const manifest = JSON.parse(readFileSync(join(at, "package.json"), "utf8"))
    if (manifest.private) return []
    const parts = [undefined, ...(further[folder] ?? [])].map((part) => ({
      entry: part === undefined ? manifest.name : `${manifest.name}/${part}`,
      modules: modulesOf(at, folder, part),
    }))
    return [{ folder, parts, name: manifest.name, description: manifest.description }]
  })

/** The public packages of the repository with their modules, in the order of the sidebar. */
export const packagesOf = (root) => readPackages(root).sort((a, b) => placeOf(a) - placeOf(b))
