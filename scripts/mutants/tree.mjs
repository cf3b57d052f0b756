// A copy of the checkout whose sources have the mutants of a sample, each behind a switch.
import { Instrumenter } from "@stryker-mutator/instrumenter"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, lstatSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs"
import { cp } from "node:fs/promises"
import { dirname, join } from "node:path"
import { makeFolder } from "./temporary.mjs"

export const checkout = realpathSync(join(import.meta.dirname, "../.."))

/** Of the sources, unless others are named. A source belongs to the innermost of them. */
export const folders = [
  "packages/store/src/rules",
  "packages/store/src",
  "packages/sql/src",
  "packages/http/src/client",
  "packages/core/src/worker",
]

/** They run in a thread from the text of a function, without the switches beside it. */
const fromText = new Set([
  "packages/http/src/client/RenewalProgram.ts",
  "packages/sql/src/sqlite/CheckpointProgram.ts",
])

/** The files of the checkout as they are, also those without a commit. */
const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: checkout,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(checkout, path)))

const logger = { debug: () => {}, info: () => {}, warn: console.error, isDebugEnabled: () => false }
const options = { ignorers: [], plugins: null, excludedMutations: [], noHeader: false }
const instrument = (files) => new Instrumenter(logger).instrument(files, options)

const read = (path) => readFileSync(join(checkout, path), "utf8")

const textAt = (content, { end, start }) => {
  const lines = content.split("\n").slice(start.line, end.line + 1)
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column)
  return lines.join("\n").slice(start.column)
}

/** The same numbers in [0, 1) for the same seed. */
const numbers = (seed) => {
  let count = 0
  return () => createHash("sha256").update(`${seed} ${count++}`).digest().readUInt32BE() / 2 ** 32
}

const shuffled = (items, random) => {
  const left = [...items]
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0])
}

const keyOf = ({ fileName, location, mutatorName, replacement }) =>
  JSON.stringify([fileName, location, mutatorName, replacement])

/** Whether a path is in a folder, and in no other of them that lies in it. */
const isIn = (folder, folders, path) =>
  (path === folder || path.startsWith(`${folder}/`)) &&
  !folders.some((other) => other.startsWith(`${folder}/`) && isIn(other, folders, path))

/** The mutants of the sample, of each folder as many; or, with `only`, those that start on its line. */
export const sample = async ({ count, folders, only, seed }) => {
  const chosen = []
  for (const folder of folders) {
    const paths = listed
      .filter(
        (path) => isIn(folder, folders, path) && path.endsWith(".ts") && (only ?? path).startsWith(path),
      )
      .toSorted()
    const files = paths.map((name) => ({ name, content: read(name), mutate: true }))
    const { mutants: all } = await instrument(files)
    const mutants = shuffled(all, numbers(`${seed} ${folder}`)).filter(
      ({ fileName }) => !fromText.has(fileName),
    )
    chosen.push(
      ...(only === undefined
        ? mutants.slice(0, Math.ceil(count / folders.length))
        : mutants.filter(({ fileName, location }) => only === `${fileName}:${location.start.line + 1}`)),
    )
  }
  return chosen
}

/** Copies the checkout, with the mutants, to a temporary folder. */
export const plant = async (chosen) => {
  const root = makeFolder("tree")
  const folders = new Set(["."])
  for (const path of listed) {
    await cp(join(checkout, path), join(root, path), { verbatimSymlinks: true })
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder)
  }
  // The links of a package lead to its neighbours in the copy, and over the copy's root to the libraries of the checkout.
  for (const folder of folders) {
    const modules = join(checkout, folder, "node_modules")
    if (!existsSync(modules) || lstatSync(modules).isSymbolicLink()) continue
    if (folder === "." || existsSync(join(checkout, folder, "pnpm-lock.yaml")))
      symlinkSync(modules, join(root, folder, "node_modules"))
    else await cp(modules, join(root, folder, "node_modules"), { recursive: true, verbatimSymlinks: true })
  }
  const names = [...new Set(chosen.map(({ fileName }) => fileName))].toSorted()
  const planted = await instrument(
    names.map((name) => ({
      name,
      content: read(name),
      mutate: chosen.filter(({ fileName }) => fileName === name).map(({ location }) => location),
    })),
  )
  for (const { content, name } of planted.files) writeFileSync(join(root, name), content)
  const ids = new Map(planted.mutants.map((mutant) => [keyOf(mutant), mutant.id]))
  const hash = createHash("sha256")
  for (const path of listed) {
    if (/^(?:packages|docs|examples)\/.*\.(?:[cm]?[jt]sx?|json|sql)$|^[^/]*\.(?:ts|json|yaml)$/.test(path))
      hash.update(path).update(readFileSync(join(root, path)))
  }
  return {
    key: hash.digest("hex").slice(0, 24),
    mutants: chosen.map((mutant) => {
      const { fileName, location, mutatorName, replacement } = mutant
      const content = read(fileName)
      return {
        id: ids.get(keyOf(mutant)),
        file: fileName,
        line: location.start.line + 1,
        column: location.start.column + 1,
        mutator: mutatorName,
        original: textAt(content, location),
        replacement,
        source: content.split("\n")[location.start.line].trim(),
      }
    }),
    root,
    sources: names,
  }
}
