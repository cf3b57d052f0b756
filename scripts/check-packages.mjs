// Packs every public package as it would be published and lets publint and attw judge the tarballs.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkTarballs, packAll } from "./tarballs.mjs"

const folder = mkdtempSync(join(tmpdir(), "runlease-pack-"))

try {
  checkTarballs(packAll(folder))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
