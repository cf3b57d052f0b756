// Makes the manifest of each public package in this checkout what it is once published: `node scripts/published.mjs`, for an image.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { publicPackages } from "./tarballs.mjs"

for (const { folder, manifest } of publicPackages()) {
  const { access: _, ...published } = manifest.publishConfig ?? {}
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ ...manifest, ...published }, null, 2)}\n`)
}
