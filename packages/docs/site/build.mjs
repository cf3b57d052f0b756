/** Builds the site into ../dist/site: writes the generated pages, then all of them as VitePress makes them. */
import { build } from "vitepress"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { generate } from "./generate/main.mjs"

const site = import.meta.dirname
const out = join(site, "../dist/site")

const endpoints = await generate({ typedoc: process.env.TYPEDOC_PAGES })
await build(site)

const files = readdirSync(out, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
const pages = files.filter((file) => file.endsWith(".html"))
const size = files.reduce((sum, file) => sum + statSync(file).size, 0)
process.stdout.write(
  `${pages.length} pages, ${endpoints} endpoints, ${files.length} files, ${(size / 2 ** 20).toFixed(1)} MiB: ${out}\n`,
)
