/** Writes the home page. Its worker and the command of the demo are those of the README, which the tests run. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const found = (pattern, text, what) => {
  const match = pattern.exec(text)
  if (match === null) throw new Error(`README.md has no ${what}: the home page shows it`)
  return match[1]
}

export const writeHome = (root, template, file) => {
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const parts = {
    demo: found(/^(```sh\nnpx pnpm@10 demo[\s\S]*?^```)$/m, readme, "command of the demo").replaceAll(
      / +#.*$/gm,
      "",
    ),
    worker: found(/^(```ts\n[\s\S]*?^```)$/m, readme, "worker"),
  }
  const page = readFileSync(template, "utf8").replaceAll(/<!-- README: (\w+) -->/g, (_, name) => parts[name])
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, page)
}
