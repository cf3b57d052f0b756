// The JavaScript that the pages may have. A file counts with the bytes that a server sends for it: its form compressed by brotli at the
// highest quality, or the file itself where it is too small to be compressed.
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"

/** In bytes: everything, and what the first page loads until its charts are drawn. */
const most = { all: 430_000, first: 150_000 }

/** What the first page loads when it needs it: the page, and its charts. */
const loadedFirst = ["src/pages/overview/OverviewPage.tsx", "src/ui/ChartPlot.tsx"]

/** The names of the files of the first page. */
const firstFiles = (chunks) => {
  const part = (module) => {
    const chunk = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(`/${module}`))
    if (chunk === undefined) throw new Error(`The first page has no part ${module}`)
    return chunk
  }
  const found = new Set([chunks.find(({ isEntry }) => isEntry), ...loadedFirst.map(part)])
  for (const { imports } of found) {
    for (const chunk of chunks) if (imports.includes(chunk.fileName)) found.add(chunk)
  }
  return ["theme.js", ...Array.from(found, ({ fileName }) => fileName)]
}

/** Says on stderr how much JavaScript a build has, and fails when that is too much. */
export const checkBudget = (folder, { output }) => {
  const bytesOf = (name) => {
    const file = join(folder, name)
    return statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size
  }
  const total = (names) => names.reduce((sum, name) => sum + bytesOf(name), 0)
  const sizes = {
    all: total(readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".js"))),
    first: total(firstFiles(output.filter(({ type }) => type === "chunk"))),
  }
  const line = `JavaScript of the pages, compressed: ${sizes.all} bytes of ${most.all}, the first page ${sizes.first} of ${most.first}`
  if (sizes.all > most.all || sizes.first > most.first) throw new Error(line)
  process.stderr.write(`${line}\n`)
}
