/**
 * The Markdown documents that the demonstration works on.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { Data, Effect } from "effect"

/** A document, and the figures that the agent should find in it. */
export interface Document {
  /** The path relative to the folder, for people. */
  readonly name: string
  readonly path: string
  readonly lines: number
  readonly headings: number
}

/** The folder cannot be used. */
export class NoDocuments extends Data.TaggedError("NoDocuments")<{ readonly message: string }> {}

const skipped = new Set(["node_modules", "dist"])

/** The most documents of a demonstration, so that it stays short. */
const limit = 60

const figuresOf = (text: string): Pick<Document, "lines" | "headings"> => {
  const lines = text.split("\n")
  if (lines.at(-1) === "") lines.pop()
  let fenced = false
  let headings = 0
  for (const line of lines) {
    if (line.startsWith("```")) fenced = !fenced
    else if (!fenced && /^#{1,6} /.test(line)) headings += 1
  }
  return { lines: lines.length, headings }
}

/**
 * The Markdown documents below a folder, ordered by name, at most `limit` of them. Hidden folders and dependencies are
 * skipped.
 */
export const find = Effect.fn("Documents.find")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.resolve(folder)

  const names: (relative: string) => Effect.Effect<ReadonlyArray<string>, NoDocuments> = (relative) =>
    Effect.gen(function* () {
      const entries = yield* fs.readDirectory(path.join(root, relative))
      const found = yield* Effect.forEach(entries.sort(), (entry) => {
        const name = path.join(relative, entry)
        if (entry.startsWith(".") || skipped.has(entry)) return Effect.succeed([])
        return Effect.flatMap(fs.stat(path.join(root, name)), (info) =>
          info.type === "Directory"
            ? names(name)
            : Effect.succeed(info.type === "File" && entry.endsWith(".md") ? [name] : []),
        )
      })
      return found.flat()
    }).pipe(
      Effect.catchTags({
        BadArgument: (error) => new NoDocuments({ message: error.message }),
        SystemError: (error) => new NoDocuments({ message: `Cannot read ${root}: ${error.message}` }),
      }),
    )

  const all = yield* names("")
  if (all.length === 0) {
    return yield* new NoDocuments({
      message: `There is no Markdown document below ${root}; name another folder with --folder`,
    })
  }
  return yield* Effect.forEach(all.slice(0, limit), (name) =>
    Effect.map(
      Effect.mapError(
        fs.readFileString(path.join(root, name)),
        (error) => new NoDocuments({ message: error.message }),
      ),
      (text): Document => ({ name, path: path.join(root, name), ...figuresOf(text) }),
    ),
  )
})
