/**
 * Reads the code blocks of a page of docs as files to run and to compile.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import ts from "typescript"

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

/** Writes files into a new folder beside `node_modules`, so that their imports resolve. Returns its path. */
export const write = async (folder: string, files: Readonly<Record<string, string>>): Promise<string> => {
  const place = new URL(`../.code/${folder}/`, import.meta.url)
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { recursive: true })
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(new URL(name, place), text)))
  return place.pathname
}

const options: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2024.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.ReactJSX,
  types: ["node"],
}

/** The errors of the compiler in these files. */
export const problemsOf = (files: ReadonlyArray<string>): ReadonlyArray<string> =>
  ts
    .getPreEmitDiagnostics(ts.createProgram(files, options))
    .map(
      ({ file, messageText }) =>
        `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    )
