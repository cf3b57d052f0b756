// The guide of each package for coding agents: it is there, is short, and names only paths that the package has.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fail } from "../install/project.mjs"

const maxLines = 60

const guideOf = ({ folder }) => {
  try {
    return readFileSync(join(folder, "AGENTS.md"), "utf8")
  } catch {
    return fail(`${folder} has no AGENTS.md: write what the package is for, its imports and its pitfalls`)
  }
}

/** Writes a module that imports every path of our packages that a guide names, so that the compiler checks them. */
export const writeGuideImports = (project, packages) => {
  const paths = packages.flatMap((each) => {
    const { folder, manifest } = each
    const guide = guideOf(each)
    if (!manifest.files.includes("AGENTS.md")) fail(`${folder}/package.json: add AGENTS.md to files`)
    const lines = guide.trimEnd().split("\n").length
    if (lines > maxLines) fail(`${folder}/AGENTS.md has ${lines} lines of ${maxLines}`)
    return [...guide.matchAll(/`(@runlease\/[\w-]+(?:\/[\w/-]+)?)`/g)].map(([, path]) => path)
  })
  // The command and its program have an entry that runs when it is loaded.
  const imports = [...new Set(paths)].filter((path) => !/\/(bin|copilotkit)/.test(path))
  writeFileSync(
    join(project, "guides.ts"),
    imports
      .map((path, at) => `import type * as _${at} from "${path}"\nexport type T${at} = typeof _${at}\n`)
      .join(""),
  )
  return imports.length
}
