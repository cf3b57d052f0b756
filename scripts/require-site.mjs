// The documentation is published as it is built, which a checkout does not do by itself.
import { existsSync } from "node:fs"
import { join } from "node:path"

const site = join(import.meta.dirname, "../packages/docs/dist/site/index.html.gz")

if (!existsSync(site)) {
  throw new Error("@runlease/docs has no site to publish: build it with `npx pnpm@10 site`, then pack again")
}
