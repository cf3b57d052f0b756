// The sizes of the tarballs and of installed projects, beside the budget that each has in scripts/budgets.json.
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"

const budgets = JSON.parse(readFileSync(new URL("../budgets.json", import.meta.url), "utf8"))

/** The bytes of the files of a folder, without what links lead to. */
export const bytesOf = (path) => {
  const entry = lstatSync(path)
  if (entry.isFile()) return entry.size
  if (!entry.isDirectory()) return 0
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}

const kilobytes = (bytes) => Math.ceil(bytes / 1000)

/** The packages of a project with the most bytes. */
export const heaviest = (folder, count) => {
  const modules = join(folder, "node_modules")
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((child) => join(name, child)) : [name],
    )
    .map((name) => ({ name, size: kilobytes(bytesOf(join(modules, name))) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, count)
}

/** Prints the sizes beside their budgets. Returns what is over its budget. */
const compare = (title, limits, sizes) => {
  console.log(`\n${title}, in kB${"".padEnd(Math.max(0, 40 - title.length))}   size  budget`)
  return sizes.flatMap(({ name, size }) => {
    const budget = limits[name] ?? limits["*"]
    console.log(`  ${name.padEnd(46)} ${String(size).padStart(7)} ${String(budget).padStart(7)}`)
    return size > budget ? [`${name} is ${size} kB, and its budget is ${budget} kB`] : []
  })
}

/** Checks the tarballs, and the projects by their names. */
export const checkBudgets = (packed, projects) => {
  const tarballs = packed.map(({ manifest, tarball }) => ({
    name: manifest.name,
    size: kilobytes(statSync(tarball).size),
  }))
  const folders = Object.entries(projects).map(([name, folder]) => ({
    name,
    size: kilobytes(bytesOf(join(folder, "node_modules"))),
  }))
  const over = [
    ...compare("Tarballs", budgets.tarballs, tarballs),
    ...compare("Installed projects", budgets.projects, folders),
  ]
  for (const [name, folder] of Object.entries(projects)) {
    console.log(`\nThe heaviest of ${name}, in kB`)
    for (const each of heaviest(folder, 12))
      console.log(`  ${each.name.padEnd(46)} ${String(each.size).padStart(7)}`)
  }
  if (over.length > 0) {
    throw new Error(
      `over budget:\n  ${over.join("\n  ")}\nMake it smaller, or raise scripts/budgets.json and say why`,
    )
  }
}
