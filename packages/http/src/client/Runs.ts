import { type Interrupt, MetadataFilter, OneOrMore, type Run, type Runs } from "@runlease/core"
import { LabelRules } from "@runlease/core/store"
import { type Context, DateTime, Effect, Record, type Redacted, Schema } from "effect"
import * as Verdicts from "../contract/Verdicts.js"
import { metadataName } from "../Api/RunFilter.js"
import { CancelledReply, CompletedReply, ResumedReply, TakenInputs, Told } from "../Api/RunBodies.js"
import { SessionReply } from "../Api/Workers.js"
import { pageOf } from "../Wire.js"
import { CanonicalRun } from "../Wire/CanonicalRun.js"
import * as MetadataOutcome from "../Wire/MetadataOutcome.js"
import { fromOutcome } from "../Wire/Outcome.js"
import * as FollowUp from "../Wire/FollowUp.js"
import * as Labels from "../Wire/Labels.js"
import * as WireInterrupt from "../Wire/Interrupt.js"
import { SessionRecord } from "../Wire/Session.js"
import { Snapshot } from "../Wire/Snapshot.js"
import { Extensions, missing } from "./Extensions.js"
import { Credentials } from "./Credentials.js"
import { RunLookup } from "./RunLookup.js"
import * as Submissions from "./Submissions.js"
import { path, Transport } from "./Transport.js"

const encodeAnswers = Schema.encodeSync(WireInterrupt.Answers)
const encodeSession = Schema.encodeSync(SessionRecord)
const encodeFollowUp = Schema.encodeSync(FollowUp.FollowUp)
const CanonicalRuns = pageOf(CanonicalRun)

/** Whether a run of a foreign server is in the list: such a server takes no conditions, and has the newest runs first. */
const matches =
  (options: Runs.ListRuns | undefined) =>
  (run: Run.Run): boolean =>
    OneOrMore.isOneOf(options?.status, run.status) &&
    (options?.parentRunId === undefined || run.parentRunId === options.parentRunId) &&
    OneOrMore.isOneOf(options?.agentId, run.agentId) &&
    (options?.conversationId === undefined || run.conversationId === options.conversationId) &&
    (options?.from === undefined || DateTime.greaterThanOrEqualTo(run.createdAt, options.from)) &&
    (options?.to === undefined || DateTime.lessThan(run.createdAt, options.to)) &&
    LabelRules.hasAll(run.labels, options?.labels ?? {}) &&
    OneOrMore.isOneOf(options?.errorCode, run.error?.code) &&
    (options?.roots !== true || run.parentRunId === null) &&
    MetadataFilter.matches(options?.metadata ?? {}, run.metadata)

/** One answer that is a result, in the form that every server takes. */
const resumeBody = (answers: Interrupt.Answers) => {
  const [{ interruptId, isError, metadata, payload, status }, ...others] = answers
  return others.length === 0 && status === "resolved" && payload !== undefined && metadata === undefined
    ? { type: "tool_result", tool_call_id: interruptId, result: payload, is_error: isError }
    : { type: "interrupts", resume: encodeAnswers(answers) }
}

/** The request that sends a message to a run. */
export const messageRequest = (
  operation: string,
  runId: string,
  { idempotencyKey, parts }: Runs.NewMessage,
  token?: Redacted.Redacted,
) =>
  ({
    operation,
    method: "POST",
    path: path`/runs/${runId}/messages`,
    token,
    body: { parts, idempotency_key: idempotencyKey },
    success: Told,
  }) as const

export const make = (
  project: string,
): Effect.Effect<Context.Tag.Service<Runs.Runs>, never, Extensions | Credentials | RunLookup | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Credentials
    const lookup = yield* RunLookup
    const extensions = yield* Extensions

    return {
      ...(yield* Submissions.make),

      get: lookup.get,

      snapshot: (runId) =>
        extensions
          ? transport.call(
              {
                operation: "Runs.snapshot",
                method: "GET",
                path: path`/runs/${runId}/snapshot`,
                success: Snapshot,
              },
              ["RunNotFound"],
              { runId },
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
              ...(extensions
                ? {
                    status: options?.status,
                    agent_id: options?.agentId,
                    error_code: options?.errorCode,
                    roots: options?.roots === true ? "true" : undefined,
                    sort_order: options?.oldestFirst === true ? "asc" : undefined,
                    ...Record.mapKeys(options?.metadata ?? {}, metadataName),
                    conversation_id: options?.conversationId,
                    parent_run_id: options?.parentRunId,
                    label: options?.labels && Labels.toQuery(options.labels),
                    created_after: options?.from && DateTime.formatIso(options.from),
                    created_before: options?.to && DateTime.formatIso(options.to),
                  }
                : {}),
            },
            success: CanonicalRuns,
          })
          const items = yield* Effect.forEach(data, lookup.toRun, { concurrency: 8 })
          return { items: extensions ? items : items.filter(matches(options)), next: page_info.next }
        },
        (list, options) =>
          Effect.catchTags(list, {
            Refusal: Verdicts.decode("Runs.list", ["InvalidCursor"], { cursor: options?.cursor }),
            RunNotFound: (error) => Effect.die(error),
          }),
      ),

      label: Effect.fnUntraced(function* (runId, labels) {
        if (!extensions) return yield* missing("Runs.label", "change labels of a run")
        const run = yield* transport.call(
          {
            operation: "Runs.label",
            method: "PATCH",
            path: path`/runs/${runId}`,
            body: { labels },
            success: CanonicalRun,
          },
          ["LabelsRefused", "RunNotFound"],
          { runId },
        )
        return yield* lookup.toRun(run)
      }),

      tell: Effect.fnUntraced(function* (runId, message) {
        if (!extensions) return yield* missing("Runs.tell", "take a message to a run")
        const { duplicate, message_id: id } = yield* transport.call(
          messageRequest("Runs.tell", runId, message),
          ["RunEnded", "MessageRefused", "RunNotFound"],
          { runId },
        )
        return { id, duplicate }
      }),

      cancel: Effect.fnUntraced(function* (runId) {
        const { cancelled, run } = yield* transport.call(
          {
            operation: "Runs.cancel",
            method: "POST",
            path: path`/runs/${runId}/cancel`,
            success: CancelledReply,
          },
          ["RunNotFound"],
          { runId },
        )
        return { cancelled, run: yield* lookup.toRun(run) }
      }),

      resume: Effect.fnUntraced(function* (runId, answers) {
        const body = resumeBody(answers)
        if (body.type === "interrupts" && !extensions) {
          return yield* missing("Runs.resume", "take anything but the result of one tool call")
        }
        const { duplicate, run } = yield* transport.call(
          {
            operation: "Runs.resume",
            method: "POST",
            path: path`/runs/${runId}/resume`,
            body,
            success: ResumedReply,
          },
          ["NotWaiting", "RunNotFound"],
          {
            runId,
            interruptId: answers[0].interruptId,
          },
        )
        return {
          duplicate: duplicate ?? false,
          run: run === undefined ? yield* lookup.get(runId) : yield* lookup.toRun(run),
        }
      }),

      followUp: Effect.fnUntraced(function* (runId, followUp) {
        if (!extensions) return yield* missing("Runs.followUp", "take a later input of a run")
        const reply = yield* transport.call(
          {
            operation: "Runs.followUp",
            method: "POST",
            path: path`/runs/${runId}/follow-ups`,
            body: encodeFollowUp(followUp),
            success: FollowUp.FollowedUp,
          },
          ["NotWaiting", "SubmissionConflict", "RunNotFound"],
          {
            runId,
            publicId: followUp.publicId,
            interruptId: followUp.resume[0]?.interruptId,
          },
        )
        return FollowUp.fromReply(reply, yield* lookup.toRun(reply.run))
      }),

      inputs: Effect.fnUntraced(function* (runId) {
        if (!extensions) return []
        const { data } = yield* transport.call({
          operation: "Runs.inputs",
          method: "GET",
          path: path`/runs/${runId}/follow-ups`,
          success: TakenInputs,
        })
        return data
      }),

      complete: Effect.fnUntraced(function* (runId, outcome, fence, taken) {
        const credential = yield* credentials.fenced(fence)
        const { completed, run } = yield* transport.call(
          {
            operation: "Runs.complete",
            method: "POST",
            path: path`/runs/${runId}/complete`,
            ...credential,
            body: extensions ? fromOutcome(outcome, taken) : fromOutcome(MetadataOutcome.toPublic(outcome)),
            success: CompletedReply,
          },
          ["LeaseLost", "InboxNotEmpty", "RunNotFound"],
          {
            runId,
            workerId: fence?.workerId,
          },
        )
        return { completed, run: yield* lookup.toRun(run) }
      }),

      recordSession: Effect.fnUntraced(function* (lease, record) {
        const credential = yield* credentials.fenced(lease)
        const { session } = yield* transport.call(
          {
            operation: "Runs.recordSession",
            method: "PUT",
            path: path`/agent-workers/workers/${lease.workerId}/runs/${lease.runId}/session`,
            ...credential,
            body: encodeSession(record),
            success: SessionReply,
          },
          ["RunEnded", "LeaseLost", "RunNotFound"],
          {
            runId: lease.runId,
            workerId: lease.workerId,
          },
        )
        return session
      }),
    }
  })
