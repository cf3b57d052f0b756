/**
 * Follows the runs of the demonstration by their logs, and shows what happens to them.
 */
import { ControlEvents, type Ids, RunLog, Runs, StepRecord } from "@runlease/core"
import { Deferred, Effect, Fiber, Option, Predicate, Ref, Stream } from "effect"
import { type EditorStep, editorSteps, headingStep } from "./Agents.js"
import type { Display, DocumentProgress } from "./Display.js"
import type { Document } from "./Documents.js"
import * as Report from "./Report.js"

type NameOf = (workerId: string | undefined) => string

export const documentsText = (count: number): string => (count === 1 ? "1 document" : `${count} documents`)

/** The worker of an attempt after a takeover. */
const takerOf = (entry: RunLog.LogEntry): Option.Option<string | undefined> => {
  const value = entry.event["value"]
  return entry.event["name"] === ControlEvents.attemptEventName
    ? Option.some(
        Predicate.isRecord(value) && typeof value["worker_id"] === "string" ? value["worker_id"] : undefined,
      )
    : Option.none()
}

/** The name of the worker that holds a run, or of the one before where the run has ended meanwhile. */
const holderOf = (runId: Ids.RunId, nameOf: NameOf, before: string) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.map(runs.get(runId), ({ lease }) => (lease === null ? before : nameOf(lease.owner))),
  )

/** Follows the run of a document to its end, and shows its headings as they are recorded. */
export const ofDocument = Effect.fnUntraced(function* (
  runId: Ids.RunId,
  document: Document,
  nameOf: NameOf,
  display: Display,
) {
  const log = yield* RunLog.RunLog
  const progress = yield* Ref.make<DocumentProgress>({ document, worker: "?", headings: [] })
  const texts = new Map<unknown, string>()
  yield* Stream.runForEach(log.follow({ runId }), (entry) => {
    const { event } = entry
    if (event.type === "RUN_STARTED") {
      return Effect.gen(function* () {
        const before = yield* Ref.get(progress)
        yield* Ref.set(progress, { ...before, worker: yield* holderOf(runId, nameOf, before.worker) })
      })
    }
    if (event.type === "TEXT_MESSAGE_CONTENT") {
      return Effect.sync(() => void texts.set(event["messageId"], String(event["delta"])))
    }
    const taker = takerOf(entry)
    if (Option.isSome(taker)) {
      return Effect.flatMap(
        Ref.updateAndGet(progress, (before) => ({ ...before, worker: nameOf(taker.value) })),
        display.takenOver,
      )
    }
    const step = Option.filter(Report.stepOf(entry), ({ name }) => name === headingStep)
    if (Option.isNone(step)) return Effect.void
    const heading = texts.get(step.value.messages[0]) ?? ""
    return Effect.flatMap(
      Ref.updateAndGet(progress, (before) => ({ ...before, headings: [...before.headings, heading] })),
      display.progress,
    )
  })
  return yield* Ref.get(progress)
})

/** The run of the editor as it is followed: its question, whether that is answered, and its end. */
export interface Editing {
  readonly question: Deferred.Deferred<string>
  readonly goesOn: Deferred.Deferred<void>
  readonly ended: Fiber.Fiber<void, unknown>
}

const questionOf = ({ event }: RunLog.LogEntry): string => {
  const outcome = event["outcome"]
  const interrupts = Predicate.isRecord(outcome) ? outcome["interrupts"] : undefined
  const first: unknown = Array.isArray(interrupts) ? interrupts[0] : undefined
  return Predicate.isRecord(first) ? String(first["message"]) : ""
}

const isEditorStep = (name: string): name is EditorStep =>
  (editorSteps as ReadonlyArray<string>).includes(name)

/** Follows the run of the editor, and shows what happens to it. */
export const ofEditor = Effect.fnUntraced(function* (runId: Ids.RunId, nameOf: NameOf, display: Display) {
  const log = yield* RunLog.RunLog
  const question = yield* Deferred.make<string>()
  const goesOn = yield* Deferred.make<void>()
  let worker = "?"
  let text = ""
  const recorded: Array<EditorStep> = []

  const show = (entry: RunLog.LogEntry) =>
    Effect.gen(function* () {
      const { event } = entry
      const taker = takerOf(entry)
      const step = Report.stepOf(entry)
      if (event.type === "RUN_STARTED") {
        worker = yield* holderOf(runId, nameOf, worker)
        if (!(yield* Deferred.isDone(question))) return
        yield* Deferred.succeed(goesOn, undefined)
        yield* display.editor({ _tag: "GoesOn", worker })
      } else if (Option.isSome(taker)) {
        worker = nameOf(taker.value)
        yield* display.editor({ _tag: "TakenOver", worker, recorded: [...recorded] })
      } else if (event["name"] === StepRecord.intentEventName) {
        yield* display.editor({ _tag: "Paying", worker })
      } else if (Option.isSome(step) && isEditorStep(step.value.name)) {
        recorded.push(step.value.name)
        yield* display.editor({
          _tag: "Recorded",
          worker,
          step: step.value.name,
          result: step.value.result,
        })
      } else if (Report.isQuestion(entry)) {
        yield* Deferred.succeed(question, questionOf(entry))
        yield* display.editor({ _tag: "Question", question: questionOf(entry) })
      } else if (event.type === "TEXT_MESSAGE_CONTENT") {
        text = String(event["delta"])
      } else if (ControlEvents.endsLog(entry)) {
        yield* display.editor({ _tag: "Ended", text })
      }
    })
  const ended = yield* Effect.forkScoped(Stream.runForEach(log.follow({ runId }), show))
  const editing: Editing = { question, goesOn, ended }
  return editing
})

/** Answers the question of the editor, unless it is answered elsewhere, such as on the dashboard, or the run ends without it. */
export const answer = Effect.fnUntraced(function* (
  runId: Ids.RunId,
  { ended, goesOn, question }: Editing,
  display: Display,
) {
  const runs = yield* Runs.Runs
  const elsewhere = Effect.as(Effect.raceFirst(Deferred.await(goesOn), Fiber.join(ended)), Option.none())
  const approved = yield* Effect.raceFirst(
    elsewhere,
    Effect.asSome(Effect.flatMap(Deferred.await(question), display.confirm)),
  )
  if (Option.isNone(approved)) return
  yield* runs
    .resume(runId, [{ interruptId: "publish", status: "resolved", payload: { approved: approved.value } }])
    .pipe(Effect.catchTag("NotWaiting", () => Effect.void))
})
