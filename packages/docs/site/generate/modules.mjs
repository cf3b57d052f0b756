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
const order = ["core", "sql", "http", "workflow"]

const placeOf = ({ folder }) => (order.includes(folder) ? order.indexOf(folder) : order.length)

const readPackages = (root) =>
  readdirSync(join(root, "packages")).flatMap((folder) => {
    const at = join(root, "packages", folder)
    const manifest = JSON.parse(readFileSync(join(at, "package.json"), "utf8"))
    if (manifest.private) return []
    const index = join(at, "src/index.ts")
    const modules = [...readFileSync(index, "utf8").matchAll(exported)].map(([, name, path]) => {
      const file = join(dirname(index), `${path}.ts`)
      return { name, file, about: headOf(file) }
    })
    return [{ folder, index, modules, name: manifest.name, description: manifest.description }]
  })

/** The public packages of the repository with their modules, in the order of the sidebar. */
export const packagesOf = (root) => readPackages(root).sort((a, b) => placeOf(a) - placeOf(b))
