/**
 * Prints the demonstration: what happens to the editor, and a line for each document, which grows on a terminal while its run works.
 */
import { Duration, Effect, Option, Schema } from "effect"
import type { Paint } from "../output/Output.js"
import * as Prompt from "../output/Prompt.js"
import * as Terminal from "../output/Terminal.js"
import { Count, type EditorStep, editorSteps, Receipt } from "./Agents.js"
import type { Display, DocumentProgress, EditorEvent } from "./Display.js"
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

/** How long a person at the terminal, and a pipe, have to answer. */
const patience = { person: Duration.seconds(10), pipe: Duration.seconds(2) }

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const dollars = (cents: number): string => `$${(cents / 100).toFixed(2)}`

/** The headings within `width` columns: the first or the last ones, as many as fit. */
const outline = (headings: ReadonlyArray<string>, width: number, from: "first" | "last"): string => {
  const text = headings.join(" › ")
  if (text.length <= width) return text
  return from === "first" ? `${text.slice(0, width - 1)}…` : `…${text.slice(text.length - width + 1)}`
}

const counted = Schema.decodeUnknownOption(Schema.parseJson(Count))
const receipt = Schema.decodeUnknownOption(Schema.parseJson(Receipt))

/** What a step of the editor has recorded. */
const resultText = (step: EditorStep, result: string | undefined, cents: number): string => {
  switch (step) {
    case "count":
      return Option.match(counted(result), {
        onNone: () => "",
        onSome: ({ documents, headings }) =>
          `${plural(documents, "document")}, ${plural(headings, "heading")}`,
      })
    case "pay":
      return Option.exists(receipt(result), ({ foundInLedger }) => foundInLedger)
        ? `found in the ledger: ${dollars(cents)} are paid, and not again`
        : `paid ${dollars(cents)}`
    case "write":
      return "the outline is written"
  }
}

const stepName = (step: EditorStep): string =>
  `step ${editorSteps.indexOf(step) + 1} of ${editorSteps.length}  ${step.padEnd(5)}`

/** The steps as `step 1` and `steps 1 and 2`. */
const numbers = (steps: ReadonlyArray<EditorStep>): string =>
  `step${steps.length === 1 ? "" : "s"} ${steps.map((step) => editorSteps.indexOf(step) + 1).join(" and ")}`

/** A display that prints. On a terminal the runs in progress are the last lines, which each heading rewrites. */
export const make = ({ columns, documents, paint, write }: Options): Display => {
  const width = Math.max(40, (columns ?? pipedColumns) - 1)
  const nameWidth = Math.min(34, Math.max(...documents.map(({ name }) => name.length)))
  const cents = documents.reduce((sum, { headings }) => sum + headings, 0)
  const active = new Map<Document, DocumentProgress>()
  let live = 0

  const name = (document: Document) =>
    (document.name.length > nameWidth ? `…${document.name.slice(1 - nameWidth)}` : document.name).padEnd(
      nameWidth,
    )
  const progressLine = ({ document, headings, worker }: DocumentProgress) =>
    `  ${worker}  ${name(document)}  ${paint("cyan", outline(headings, width - nameWidth - 7, "last"))}`

  /** Prints lines above those of the runs in progress. */
  const show = (...lines: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const below = columns === undefined ? [] : Array.from(active.values(), progressLine)
      const up = live === 0 ? "" : Terminal.own(`\u001B[${live}A\u001B[0J`)
      live = below.length
      return write(up + [...lines, ...below].map((line) => `${line}\n`).join(""))
    })

  const editorLine = (event: EditorEvent): string => {
    switch (event._tag) {
      case "Recorded":
        return `${event.worker}  ${stepName(event.step)}  ${resultText(event.step, event.result, cents)}`
      case "Paying":
        return `${event.worker}  ${stepName("pay")}  sends ${dollars(cents)} to the bank, which answers late`
      case "TakenOver":
        return event.recorded.length === 0
          ? `worker ${event.worker} takes over`
          : `worker ${event.worker} takes over: ${numbers(event.recorded)} of the log ${event.recorded.length === 1 ? "is" : "are"} not done again`
      case "Question":
        return `question: ${event.question} It waits without a worker.`
      case "GoesOn":
        return `${event.worker}  continues with the answer`
      case "Ended":
        return `ended: ${event.text}`
    }
  }

  return {
    started: ({ apiKey, database, url, workers }) =>
      show(
        `  dashboard ${paint("cyan", `${url}/`)}, with the API key ${apiKey}`,
        `  database  ${database}`,
        ...workers.map((worker) => `  worker ${worker.name}  process ${worker.pid}`),
        "",
        "The editor's steps, the run of each document with its worker, and its headings as they are recorded:",
      ),
    progress: (progress) =>
      Effect.suspend(() => {
        active.set(progress.document, progress)
        return columns === undefined ? Effect.void : show()
      }),
    takenOver: (progress) =>
      Effect.suspend(() => {
        active.set(progress.document, progress)
        const { document, headings, worker } = progress
        return show(
          paint(
            "yellow",
            `  worker ${worker} takes over ${document.name}, behind ${headings.length} of its ${plural(document.headings, "heading")}`,
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
    editor: (event) => show(paint("magenta", `  editor  ${editorLine(event)}`)),
    killed: (worker, interrupted) =>
      show(
        paint(
          "red",
          `  kill -9 of worker ${worker.name}, which ran the editor, in its step 2, and ${plural(interrupted.length, "document")}${interrupted.length === 0 ? "." : ":"}`,
        ),
        ...interrupted.map((document) => `        ${document.name}`),
        "  Their leases lapse within 5 s; then the other worker takes them over, as its slots get free.",
      ),
    confirm: (question) =>
      Effect.flatMap(Prompt.isInteractive, (isPerson) => {
        const time = isPerson ? patience.person : patience.pipe
        const text = `\n${question} [Y/n] Yes by itself in ${Duration.format(time)}, or on the dashboard: `
        const typed = isPerson
          ? Effect.map(Prompt.line(text), (line) => !/^n/i.test(line.trim()))
          : Effect.zipRight(write(text), Effect.never)
        return Effect.flatMap(Effect.timeoutOption(typed, time), (answer) =>
          Effect.as(
            Option.isNone(answer) ? write("yes\n") : Effect.void,
            Option.getOrElse(answer, () => true),
          ),
        )
      }),
  }
}
