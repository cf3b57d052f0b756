// The bill of materials of an installed project as CycloneDX, by npm, and the check of its licences.
import { writeFileSync } from "node:fs"
import { installed, npm, run } from "../install/project.mjs"

/** Licences that may be shipped: none of them asks for more than its text and its notices. */
const allowed = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Python-2.0",
  "Unlicense",
])

const isAllowed = (expression) => {
  const plain = expression.replaceAll(/[()]/g, "")
  if (plain.includes(" OR ")) return plain.split(" OR ").some(isAllowed)
  return plain.split(" AND ").every((name) => allowed.has(name.trim()))
}

const licencesOf = ({ licenses = [] }) =>
  licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? "")

/** Writes the bill of a project to `file`. Fails where it leaves a package out, or where one has no licence that may be shipped. */
export const writeMaterials = (folder, file) => {
  // A bill has a subject with a version.
  const { version: subject } = installed(folder)["node_modules/@runlease/cli"]
  npm(["pkg", "set", "name=runlease", `version=${subject}`], folder)
  const text = run("npm", ["sbom", "--sbom-format", "cyclonedx", "--omit", "dev"], folder)
  const { components } = JSON.parse(text)
  const listed = new Set(
    components.map(({ group, name, version }) => `${group ? `${group}/` : ""}${name}@${version}`),
  )
  const problems = Object.entries(installed(folder)).flatMap(([path, { dev, optional, version }]) => {
    if (path === "" || dev || optional) return []
    const id = `${path.slice(path.lastIndexOf("node_modules/") + 13)}@${version}`
    return listed.has(id) ? [] : [`${id} is installed and is not in the bill of materials`]
  })
  for (const component of components) {
    const licences = licencesOf(component)
    const id = `${component.name}@${component.version}`
    if (component.version === undefined) problems.push(`${id} has no version`)
    if (licences.length === 0) problems.push(`${id} names no licence`)
    for (const licence of licences.filter((each) => !isAllowed(each))) {
      problems.push(`${id} has the licence ${licence}, which scripts/release/materials.mjs does not allow`)
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"))
  writeFileSync(file, text)
  return components.length
}

/** Checks the licences of what the image installs by the lock file. Returns how many packages that are. */
export const checkImageLicences = () => {
  const filters = ["--filter-prod", "@runlease/cli...", "--filter-prod", "@runlease/deploy"]
  const licences = JSON.parse(run("pnpm", ["licenses", "list", "--prod", "--json", ...filters]))
  for (const [licence, packages] of Object.entries(licences)) {
    if (!isAllowed(licence)) {
      throw new Error(`the image has ${packages.map(({ name }) => name)} with the licence ${licence}`)
    }
  }
  return Object.values(licences).flat().length
}
