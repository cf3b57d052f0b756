/** Writes the API reference: a page for each public module, of what TypeDoc has made from the docstrings of the sources. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { servicesOf } from "./services.mjs"
import { shorten } from "./shorten.mjs"

/** A sentence of a docstring, for a table. */
const sentence = (text) =>
  (text.split("\n\n")[0] ?? "").replaceAll("\n", " ").replaceAll("|", "\\|").replace(/:$/, ".")

/** The README of a package as a part of a page of the site. It is also shown by npm, so it links to the source repository. */
const readmeOf = (root, folder) =>
  readFileSync(join(root, "packages", folder, "README.md"), "utf8")
    .replaceAll(/\]\(https:\/\/github\.com\/runlease\/runlease\/blob\/main\/docs\//g, "](/")
    .replaceAll(/\]\((?:\.\.\/){2}docs\//g, "](/")
    .replace(/\n[^\n]*Apache-2\.0\n$/, "\n")
    .trim()

const indexOf = (root, { folder, modules }) =>
  [
    readmeOf(root, folder),
    `## Modules`,
    `Their sources are in [packages/${folder}](../../../../../../packages/${folder}).`,
    `| Module | About |\n| --- | --- |`,
  ]
    .join("\n\n")
    .concat("\n")
    .concat(
      modules
        .map((module) => `| [${module.name}](./${module.name}.md) | ${sentence(module.about)} |`)
        .join("\n"),
    )

const overviewOf = (packages) =>
  [
    "# API reference",
    "Each public module of each package, by the docstrings of its exports. A service that says `Fails` names the errors that a caller can act on; durations have their units.",
    `| Package | About |\n| --- | --- |\n${packages.map(({ description, folder, name }) => `| [${name}](./${folder}/index.md) | ${description.replaceAll("|", "\\|")} |`).join("\n")}`,
  ].join("\n\n")

/**
 * The page of a module in TypeDoc's folder, whose name has a number where a member has the same name. A module whose exports have no docstrings
 * has none.
 */
const sourceOf = (out, { folder }, { name }) => {
  const at = join(out, folder, "src/namespaces")
  for (const file of [`${name}.md`, ...Array.from({ length: 9 }, (_, index) => `${name}-${index + 1}.md`)]) {
    try {
      return readFileSync(join(at, file), "utf8")
    } catch {
      continue
    }
  }
  return undefined
}

/** The path of a link of TypeDoc, as the pages are laid out here. */
const relink = (text, folder) =>
  text.replaceAll(/\]\(([^)#\s]+\.md)(#[^)\s]*)?\)/g, (link, path, anchor = "") => {
    const target = join("/", folder, "src/namespaces", path)
    const [, to, module] = /^\/([\w-]+)\/src\/namespaces\/(\w+?)(?:-\d)?\.md$/.exec(target) ?? []
    return to === undefined ? link : `](${to === folder ? "." : `../${to}`}/${module}.md${anchor})`
  })

/** A docstring names a decision by its file: the page is beside these. */
const linkDecisions = (text) =>
  text.replaceAll(
    /`?docs\/decisions\/(\d{4})([\w-]*)\.md`?/g,
    (_, number, rest) => `[decision ${Number(number)}](/decisions/${number}${rest}.md)`,
  )

/** The heading of each category. */
const capitalized = (text) => text.replaceAll(/^## ([a-z])/gm, (_, letter) => `## ${letter.toUpperCase()}`)

const pageOf = (out, one, module) => {
  const members = (sourceOf(out, one, module) ?? "").replace(/^# .*\n/, "")
  const imported = `\`\`\`ts\nimport { ${module.name} } from "${one.name}"\n\`\`\``
  const text = shorten(capitalized(relink(members, one.folder)))
  const parts = [`# ${module.name}`, imported, module.about, servicesOf(module.file), text]
  // Suites name all that they test, and would be most of what a search finds.
  const search = one.folder === "testkit" ? "\nsearch: false" : ""
  return `---\noutline: [2, 3]${search}\n---\n\n${linkDecisions(parts.join("\n\n"))}\n`
}

/** Writes the pages to `folder` from TypeDoc's in `out`, and gives their names for the sidebar. */
export const writeApiReference = (root, packages, out, folder) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "index.md"), `${overviewOf(packages)}\n`)
  for (const one of packages) {
    if (one.modules.every((module) => sourceOf(out, one, module) === undefined)) {
      throw new Error(`TypeDoc has no page of ${one.name}`)
    }
    mkdirSync(join(folder, one.folder), { recursive: true })
    writeFileSync(join(folder, one.folder, "index.md"), `${indexOf(root, one)}\n`)
    for (const module of one.modules) {
      writeFileSync(join(folder, one.folder, `${module.name}.md`), pageOf(out, one, module))
    }
  }
  return packages.map(({ folder, modules, name }) => ({
    text: name,
    link: `/reference/${folder}/`,
    collapsed: folder !== "core",
    items: modules.map((module) => ({ text: module.name, link: `/reference/${folder}/${module.name}` })),
  }))
}
