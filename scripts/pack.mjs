// Packs every public package as it would be published: `node scripts/pack.mjs FOLDER`, after `pnpm build` and `pnpm site`.
import { mkdirSync } from "node:fs"
import "./require-site.mjs"
import { packAll } from "./tarballs.mjs"

const folder = process.argv[2]
if (folder === undefined) throw new Error("name the folder for the tarballs")
mkdirSync(folder, { recursive: true })
for (const { tarball } of packAll(folder)) console.log(tarball)
