/**
 * The agents of the demonstration, in a module as `runlease worker --module` takes it.
 *
 * The outliner reads one document and reports its headings, each once. The editor counts the documents, pays for their outline, writes it,
 * and waits for a decision to publish it. Its payment must not happen twice.
 */
import { AgentEvent, Emit, Executor, Interrupts, RequestSnapshot, type Run, Step } from "@runlease/core"
import { Duration, Effect, Schema } from "effect"
import { appendFile, readFile, writeFile } from "node:fs/promises"

export const outlinerId = "outliner"
export const editorId = "editor"

/** The steps of the editor, in their order. */
export const editorSteps = ["count", "pay", "write"] as const
export type EditorStep = (typeof editorSteps)[number]

/** The names of an outliner's steps, and of the event that has what it found. */
export const headingStep = "heading"
export const figuresEvent = "document.figures"

/** The request of an outliner, with the path of its document. `pace`: milliseconds for each heading. */
export const Outlining = Schema.Struct({ pace: Schema.Number })

/** The request of an editor: the paths of the documents, of the ledger that it pays by, and of the outline that it writes. */
export const Editing = Schema.Struct({
  documents: Schema.Array(Schema.String),
  ledger: Schema.String,
  outline: Schema.String,
})
export type Editing = typeof Editing.Type

/** A line of the ledger. `key` is that of the step that pays. */
export const Payment = Schema.Struct({ key: Schema.String, cents: Schema.Number })

/** What the editor's steps record. `foundInLedger`: an earlier attempt has paid. */
export const Count = Schema.Struct({ documents: Schema.Number, headings: Schema.Number })
export const Receipt = Schema.Struct({ cents: Schema.Number, foundInLedger: Schema.Boolean })

/** How long the bank takes to answer: longer than the worker lives that pays. */
const bankTime = Duration.minutes(5)

const files = <A>(work: () => Promise<A>): Effect.Effect<A, Error> =>
  Effect.tryPromise({ try: work, catch: (error) => error as Error })

/** The headings of a Markdown document, and what else is in it. */
const outlineOf = (text: string) => {
  const headings: Array<string> = []
  let fenced = false
  let codeBlocks = 0
  const lines = text.replace(/\n$/, "").split("\n")
  for (const line of lines) {
    const [, heading] = /^#{1,6} +(.*)/.exec(line) ?? []
    if (line.startsWith("```")) {
      if (!fenced) codeBlocks += 1
      fenced = !fenced
    } else if (!fenced && heading !== undefined) headings.push(heading.trim())
  }
  const words = text.split(/\s+/).filter((word) => word !== "").length
  return { headings, lines: lines.length, words, codeBlocks }
}

const read = (path: string) =>
  Effect.map(
    files(() => readFile(path, "utf8")),
    outlineOf,
  )

const decodeOutlining = Schema.decodeUnknown(Outlining)

const outliner = (run: Run.ClaimedRun) =>
  Effect.gen(function* () {
    const { pace } = yield* decodeOutlining(run.snapshot.state)
    const { headings, ...figures } = yield* Step.run("read", read(RequestSnapshot.lastUserText(run.snapshot)))
    yield* Effect.forEach(headings.entries(), ([index, heading]) => {
      const id = `${Executor.messageIdOf(run)}.${index}`
      return Step.run(
        headingStep,
        Effect.zipRight(
          Effect.sleep(pace),
          Effect.forEach(
            [AgentEvent.textStart(id), AgentEvent.textContent(id, heading), AgentEvent.textEnd(id)],
            Emit.event,
            { discard: true },
          ),
        ),
        { key: index },
      )
    })
    yield* Step.emit("figures", [AgentEvent.custom(figuresEvent, { ...figures, headings: headings.length })])
  })

const decodeEditing = Schema.decodeUnknown(Editing)
const decodePayment = Schema.decodeUnknownSync(Schema.parseJson(Payment))

/** Pays at the bank, which answers late. */
const pay = (ledger: string, cents: number) =>
  Effect.gen(function* () {
    const { idempotencyKey: key } = yield* Step.CurrentStep
    yield* files(() =>
      appendFile(ledger, `${JSON.stringify({ key, cents } satisfies typeof Payment.Type)}\n`),
    )
    yield* Effect.sleep(bankTime)
    return { cents, foundInLedger: false }
  })

/** Looks into the ledger for what an earlier attempt has paid, and pays where there is nothing. */
const payUnlessPaid = (ledger: string, cents: number) =>
  Effect.gen(function* () {
    const { idempotencyKey } = yield* Step.CurrentStep
    const lines = yield* files(() => readFile(ledger, { encoding: "utf8", flag: "a+" }))
    const payments = lines.split("\n").flatMap((line) => (line === "" ? [] : [decodePayment(line)]))
    return payments.some(({ key }) => key === idempotencyKey)
      ? { cents, foundInLedger: true }
      : yield* pay(ledger, cents)
  })

const count = (paths: ReadonlyArray<string>) =>
  Effect.map(Effect.forEach(paths, read), (all) => ({
    documents: all.length,
    headings: all.reduce((sum, { headings }) => sum + headings.length, 0),
  }))

const write = ({ documents, outline }: Editing) =>
  Effect.gen(function* () {
    const all = yield* Effect.forEach(documents, (path) =>
      Effect.map(read(path), (found) => ({ path, ...found })),
    )
    const text = all.map(({ headings, path }) =>
      [`# ${path}`, ...headings.map((line) => `- ${line}`), ""].join("\n"),
    )
    yield* files(() => writeFile(outline, text.join("\n")))
    return outline
  })

const editor = (run: Run.ClaimedRun) =>
  Effect.gen(function* () {
    const editing = yield* decodeEditing(run.snapshot.state)
    const { documents, headings } = yield* Step.run("count", count(editing.documents), { schema: Count })
    yield* Step.atMostOnce("pay", pay(editing.ledger, headings), {
      schema: Receipt,
      onUncertain: payUnlessPaid(editing.ledger, headings),
    })
    yield* Step.run("write", write(editing))
    const message = `Publish the outline of ${documents} ${documents === 1 ? "document" : "documents"}?`
    const approved = yield* Interrupts.approve("publish", { message, about: { documents, headings } })
    return approved ? "The outline is published." : "The outline stays a draft."
  })

export default (run: Run.ClaimedRun) => (run.agentId === editorId ? editor(run) : outliner(run))
