/** Writes the API reference: a page for each public module, of what TypeDoc has made from the docstrings of the sources. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { anchorOf } from "../markdown/anchors.mjs"
import { servicesOf } from "./services.mjs"
import { shorten } from "./shorten.mjs"

/** A sentence of a docstring, for a table. */
const sentence = (text) =>
  (text.split("\n\n")[0] ?? "").replaceAll("\n", " ").replaceAll("|", "\\|").replace(/:$/, ".")

/** The README of a package as a part of a page of the site. */
const readmeOf = (root, folder) =>
  readFileSync(join(root, "packages", folder, "README.md"), "utf8")
    .replace(/\n[^\n]*Apache-2\.0\n$/, "\n")
    .trim()

const tableOf = (modules) =>
  [
    "| Module | About |\n| --- | --- |",
    ...modules.map(({ about, name, path }) => `| [${name}](./${path}.md) | ${sentence(about)} |`),
  ].join("\n")

const titleOf = ({ entry }) => `Modules of ${entry}`

const indexOf = (root, { folder, parts }) =>
  [
    readmeOf(root, folder),
    "## Modules",
    `Their sources are in [packages/${folder}](../../../../../../packages/${folder}).`,
    ...parts.flatMap(({ entry, modules }, at) => [
      ...(at === 0 ? [] : [`### ${titleOf({ entry })}`]),
      tableOf(modules),
    ]),
  ].join("\n\n")

const overviewOf = (packages) =>
  [
    "# API reference",
    "Each public module of each package, by the docstrings of its exports. A service that says `Fails` names the errors that a caller can act on; durations have their units.",
    `| Package | About |\n| --- | --- |\n${packages.map(({ description, folder, name }) => `| [${name}](./${folder}/index.md) | ${description.replaceAll("|", "\\|")} |`).join("\n")}`,
  ].join("\n\n")

/** What TypeDoc has written of a module. One whose exports have no docstrings has no page. */
const membersOf = (root, out, { file }) => {
  const page = join(out, relative(join(root, "packages"), file).replace(/\.ts$/, ".md"))
  return existsSync(page) ? readFileSync(page, "utf8").replace(/^# .*\n/, "") : ""
}

/** The page of each module, by the path of TypeDoc's. A module of several indexes has its links to the first. */
const placesOf = (root, packages) => {
  const modules = packages.flatMap(({ folder, parts }) =>
    parts.flatMap((part) =>
      part.modules.map(({ file, path }) => ({ file, page: `/reference/${folder}/${path}.md` })),
    ),
  )
  return new Map(
    modules
      .toReversed()
      .map(({ file, page }) => [relative(join(root, "packages"), file).replace(/\.ts$/, ".md"), page]),
  )
}

/** The links of TypeDoc's page at `from`, as the pages are laid out here. */
const relink = (text, from, places) =>
  text.replaceAll(/\]\(([^)#\s]+\.md)(#[^)\s]*)?\)/g, (link, path, anchor = "") => {
    const page = places.get(join(dirname(from), path))
    return page === undefined ? link : `](${page}${anchor})`
  })

/** A docstring names a decision by its file: the page is beside these. */
const linkDecisions = (text) =>
  text.replaceAll(
    /`?docs\/decisions\/(\d{4})([\w-]*)\.md`?/g,
    (_, number, rest) => `[decision ${Number(number)}](/decisions/${number}${rest}.md)`,
  )

const importOf = ({ entry }, { alone, name }) =>
  alone ? `import * as ${name} from "${entry}/${name}"` : `import { ${name} } from "${entry}"`

/** Writes the pages to `folder` from TypeDoc's in `out`, and gives their names for the sidebar. */
export const writeApiReference = (root, packages, out, folder) => {
  const places = placesOf(root, packages)
  const write = (path, text) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const pageOf = (one, part, module) => {
    const from = relative(join(root, "packages"), module.file)
    const members = shorten(relink(membersOf(root, out, module), from, places))
    const imported = `\`\`\`ts\n${importOf(part, module)}\n\`\`\``
    const parts = [`# ${module.name}`, imported, module.about, servicesOf(module.file), members]
    // Suites name all that they test, and would be most of what a search finds.
    const search = one.folder === "testkit" ? "\nsearch: false" : ""
    return `---\noutline: [2, 3]${search}\n---\n\n${linkDecisions(parts.join("\n\n"))}\n`
  }
  write("index.md", `${overviewOf(packages)}\n`)
  for (const one of packages) {
    write(`${one.folder}/index.md`, `${indexOf(root, one)}\n`)
    for (const part of one.parts) {
      if (part.modules.every((module) => membersOf(root, out, module) === "")) {
        throw new Error(`TypeDoc has no page of ${part.entry}`)
      }
      for (const module of part.modules) write(`${one.folder}/${module.path}.md`, pageOf(one, part, module))
    }
  }
  const itemsOf = (one, { modules }) =>
    modules.map(({ name, path }) => ({ text: name, link: `/reference/${one.folder}/${path}` }))
  return packages.map((one) => ({
    text: one.name,
    link: `/reference/${one.folder}/`,
    items: itemsOf(one, one.parts[0]),
    parts: one.parts.slice(1).map((part) => ({
      text: part.entry,
      link: `/reference/${one.folder}/#${anchorOf(titleOf(part))}`,
      folder: `/reference/${one.folder}${part.entry.slice(one.name.length)}/`,
      items: itemsOf(one, part),
    })),
  }))
}
