/** Runs over HTTP: submissions, reads, and what becomes of them. */
import { ControlPlaneError, Ids, type Interrupt, Run, Runs } from "@runlease/core"
import { Array, Context, Effect, Either, Option, Schema } from "effect"
import * as ConversationsApi from "../Api/Conversations.js"
import type { BatchAnswer, Submitted } from "../Api/RunBodies.js"
import * as Api from "../Api/Runs.js"
import * as Workers from "../Api/Workers.js"
import { type CanonicalRun, fromOutcome, toRun as shownRun } from "../Wire/Run.js"
import * as FollowUp from "../Wire/FollowUp.js"
import { Submission } from "../Wire/Submission.js"
import * as Refusal from "../contract/Refusal.js"
import type { About } from "../contract/Verdict.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Conditions from "./Conditions.js"
import * as Endpoints from "./Endpoints.js"
import { Credentials, lacks, type Transport } from "./Transport.js"

// Reads runs from the server. Other servers show less on /runs, and the rest in the conversation.

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

export class RunLookup extends Context.Tag("@runlease/http/client/RunLookup")<
  RunLookup,
  {
    readonly get: (runId: Ids.RunId) => Effect.Effect<Run.Run, Failure>
    readonly toRun: (canonical: CanonicalRun) => Effect.Effect<Run.Run, Failure>

    /** The conversation of a run, read once and cached. */
    readonly conversationOf: (runId: Ids.RunId) => Effect.Effect<Ids.ConversationId, Failure>
    readonly learn: (runId: Ids.RunId, conversationId: Ids.ConversationId) => void

    /** Drops the run from the cache: it was pruned, and another run may have its id. */
    readonly forget: (runId: Ids.RunId) => Effect.Effect<void>
  }
>() {}

const capacity = 10_000

const decodeConversationId = Schema.decodeUnknownOption(Ids.ConversationId)

export const makeLookup: Effect.Effect<Context.Tag.Service<RunLookup>, never, Transport> = Effect.gen(
  function* () {
    const runs = yield* Endpoints.of("Runs", Api.group)
    const conversations = yield* Endpoints.of("Runs", ConversationsApi.group)

    const operation = "Runs.get"

    const canonical = (runId: Ids.RunId) =>
      runs.call("run", { operation, path: { run_id: runId } }, ["RunNotFound"], { runId })

    const conversationIn = (run: CanonicalRun): Effect.Effect<Ids.ConversationId, Run.RunNotFound> =>
      Option.match(run.owner.kind === "conversation" ? decodeConversationId(run.owner.id) : Option.none(), {
        onNone: () => Effect.fail(new Run.RunNotFound({ runId: run.run_id })),
        onSome: Effect.succeed,
      })

    // The conversation of each run that is claimed is written here, so it is a plain Map. The oldest one goes first.
    const conversationIds = new Map<Ids.RunId, Ids.ConversationId>()
    const learn = (runId: Ids.RunId, conversationId: Ids.ConversationId): void => {
      conversationIds.set(runId, conversationId)
      if (conversationIds.size <= capacity) return
      for (const oldest of conversationIds.keys()) return void conversationIds.delete(oldest)
    }

    const inConversation = Effect.fnUntraced(function* (run: CanonicalRun) {
      return yield* conversations.call(
        "conversationRun",
        { operation, path: { conversation_id: yield* conversationIn(run), run_id: run.run_id } },
        ["RunNotFound"],
        { runId: run.run_id },
      )
    })

    const toRun = Effect.fnUntraced(function* (run: CanonicalRun) {
      const shown = shownRun(run)
      const found = Option.isSome(shown) ? shown.value : yield* inConversation(run)
      learn(found.runId, found.conversationId)
      return { ...found, metadata: found.metadata ?? run.metadata ?? null }
    })

    return {
      toRun,
      get: (runId: Ids.RunId) => Effect.flatMap(canonical(runId), toRun),
      conversationOf: (runId) =>
        Effect.suspend(() => {
          const cached = conversationIds.get(runId)
          if (cached !== undefined) return Effect.succeed(cached)
          return Effect.tap(Effect.flatMap(canonical(runId), conversationIn), (conversationId) =>
            Effect.sync(() => learn(runId, conversationId)),
          )
        }),
      learn,
      forget: (runId) => Effect.sync(() => conversationIds.delete(runId)),
    }
  },
)

// Submissions over HTTP, new ones and those of a run once more.

/** A submission on the wire. It was checked, so it costs half of what the schema of its endpoint does. */
const encodeSubmission = (submission: Runs.Submission) => Schema.encodeSync(Submission)(submission)

const refusals = [
  "SubmissionConflict",
  "ConversationBusy",
  "MessageRefused",
  "TooManyPending",
  "InvalidSubmission",
  "ConversationNotFound",
  "RunNotFound",
] as const

const aboutOf = (submission: Runs.Submission): About => ({
  publicId: submission.publicId,
  conversationId: submission.conversationId,
  runId: submission.parentRunId,
})

/** A refusal of one submission is a verdict; a failure of the control plane fails all of them. */
const verdictOf = <E extends { readonly _tag: string }>(
  submitted: Effect.Effect<Runs.Submitted, E | ControlPlaneError.ControlPlaneError>,
) =>
  Effect.catchAll(Effect.map(submitted, Either.right), (error) =>
    ControlPlaneError.isControlPlaneError(error)
      ? Effect.fail(error)
      : Effect.succeed(Either.left(error as Exclude<E, ControlPlaneError.ControlPlaneError>)),
  )

const submittedBy =
  (lookup: Context.Tag.Service<RunLookup>) =>
  ({ debounced = false, duplicate = false, run, steered = false }: typeof Submitted.Type) =>
    Effect.map(lookup.toRun(run), (run): Runs.Submitted => ({ run, duplicate, steered, debounced }))

/** Sends one submission that was checked. */
export const makeSend = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("Runs", Api.group)
  const submitted = submittedBy(yield* RunLookup)
  return (submission: Runs.Submission) =>
    Effect.flatMap(
      call("submit", { sent: encodeSubmission(submission) }, refusals, aboutOf(submission)),
      submitted,
    )
})

/** What each of these became, as one after the other. */
export const oneByOne =
  (submit: Runs.Runs["Type"]["submit"]) => (submissions: ReadonlyArray<Runs.SubmissionInput>) =>
    Effect.forEach(submissions, (submission) => verdictOf(submit(submission)), { concurrency: 16 })

export const makeSubmissions: Effect.Effect<
  Pick<Runs.Runs["Type"], "submit" | "submitMany" | "retry" | "fork">,
  never,
  RunLookup | Transport
> = Effect.gen(function* () {
  const { call, request } = yield* Endpoints.of("Runs", Api.group)
  const submitted = submittedBy(yield* RunLookup)
  const submit = Runs.submitChecked(yield* makeSend)

  const answered = (submission: Runs.Submission, { body, status }: BatchAnswer) =>
    "run" in body
      ? submitted(body)
      : Verdicts.decode(
          "Runs.submitMany",
          refusals,
          aboutOf(submission),
        )(new Refusal.Refusal({ httpStatus: status, body }))

  const inOneCommit = Effect.fnUntraced(function* (submissions: ReadonlyArray<Runs.SubmissionInput>) {
    const checked = Array.map(yield* Runs.checkCount(submissions, Runs.maxSubmissions), Runs.check)
    const sent = Array.getRights(checked)
    const { answers } = yield* request("submitMany", { body: { runs: sent.map(encodeSubmission) } })
    let next = 0
    return yield* Effect.forEach(checked, (each) =>
      Either.isLeft(each)
        ? Effect.succeed(Either.left(each.left))
        : Effect.suspend(() => verdictOf(answered(each.right, answers[next++]!))),
    )
  })

  return {
    submit,

    // A server of another version may not have the endpoint.
    submitMany: (submissions) =>
      Effect.catchTag(inOneCommit(submissions), "Refusal", (refusal) =>
        lacks(refusal)
          ? oneByOne(submit)(submissions)
          : Verdicts.decode("Runs.submitMany", ["InvalidSubmission"], {})(refusal),
      ),

    retry: Effect.fnUntraced(function* (runId, { fromStart, publicId } = {}) {
      const answer = yield* call(
        "retry",
        { path: { run_id: runId }, body: { public_id: publicId, from_start: fromStart } },
        [
          "RetryRefused",
          "RunUnfinished",
          "SubmissionConflict",
          "TooManyPending",
          "InvalidSubmission",
          "RunNotFound",
        ],
        { publicId, runId },
      )
      return yield* submitted(answer)
    }),

    fork: Effect.fnUntraced(function* (runId, { after, edits, publicId }) {
      const answer = yield* call(
        "fork",
        { path: { run_id: runId }, body: { after_event_id: after, public_id: publicId, edits } },
        [
          "EditRefused",
          "ForkRefused",
          "SubmissionConflict",
          "TooManyPending",
          "InvalidSubmission",
          "RunNotFound",
        ],
        { publicId, runId, after },
      )
      return yield* submitted(answer)
    }),
  }
})

/** Of these conditions, those that a query names as the Api does. */
const conditionsOf = (options: Omit<Runs.ListRuns, "cursor" | "limit" | "metadata">) => ({
  status: Conditions.listOf(options.status),
  agent_id: Conditions.listOf(options.agentId),
  error_code: Conditions.listOf(options.errorCode),
  roots: options.roots === true ? true : undefined,
  sort_order: options.oldestFirst === true ? ("asc" as const) : undefined,
  conversation_id: options.conversationId,
  parent_run_id: options.parentRunId,
  label: options.labels,
  created_after: options.from,
  created_before: options.to,
})

/** One answer that is a result, in the form that every server takes. */
export const resumeBody = (answers: Interrupt.Answers) => {
  const [{ interruptId, isError, metadata, payload, status }, ...others] = answers
  return others.length === 0 && status === "resolved" && payload !== undefined && metadata === undefined
    ? ({ type: "tool_result", tool_call_id: interruptId, result: payload, is_error: isError } as const)
    : ({ type: "interrupts", resume: answers } as const)
}

/** What a message to a run is on the wire. */
export const messageBody = ({ idempotencyKey, parts }: Runs.NewMessage) => ({
  parts,
  idempotency_key: idempotencyKey,
})

export const make: Effect.Effect<
  Context.Tag.Service<Runs.Runs>,
  never,
  Credentials | RunLookup | Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("Runs", Api.group)
  const workers = yield* Endpoints.of("Runs", Workers.group)
  const credentials = yield* Credentials
  const lookup = yield* RunLookup

  return {
    ...(yield* makeSubmissions),

    get: lookup.get,

    snapshot: (runId) => call("snapshot", { path: { run_id: runId } }, ["RunNotFound"], { runId }),

    list: Effect.fnUntraced(
      function* (options) {
        const { cursor, limit, metadata, ...conditions } = options ?? {}
        const query = {
          cursor,
          limit,
          ...conditionsOf(conditions),
          ...Conditions.onMetadata(metadata),
        }
        const { data, page_info } = yield* call("list", { query }, ["InvalidCursor"], { cursor })
        const items = yield* Effect.forEach(data, lookup.toRun, { concurrency: 8 })
        return { items, next: page_info.next }
      },
      Effect.catchTag("RunNotFound", Effect.die),
    ),

    label: Effect.fnUntraced(function* (runId, labels) {
      const run = yield* call(
        "label",
        { path: { run_id: runId }, body: { labels } },
        ["LabelsRefused", "RunNotFound"],
        { runId },
      )
      return yield* lookup.toRun(run)
    }),

    tell: Effect.fnUntraced(function* (runId, message) {
      const { duplicate, message_id: id } = yield* call(
        "tell",
        { path: { run_id: runId }, body: messageBody(message) },
        ["RunEnded", "MessageRefused", "RunNotFound"],
        { runId },
      )
      return { id, duplicate }
    }),

    cancel: Effect.fnUntraced(function* (runId) {
      const { cancelled, run } = yield* call("cancel", { path: { run_id: runId } }, ["RunNotFound"], {
        runId,
      })
      return { cancelled, run: yield* lookup.toRun(run) }
    }),

    resume: Effect.fnUntraced(function* (runId, answers) {
      const { duplicate, run } = yield* call(
        "resume",
        { path: { run_id: runId }, body: resumeBody(answers) },
        ["NotWaiting", "AnswerRefused", "RunNotFound"],
        { runId, interruptId: answers[0].interruptId },
      )
      return {
        duplicate: duplicate ?? false,
        run: run === undefined ? yield* lookup.get(runId) : yield* lookup.toRun(run),
      }
    }),

    followUp: Effect.fnUntraced(function* (runId, followUp) {
      const reply = yield* call(
        "followUp",
        { path: { run_id: runId }, body: followUp },
        ["NotWaiting", "AnswerRefused", "SubmissionConflict", "RunNotFound"],
        { runId, publicId: followUp.publicId, interruptId: followUp.resume[0]?.interruptId },
      )
      return FollowUp.fromReply(reply, yield* lookup.toRun(reply.run))
    }),

    inputs: Effect.fnUntraced(function* (runId) {
      const { data } = yield* call("inputs", { path: { run_id: runId } })
      return data
    }),

    complete: Effect.fnUntraced(function* (runId, outcome, fence, takenMessages) {
      const { completed, run } = yield* call(
        "complete",
        {
          path: { run_id: runId },
          credential: yield* credentials.fenced(fence),
          body: fromOutcome(outcome, takenMessages),
        },
        ["LeaseLost", "InboxNotEmpty", "RunNotFound"],
        { runId, workerId: fence?.workerId },
      )
      return { completed, run: yield* lookup.toRun(run) }
    }),

    recordSession: Effect.fnUntraced(function* (lease, record) {
      const { runId, workerId } = lease
      const { session } = yield* workers.call(
        "session",
        {
          operation: "Runs.recordSession",
          path: { worker_id: workerId, run_id: runId },
          credential: yield* credentials.fenced(lease),
          body: record,
        },
        ["RunEnded", "LeaseLost", "RunNotFound"],
        { runId, workerId },
      )
      return session
    }),
  }
})
