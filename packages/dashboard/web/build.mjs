// Builds the pages into dist/web, each file beside its compressed form, unless what is there is newer than all sources. Fails when they
// have more JavaScript than their budget.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { extname, join } from "node:path"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"
import { checkBudget } from "./budget.mjs"

const web = import.meta.dirname
const out = join(web, "../dist/web")
const built = join(out, "built")

/** Every file below a folder. */
const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const sources = [...filesOf(web), join(web, "../package.json")]
const isCurrent = () =>
  existsSync(built) && sources.every((file) => statSync(file).mtimeMs <= statSync(built).mtimeMs)

if (!isCurrent()) {
  process.stderr.write("Building the pages of the dashboard, which takes a while …\n")
  const { build } = await import("vite")
  // Where a run of tests builds, they would get the React of developers, which is larger and slower.
  const environment = process.env.NODE_ENV
  process.env.NODE_ENV = "production"
  const output = await build({ configFile: join(web, "vite.config.ts"), logLevel: "warn" })
  if (environment === undefined) delete process.env.NODE_ENV
  else process.env.NODE_ENV = environment
  for (const file of filesOf(out)) {
    if (![".js", ".css", ".html", ".svg"].includes(extname(file))) continue
    const bytes = readFileSync(file)
    if (bytes.length < 1024) continue
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
    writeFileSync(
      `${file}.br`,
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    )
  }
  checkBudget(out, output)
  writeFileSync(built, "")
}
