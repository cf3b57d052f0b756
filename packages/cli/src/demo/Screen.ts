/**
 * What the demonstration prints: a line for each run, which grows on a terminal while the run goes on.
 */
import { Effect } from "effect"
import type { Paint } from "../output/Output.js"
import type { Progress, Stage } from "./Demo.js"
import type { Document } from "./Documents.js"

export interface Options {
  readonly documents: ReadonlyArray<Document>
  readonly paint: Paint
  /** The columns of a terminal; undefined is a pipe or a file. */
  readonly columns: number | undefined
  readonly write: (text: string) => Effect.Effect<void>
}

/** How wide a line is where there is no terminal. */
const pipedColumns = 110

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** The headings in `width` columns: as many of the last as fit while they arrive, of the first once all are there. */
const outline = (headings: ReadonlyArray<string>, width: number, from: "first" | "last"): string => {
  const text = headings.join(" › ")
  if (text.length <= width) return text
  return from === "first" ? `${text.slice(0, width - 1)}…` : `…${text.slice(text.length - width + 1)}`
}

/** A stage that prints. On a terminal the runs that go on are the last lines, written anew with each heading. */
export const make = ({ columns, documents, paint, write }: Options): Stage => {
  const width = Math.max(40, (columns ?? pipedColumns) - 1)
  const nameWidth = Math.min(34, Math.max(...documents.map(({ name }) => name.length)))
  const active = new Map<Document, Progress>()
  let live = 0

  const name = (document: Document) =>
    (document.name.length > nameWidth ? `…${document.name.slice(1 - nameWidth)}` : document.name).padEnd(
      nameWidth,
    )
  const goingOn = ({ document, headings, worker }: Progress) =>
    `  ${worker}  ${name(document)}  ${paint("cyan", outline(headings, width - nameWidth - 7, "last"))}`

  /** Puts lines above those of the runs that go on. */
  const show = (...lines: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const below = columns === undefined ? [] : Array.from(active.values(), goingOn)
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

/** A stage on which nothing is shown. */
export const silent: Stage = {
  started: () => Effect.void,
  progress: () => Effect.void,
  takenOver: () => Effect.void,
  finished: () => Effect.void,
  killed: () => Effect.void,
}
