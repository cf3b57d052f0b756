/** Writes the pages that are made from the sources and the README. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { writeApiReference } from "./api.mjs"
import { writeHome } from "./home.mjs"
import { writeHttpReference } from "./http.mjs"
import { packagesOf } from "./modules.mjs"
import { writeTypedoc } from "./typedoc.mjs"

const site = join(import.meta.dirname, "..")
const root = join(site, "../../..")
const folder = join(site, "generated")

const filesOf = (packages) => [
  ...new Set(
    packages.flatMap(({ parts }) => parts.flatMap(({ modules }) => modules.map(({ file }) => file))),
  ),
]

/** Generates all pages, and gives how many endpoints they have. `typedoc` has TypeDoc's pages already. */
export const generate = async ({ typedoc } = {}) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  writeHome(root, join(site, "home.template"), join(folder, "index.md"))
  const http = writeHttpReference(join(folder, "reference/http-api"))
  const packages = packagesOf(root)
  const out = typedoc ?? mkdtempSync(join(tmpdir(), "runlease-typedoc-"))
  try {
    if (typedoc === undefined) await writeTypedoc(root, filesOf(packages), out)
    const api = writeApiReference(root, packages, out, join(folder, "reference"))
    writeFileSync(join(folder, "sidebar.json"), JSON.stringify({ http: http.items, api }))
  } finally {
    if (typedoc === undefined) rmSync(out, { recursive: true, force: true })
  }
  return http.endpoints
}
