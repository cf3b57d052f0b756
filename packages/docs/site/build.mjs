/**
 * Builds the site into ../dist/site: writes the generated pages, then all of them as VitePress makes them, then compresses texts. A text is there
 * in its compressed form alone.
 */
import { build } from "vitepress"
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { extname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { generate } from "./generate/main.mjs"

const site = import.meta.dirname
const out = join(site, "../dist/site")

const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const sizeOf = (files) => files.reduce((sum, file) => sum + statSync(file).size, 0)

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

const started = performance.now()
const endpoints = await generate({ typedoc: process.env.TYPEDOC_PAGES })
await build(site)

/**
 * The links of the Markdown beside the pages. VitePress puts the place of the site before those of the pages alone, and writes the Markdown of a folder
 * beside the folder.
 */
const relink = (text) =>
  text
    .replaceAll(/\]\(\/(?!docs\/)/g, "](/docs/")
    .replaceAll(/\]\(\/docs\/([^)#\s]+)\/index\.md/g, "](/docs/$1.md")

// The Markdown has the pictures by their names, and the pages have them by their digests.
cpSync(join(site, "../../../docs/pictures"), join(out, "pictures"), {
  recursive: true,
  filter: (name) => !name.endsWith(".mjs"),
})

const files = filesOf(out)
for (const file of files.filter((name) => name.endsWith(".md") || name.endsWith("llms-full.txt"))) {
  writeFileSync(file, relink(readFileSync(file, "utf8")))
}
const size = sizeOf(files)
for (const file of files) {
  if (![".css", ".html", ".js", ".json", ".md", ".svg", ".txt"].includes(extname(file))) continue
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }))
  rmSync(file)
}

const pages = files.filter((file) => file.endsWith(".html")).length
process.stdout.write(
  `${pages} pages, ${endpoints} endpoints, ${files.length} files of ${megabytes(size)}, compressed ${megabytes(sizeOf(filesOf(out)))}, in ${Math.round((performance.now() - started) / 1000)} s: ${out}\n`,
)
