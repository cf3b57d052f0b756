import { Conversations, type Interrupt, Run, Runs } from "@runlease/core"
import { type Context, Effect, Option, Schema } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import type * as Refusal from "../contract/Refusal.js"
import { CancelledReply, CompletedReply, ResumedReply, Submitted, TakenInputs } from "../Api/Runs.js"
import { SessionReply } from "../Api/Workers.js"
import { pageOf } from "../Wire.js"
import { CanonicalRun } from "../Wire/CanonicalRun.js"
import * as FollowUp from "../Wire/FollowUp.js"
import * as WireInterrupt from "../Wire/Interrupt.js"
import { SessionRecord } from "../Wire/Session.js"
import { Snapshot } from "../Wire/Snapshot.js"
import { Submission } from "../Wire/Submission.js"
import * as Cursor from "./Cursor.js"
import { Additions, missing } from "./Extensions.js"
import { Credentials } from "./Credentials.js"
import { outcomeBody } from "./OutcomeBody.js"
import { RunViews } from "./RunLookup.js"
import { path, Transport } from "./Transport.js"

const encodeSubmission = Schema.encodeSync(Submission)
const encodeSession = Schema.encodeSync(SessionRecord)
const encodeFollowUp = Schema.encodeSync(FollowUp.FollowUp)
const encodeAnswers = Schema.encodeSync(WireInterrupt.Answers)
const CanonicalRuns = pageOf(CanonicalRun)

const endedStatus = Schema.decodeUnknownOption(Run.TerminalStatus)

/** What is asked of a run beyond the public API, if anything is. */
const ofOurs = (submission: Runs.Submission): string | undefined => {
  if (submission.conversationId === undefined) return "a run without a conversation; create one first"
  if (submission.snapshot !== undefined) return "a snapshot; add its messages to the conversation"
  if (submission.priority !== undefined) return "a priority"
  if (submission.availableAt !== undefined) return "a time before which the run waits"
  if (submission.maxAttempts !== undefined) return "a number of attempts"
  if (submission.concurrencyKey !== undefined) return "a concurrency key"
  return undefined
}

/** One answer that is a result in the form that every server takes. */
const resumeBody = (answers: Interrupt.Answers) => {
  const [{ interruptId, isError, metadata, payload, status }, ...others] = answers
  return others.length === 0 && status === "resolved" && payload !== undefined && metadata === undefined
    ? { type: "tool_result", tool_call_id: interruptId, result: payload, is_error: isError }
    : { type: "interrupts", resume: encodeAnswers(answers) }
}

const matches =
  (options: Runs.ListRuns | undefined) =>
  (run: Run.Run): boolean =>
    (options?.status === undefined || run.status === options.status) &&
    (options?.agentId === undefined || run.agentId === options.agentId) &&
    (options?.conversationId === undefined || run.conversationId === options.conversationId)

export const make = (
  project: string,
): Effect.Effect<Context.Tag.Service<Runs.Runs>, never, Additions | Credentials | RunViews | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Credentials
    const views = yield* RunViews
    const additions = yield* Additions

    const notFoundOr = (operation: string, runId: string) => (refusal: Refusal.Refusal) =>
      refusal.httpStatus === 404
        ? new Run.RunNotFound({ runId })
        : ControlPlaneErrors.decode(operation)(refusal)

    const notWaiting = (runId: string, [first]: ReadonlyArray<Interrupt.Answer>, { body }: Refusal.Refusal) =>
      new Runs.NotWaiting({
        runId,
        interruptId: body.interrupt_id ?? first?.interruptId ?? "",
        answered: body.error === "answered_otherwise",
        ...(body.open_interrupt_ids === undefined ? {} : { open: body.open_interrupt_ids }),
      })

    const submitVerdict = (submission: Runs.Submission) => (refusal: Refusal.Refusal) => {
      if (refusal.httpStatus === 409) {
        return new Runs.SubmissionConflict({ publicId: submission.publicId ?? "" })
      }
      if (refusal.body.error === "invalid_request") {
        return new Runs.InvalidSubmission({ field: refusal.body.field ?? "", message: refusal.body.detail })
      }
      if (refusal.body.error === "run_not_found") {
        return new Run.RunNotFound({ runId: submission.parentRunId ?? "" })
      }
      return refusal.httpStatus === 404 && submission.conversationId !== undefined
        ? new Conversations.ConversationNotFound({ conversationId: submission.conversationId })
        : ControlPlaneErrors.decode("Runs.submit")(refusal)
    }

    return {
      submit: Runs.submitChecked(
        Effect.fnUntraced(function* (submission: Runs.Submission) {
          const ours = additions ? undefined : ofOurs(submission)
          if (ours !== undefined) return yield* missing("Runs.submit", `take ${ours}`)
          const { duplicate, run } = yield* transport
            .request({
              operation: "Runs.submit",
              method: "POST",
              path: "/runs",
              body: encodeSubmission(submission),
              success: Submitted,
            })
            .pipe(Effect.catchTag("Refusal", (refusal) => Effect.fail(submitVerdict(submission)(refusal))))
          return { run: yield* views.toRun(run), duplicate: duplicate ?? false }
        }),
      ),

      get: views.get,

      snapshot: (runId) =>
        additions
          ? transport
              .request({
                operation: "Runs.snapshot",
                method: "GET",
                path: path`/runs/${runId}/snapshot`,
                success: Snapshot,
              })
              .pipe(
                Effect.catchTag("Refusal", (refusal) =>
                  Effect.fail(notFoundOr("Runs.snapshot", runId)(refusal)),
                ),
              )
          : missing("Runs.snapshot", "show the request of a run"),

      list: Effect.fnUntraced(
        function* (options) {
          const { data, page_info } = yield* transport.request({
            operation: "Runs.list",
            method: "GET",
            path: path`/projects/${project}/runs`,
            query: {
              cursor: options?.cursor,
              limit: options?.limit,
              ...(additions
                ? {
                    status: options?.status,
                    agent_id: options?.agentId,
                    conversation_id: options?.conversationId,
                  }
                : {}),
            },
            success: CanonicalRuns,
          })
          const items = yield* Effect.forEach(data, views.toRun, { concurrency: 8 })
          return { items: additions ? items : items.filter(matches(options)), next: page_info.next }
        },
        (list, options) =>
          Effect.catchTags(list, {
            Refusal: (refusal) =>
              Effect.fail(Cursor.verdict(options, ControlPlaneErrors.decode("Runs.list"))(refusal)),
            RunNotFound: (error) => Effect.die(error),
          }),
      ),

      cancel: Effect.fnUntraced(function* (runId) {
        const { cancelled, run } = yield* transport
          .request({
            operation: "Runs.cancel",
            method: "POST",
            path: path`/runs/${runId}/cancel`,
            success: CancelledReply,
          })
          .pipe(
            Effect.catchTag("Refusal", (refusal) => Effect.fail(notFoundOr("Runs.cancel", runId)(refusal))),
          )
        return { cancelled, run: yield* views.toRun(run) }
      }),

      resume: Effect.fnUntraced(function* (runId, answers) {
        const body = resumeBody(answers)
        if (body.type === "interrupts" && !additions) {
          return yield* missing("Runs.resume", "take anything but the result of one tool call")
        }
        const { duplicate, run } = yield* transport
          .request({
            operation: "Runs.resume",
            method: "POST",
            path: path`/runs/${runId}/resume`,
            body,
            success: ResumedReply,
          })
          .pipe(
            Effect.catchTag("Refusal", (refusal) =>
              Effect.fail(
                refusal.httpStatus === 409
                  ? notWaiting(runId, answers, refusal)
                  : notFoundOr("Runs.resume", runId)(refusal),
              ),
            ),
          )
        return {
          duplicate: duplicate ?? false,
          run: run === undefined ? yield* views.get(runId) : yield* views.toRun(run),
        }
      }),

      followUp: Effect.fnUntraced(function* (runId, followUp) {
        if (!additions) return yield* missing("Runs.followUp", "take a later input of a run")
        const reply = yield* transport
          .request({
            operation: "Runs.followUp",
            method: "POST",
            path: path`/runs/${runId}/follow-ups`,
            body: encodeFollowUp(followUp),
            success: FollowUp.FollowedUp,
          })
          .pipe(
            Effect.catchTag("Refusal", (refusal) =>
              Effect.fail(
                refusal.body.error === "submission_conflict"
                  ? new Runs.SubmissionConflict({ publicId: followUp.publicId })
                  : refusal.httpStatus === 409
                    ? notWaiting(runId, followUp.resume, refusal)
                    : notFoundOr("Runs.followUp", runId)(refusal),
              ),
            ),
          )
        return FollowUp.fromReply(reply, yield* views.toRun(reply.run))
      }),

      inputs: Effect.fnUntraced(function* (runId) {
        if (!additions) return []
        const { data } = yield* transport
          .request({
            operation: "Runs.inputs",
            method: "GET",
            path: path`/runs/${runId}/follow-ups`,
            success: TakenInputs,
          })
          .pipe(
            Effect.catchTag("Refusal", (refusal) =>
              Effect.fail(ControlPlaneErrors.decode("Runs.inputs")(refusal)),
            ),
          )
        return data
      }),

      complete: Effect.fnUntraced(function* (runId, outcome, fence) {
        const credential = yield* credentials.fenced(fence)
        const { completed, run } = yield* transport
          .request({
            operation: "Runs.complete",
            method: "POST",
            path: path`/runs/${runId}/complete`,
            ...credential,
            body: outcomeBody(additions ? outcome : { ...outcome, result: undefined }),
            success: CompletedReply,
          })
          .pipe(
            Effect.catchTag("Refusal", (refusal) =>
              Effect.fail(
                refusal.httpStatus === 403 && fence !== undefined
                  ? new Run.LeaseLost({ runId, workerId: fence.workerId })
                  : notFoundOr("Runs.complete", runId)(refusal),
              ),
            ),
          )
        return { completed, run: yield* views.toRun(run) }
      }),

      recordSession: Effect.fnUntraced(function* (lease, record) {
        const credential = yield* credentials.fenced(lease)
        const { session } = yield* transport
          .request({
            operation: "Runs.recordSession",
            method: "PUT",
            path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/session`,
            ...credential,
            body: encodeSession(record),
            success: SessionReply,
          })
          .pipe(
            Effect.catchTag("Refusal", (refusal) => {
              const status = endedStatus(refusal.body.status)
              return Effect.fail(
                Option.isSome(status)
                  ? new Run.RunEnded({ runId: lease.runId, status: status.value })
                  : refusal.httpStatus === 403
                    ? new Run.LeaseLost({ runId: lease.runId, workerId: lease.workerId })
                    : notFoundOr("Runs.recordSession", lease.runId)(refusal),
              )
            }),
          )
        return session
      }),
    }
  })
