/**
 * Prints the demonstration: a line for each run, which grows on a terminal while the run goes on.
 */
import { Effect } from "effect"
import type { Paint } from "../output/Output.js"
import type { Display, Progress } from "./Demo.js"
import type { Document } from "./Documents.js"

/** The options of `make`. */
export interface Options {
  readonly documents: ReadonlyArray<Document>
  readonly paint: Paint
  /** The columns of a terminal; undefined is a pipe or a file. */
  readonly columns: number | undefined
  readonly write: (text: string) => Effect.Effect<void>
}

/** The width of a line when stdout is not a terminal. */
const pipedColumns = 110

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** The headings within `width` columns: the first or the last ones, as many as fit. */
const outline = (headings: ReadonlyArray<string>, width: number, from: "first" | "last"): string => {
  const text = headings.join(" › ")
  if (text.length <= width) return text
  return from === "first" ? `${text.slice(0, width - 1)}…` : `…${text.slice(text.length - width + 1)}`
}

/** A display that prints. On a terminal the runs in progress are the last lines, which each heading rewrites. */
export const make = ({ columns, documents, paint, write }: Options): Display => {
  const width = Math.max(40, (columns ?? pipedColumns) - 1)
  const nameWidth = Math.min(34, Math.max(...documents.map(({ name }) => name.length)))
  const active = new Map<Document, Progress>()
  let live = 0

  const name = (document: Document) =>
    (document.name.length > nameWidth ? `…${document.name.slice(1 - nameWidth)}` : document.name).padEnd(
      nameWidth,
    )
  const progressLine = ({ document, headings, worker }: Progress) =>
    `  ${worker}  ${name(document)}  ${paint("cyan", outline(headings, width - nameWidth - 7, "last"))}`

  /** Prints lines above those of the runs in progress. */
  const show = (...lines: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const below = columns === undefined ? [] : Array.from(active.values(), progressLine)
      const up = live === 0 ? "" : `\u001B[${live}A\u001B[0J`
      live = below.length
      return write(up + [...lines, ...below].map((line) => `${line}\n`).join(""))
    })

  return {
    started: ({ database, url, workers }) =>
      show(
        `  server    ${url}, database ${database}`,
        ...workers.map((worker) => `  worker ${worker.name}  process ${worker.pid}`),
        "",
        "Each run, the worker that does it, and the headings as they stream in:",
      ),
    progress: (progress) =>
      Effect.suspend(() => {
        active.set(progress.document, progress)
        return columns === undefined ? Effect.void : show()
      }),
    takenOver: (progress) =>
      Effect.suspend(() => {
        active.set(progress.document, progress)
        return show(
          paint(
            "yellow",
            `  worker ${progress.worker} takes over ${progress.document.name} and begins it anew`,
          ),
        )
      }),
    finished: ({ document, headings, worker }, done) =>
      Effect.suspend(() => {
        active.delete(document)
        const count = `${String(done).padStart(String(documents.length).length)}/${documents.length}`
        const left = width - nameWidth - count.length - 15
        return show(
          `  ${paint("green", "done")} ${count}  ${worker}  ${name(document)}  ${outline(headings, left, "first")}`,
        )
      }),
    killed: (worker, held) =>
      show(
        paint("red", `  kill -9 of worker ${worker.name}, which held ${plural(held.length, "run")}:`),
        ...held.map((document) => `        ${document.name}`),
        "  Their leases lapse within 5 s; then the other worker takes them over, as its slots get free.",
      ),
  }
}

/** A display that prints nothing. */
export const silent: Display = {
  started: () => Effect.void,
  progress: () => Effect.void,
  takenOver: () => Effect.void,
  finished: () => Effect.void,
  killed: () => Effect.void,
}
