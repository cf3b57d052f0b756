// The files that a page shows, by their names: blocks of TypeScript that begin with a comment of the name.
import { readFileSync } from "node:fs"

const named = /^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm
const unnamed = /^```ts\n(?!\/\/ )([\s\S]*?)^```$/m

export const filesOf = (page) =>
  new Map([...readFileSync(page, "utf8").matchAll(named)].map(([, name, text]) => [name, text]))

/** Those of the README. The worker of its first screen is without its imports, which are the block of the file. */
export const readmeFiles = () => {
  const [, worker] = unnamed.exec(readFileSync("README.md", "utf8"))
  const files = filesOf("README.md")
  return files.set("worker.ts", `${files.get("worker.ts")}\n${worker}`)
}
