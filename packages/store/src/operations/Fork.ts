/**
 * A new run that continues from what another one had recorded by an event, perhaps with some of it edited.
 *
 * Source: docs/decisions/0095-records-of-steps.md, docs/decisions/0157-forks-with-edits.md
 */
import { Answerer } from "@runlease/core/AnswerEvent"
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import { type Answer, fromEvent as interruptsIn, type Interrupt } from "@runlease/core/Interrupt"
import { canonicalJson } from "@runlease/core/Json"
import * as JsonSchemaCheck from "@runlease/core/JsonSchemaCheck"
import { type RequestSnapshot, textPart } from "@runlease/core/RequestSnapshot"
import * as ResumeRules from "@runlease/core/ResumeRules"
import { EventId, type Run, RunNotFound } from "@runlease/core/Run"
import { type Edit, type EditOf, type Listed, maxEdits, toEvent } from "@runlease/core/RunEdits"
import { maxReadBytes } from "@runlease/core/RunLog"
import { again, EditRefused, ForkRefused, requestText, type Runs, type Submission } from "@runlease/core/Runs"
import * as SealedParts from "@runlease/core/SealedParts"
import { Array as Arr, Effect, Either, Predicate, Struct } from "effect"
import { firstSnapshot, type Reading, type StoreReads } from "../rows/StoreReads.js"
import * as CopiedRecords from "./CopiedRecords.js"
import * as EditedLog from "./EditedLog.js"
import * as RecordReads from "./RecordReads.js"
import { type SealedAnswers, Unsealed } from "./SealedAnswers.js"
import type { Seed } from "./SubmitRequest.js"

const operation = "Runs.fork"

/** The run that is forked, its request, and the events that the fork begins with. */
interface Beginning {
  readonly run: Run
  readonly snapshot: RequestSnapshot
  readonly events: ReadonlyArray<LogEvent>
}

/** A fork with its edits: `listed` says what they are, and `answers` are those to questions of its run. */
export interface Edited extends Beginning {
  readonly listed: ReadonlyArray<Listed>
  readonly answers: ReadonlyArray<EditedAnswer>
  readonly version?: string
}

/** An answer, the question that it is for, and the place of its edit. */
interface EditedAnswer {
  readonly index: number
  readonly interrupt: Interrupt
  readonly answer: Answer
}

/** What the log of a run says of its steps and questions, also after the event of the fork. */
interface Found extends EditedLog.Found {
  readonly interrupts: ReadonlyArray<Interrupt>
}

const find = (log: RecordReads.Log) =>
  Effect.suspend(() => {
    const steps = EditedLog.finder()
    // A later question of an id takes the place of an earlier one.
    const interrupts = new Map<string, Interrupt>()
    return Effect.map(
      log.read(undefined, (entries) =>
        Effect.sync(() => {
          for (const { event, sequence } of entries) {
            if (sequence !== null) steps.next(event)
            const outcome = event.type === "RUN_FINISHED" ? event["outcome"] : undefined
            if (!Predicate.isRecord(outcome) || !Array.isArray(outcome["interrupts"])) continue
            for (const one of Either.getOrElse(interruptsIn(outcome["interrupts"]), () => [])) {
              interrupts.set(one.id, one)
            }
          }
        }),
      ),
      (): Found => ({ ...steps.found(), interrupts: Array.from(interrupts.values()) }),
    )
  })

const nothing: Found = { records: [], begun: new Set(), interrupts: [] }

/** Whether an edit names a question, or a step that the fork does not copy: then the whole log is read. */
const looksFurther = (edit: Edit, events: ReadonlyArray<LogEvent>): boolean =>
  edit.type === "answer" || (edit.type === "step" && !EditedLog.hasStep(events, edit.step))

type Outcome<A> = Either.Either<A, EditedLog.Problem>

const refuse = (field: string, message: string): Either.Either<never, EditedLog.Problem> =>
  Either.left({ field, message })

/** The title is of the payload or the text before. */
const untitled = (snapshot: RequestSnapshot): RequestSnapshot => Struct.omit(snapshot, "title")

/** The request with another text in the last message of the user, whose files stay. */
const withMessage = (snapshot: RequestSnapshot, text: string): Outcome<RequestSnapshot> => {
  const last = snapshot.messages.findLastIndex(({ role }) => role === "user")
  return last < 0
    ? refuse("type", "the request of the run has no message of the user")
    : Either.right({
        ...snapshot,
        messages: snapshot.messages.map((message, index) =>
          index === last
            ? { ...message, parts: [textPart(text), ...message.parts.filter(({ type }) => type !== "text")] }
            : message,
        ),
      })
}

const answerTo = (
  interrupts: ReadonlyArray<Interrupt>,
  { interruptId, payload }: EditOf<"answer">,
): Outcome<Omit<EditedAnswer, "index">> => {
  const interrupt = ResumeRules.named(interrupts, interruptId)
  if (interrupt === undefined) {
    const others = EditedLog.choices(interrupts.map(({ id }) => id))
    return refuse("interruptId", `the run has posed no question ${interruptId}; ${others}`)
  }
  const { id, responseSchema } = interrupt
  const problem = responseSchema && JsonSchemaCheck.make([responseSchema])(payload)
  return problem === undefined
    ? Either.right({ interrupt, answer: { interruptId: id, status: "resolved", payload } })
    : refuse("payload", problem)
}

/** The copied calls, what else the log has, and an id for a record that is new. */
interface Sources {
  readonly calls: ReadonlySet<string>
  readonly found: Found
  readonly recordId: string
}

/** The fork with one more edit. */
const withEdit = (edited: Edited, edit: Edit, index: number, sources: Sources): Outcome<Edited> => {
  const { answers, events, listed, run, snapshot } = edited
  const inLog = Either.map(
    (one: { readonly events: ReadonlyArray<LogEvent>; readonly listed: Listed }): Edited => ({
      ...edited,
      events: one.events,
      listed: [...listed, one.listed],
    }),
  )
  switch (edit.type) {
    case "step":
      return inLog(EditedLog.ofStep(events, sources.found, edit, sources.recordId))
    case "tool":
      return inLog(EditedLog.ofTool(events, sources.calls, edit))
    case "text":
      return inLog(EditedLog.ofText(events, edit))
    case "answer":
      return Either.map(answerTo(sources.found.interrupts, edit), (one) => ({
        ...edited,
        answers: [...answers, { ...one, index }],
        listed: [...listed, { type: "answer", interrupt_id: one.interrupt.id }],
      }))
    case "message":
      return Either.map(withMessage(snapshot, edit.text), (after) => ({
        ...edited,
        snapshot: untitled(after),
        listed: [...listed, { type: "message" }],
      }))
    case "input":
      return Either.right({
        ...edited,
        snapshot: { ...untitled(snapshot), input: edit.input },
        listed: [...listed, { type: "input" }],
      })
    case "agent": {
      const { agentId, version } = edit
      const pin = version === undefined ? {} : { version }
      return Either.right({
        ...edited,
        ...pin,
        // The other agent may have other workers.
        run: { ...run, agentId, implementationKind: null, workerKey: null },
        listed: [...listed, { type: "agent", agent_id: agentId, before: run.agentId, ...pin }],
      })
    }
  }
}

/** Two edits of one place have equal names. */
const placeOf = (listed: Listed): string =>
  canonicalJson(listed.type === "agent" ? { type: listed.type } : listed)

const withEdits = Effect.fnUntraced(function* (
  beginning: Beginning,
  edits: ReadonlyArray<Edit>,
  calls: ReadonlySet<string>,
  found: Found,
) {
  if (edits.length > maxEdits) {
    const message = `a fork has at most ${maxEdits} edits, and not ${edits.length}`
    return yield* new EditRefused({ field: "edits", message })
  }
  let edited: Edited = { ...beginning, listed: [], answers: [] }
  const places = new Set<string>()
  for (const [index, edit] of edits.entries()) {
    const outcome = withEdit(edited, edit, index, { calls, found, recordId: yield* Ids.uuidV7 })
    if (Either.isLeft(outcome)) {
      const { field, message } = outcome.left
      return yield* new EditRefused({ field: `edits.${index}.${field}`, message })
    }
    edited = outcome.right
    const place = placeOf(edited.listed.at(-1)!)
    if (places.has(place))
      return yield* new EditRefused({ field: `edits.${index}`, message: "this is edited twice" })
    places.add(place)
  }
  return edited
})

/** What a public id is compared by, where there are edits. A secret is not written down, so two forks may differ by it alone. */
const textOf =
  (after: number, edits: ReadonlyArray<Edit>, answers: ReadonlyArray<EditedAnswer>) =>
  (submission: Submission): string => {
    const withoutSecrets = edits.map((edit, index) => {
      const edited = answers.find((one) => one.index === index)
      if (edited === undefined) return edit
      const { answer, interrupt } = edited
      const parts = SealedParts.secretsIn(interrupt.responseSchema, answer.payload)
      const hidden = parts.map(({ path }) => ({ path, value: null }))
      return { ...edit, payload: SealedParts.replaced(answer.payload, hidden) }
    })
    return canonicalJson(["fork with edits", after, withoutSecrets, requestText(submission)])
  }

/** Submits with the beginning of a log, and the text that another submission of the same public id is compared by. */
type SubmitWith = (seed: Seed, textOf?: (submission: Submission) => string) => Runs["Type"]["submit"]

/** What a fork of the run begins with, which never changes: its request, and its log up to an event. 0 is the start, before all events. */
export const beginningOf = Effect.fnUntraced(function* <X>(
  reads: Reading<X>,
  operation: string,
  run: Run,
  after: number,
  edits: ReadonlyArray<Edit>,
): Effect.fn.Return<Edited, EditRefused | ForkRefused | RunNotFound | ControlPlaneUnavailable> {
  const { projectId, runId } = run
  const ref = { projectId, runId }
  const refused = (reason: ForkRefused["reason"]) => new ForkRefused({ runId, after, reason })
  const logUpTo = (last: Run["latestEventId"]) => RecordReads.make(reads, operation, ref, last)
  const copyUpTo = Effect.fnUntraced(function* (last: Run["latestEventId"]) {
    const [entry] =
      last > run.latestEventId
        ? []
        : (yield* reads.named(operation, ref, ({ log }, found) =>
            log(found, EventId.make(last - 1), { entries: 1, bytes: maxReadBytes }),
          )).entries
    if (entry === undefined) return yield* refused("no_event")
    const log = logUpTo(last)
    const records = yield* log.records(refused("too_large"))
    const copied = CopiedRecords.ofFork(records, entry.createdAt)
    const { events } = yield* log.copy(records, copied, refused("too_large"))
    return { calls: copied.calls, events }
  })
  const { calls, events } =
    after === 0 ? { calls: new Set<string>(), events: [] } : yield* copyUpTo(EventId.make(after))
  const snapshot = yield* reads.named(operation, ref, firstSnapshot)
  const beginning: Beginning = { run, snapshot, events }
  const found = edits.slice(0, maxEdits).some((edit) => looksFurther(edit, events))
    ? yield* find(logUpTo(run.latestEventId))
    : nothing
  const edited = yield* withEdits(beginning, edits, calls, found)
  return RecordReads.isTooLarge(edited.events) ? yield* refused("too_large") : edited
})

/** The beginning of the log of a fork with edits, whose first event lists them. */
export const seedOf = ({ events, listed, run, version }: Edited, after: number): Effect.Effect<Seed> =>
  Effect.map(Answerer, (by) => ({
    events: [
      toEvent({
        run_id: run.runId,
        after,
        ...(by === undefined ? {} : { by }),
        edits: listed as unknown as Arr.NonEmptyReadonlyArray<Listed>,
      }),
      ...events,
    ],
    version,
  }))

/** What is read of the run is read before the commit that submits the fork with the beginning of its log. */
export const make = <X>(
  reads: StoreReads<X>,
  projectId: Ids.ProjectId,
  { sealing }: SealedAnswers,
  submitWith: SubmitWith,
): Runs["Type"]["fork"] => {
  const submit = (
    { run, snapshot }: Beginning,
    publicId: string | undefined,
    seed: Seed,
    text?: (submission: Submission) => string,
  ) =>
    Effect.catchTags(submitWith(seed, text)(again(run, snapshot, publicId)), {
      // Its conversation was deleted with it.
      ConversationNotFound: () => new RunNotFound({ runId: run.runId }),
      // It waits for the other runs of its lane.
      ConversationBusy: Effect.die,
      MessageRefused: Effect.die,
    })

  /** The answers as those that the run has got: with the request, and the messages that they are. */
  const submitAnswered = Effect.fnUntraced(function* (
    edited: Edited,
    answers: Arr.NonEmptyReadonlyArray<EditedAnswer>,
    publicId: string,
    seed: Seed,
    text: (submission: Submission) => string,
  ) {
    const interrupts = answers.map(({ interrupt }) => interrupt)
    const messageIds = yield* Effect.replicateEffect(Ids.uuidV7, answers.length)
    const isSecret = answers.some(
      ({ answer, interrupt }) => SealedParts.secretsIn(interrupt.responseSchema, answer.payload).length > 0,
    )
    const waiting = { interrupts, answers: [], expiresAt: null }
    const runId = Ids.RunId.make(publicId)
    const { resume: _answers, ...snapshot } = edited.snapshot
    return yield* sealing(
      Arr.map(answers, ({ answer }) => answer),
      (own, sealed) =>
        isSecret && !sealed
          ? new Unsealed({ runId, open: interrupts, before: [] })
          : Effect.flatMap(
              ResumeRules.applyAnswers(
                { runId, waiting },
                { snapshot, answers: {} },
                own,
                messageIds,
                undefined,
              ),
              ({ record }) => submit(edited, publicId, { ...seed, resume: record }, text),
            ),
    ).pipe(
      Effect.catchTags({
        AnswerRefused: ({ field, interruptId, message }) => {
          const edit = answers.find(({ interrupt }) => interrupt.id === interruptId)
          return new EditRefused({ field: `edits.${edit?.index ?? 0}.${field}`, message })
        },
        // Each answer is to one of these questions, and no two are to the same.
        NotWaiting: Effect.die,
      }),
    )
  })

  return Effect.fnUntraced(function* (name, { after, edits = [], publicId }) {
    const run = yield* reads.named(operation, { projectId, runId: name }, ({ run }, ref) => run(ref))
    const { runId } = run
    if (after < 1) return yield* new ForkRefused({ runId, after, reason: "no_event" })
    const edited = yield* beginningOf(reads, operation, run, after, edits)
    if (!Arr.isNonEmptyReadonlyArray(edits)) return yield* submit(edited, publicId, { events: edited.events })
    const { answers } = edited
    const seed = yield* seedOf(edited, after)
    const text = textOf(after, edits, answers)
    return Arr.isNonEmptyReadonlyArray(answers)
      ? // The id of the run is a part of the place in which a secret is sealed.
        yield* submitAnswered(edited, answers, publicId ?? (yield* Ids.uuidV7), seed, text)
      : yield* submit(edited, publicId, seed, text)
  })
}
