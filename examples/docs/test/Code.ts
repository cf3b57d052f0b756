/**
 * Reads the code blocks of a page of docs as files to run and to compile.
 */
import { execFile } from "node:child_process"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

export interface Block {
  readonly language: string
  /** The file name, from a comment in the first line. */
  readonly name: string | undefined
  readonly text: string
}

/** All code blocks of a page. */
export const blocksOf = (page: string): ReadonlyArray<Block> =>
  Array.from(page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm), ([, language, text]) => ({
    language: language!,
    name: /^\/\/ (\S+)\n/.exec(text!)?.[1],
    text: text!,
  }))

export const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8")

/** Writes files into a new folder of `root`, beside its `node_modules`, so that their imports resolve. Returns its path. */
export const write = async (
  folder: string,
  files: Readonly<Record<string, string>>,
  root = new URL("../", import.meta.url),
): Promise<string> => {
  const place = new URL(`.code/${folder}/`, root)
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { recursive: true })
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(new URL(name, place), text)))
  return place.pathname
}

const compiler = fileURLToPath(new URL("../../../node_modules/typescript-7/bin/tsc", import.meta.url))

const options =
  "--ignoreConfig --strict --noEmit --skipLibCheck --target es2023 --lib es2024,dom,dom.iterable --module esnext --moduleResolution bundler --jsx react-jsx --types node".split(
    " ",
  )

/** What the compiler says of these files: nothing where they have no errors. It is a process. */
export const problemsOf = (files: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [compiler, ...options, ...files],
      { cwd: new URL("..", import.meta.url) },
      (error, stdout, stderr) =>
        error !== null && stdout === "" ? reject(new Error(stderr, { cause: error })) : resolve(stdout),
    )
  })
