/** A run to be submitted and its request, on the wire. */
import { Debounce, Ids, Interrupt, RequestSnapshot, Run, Runs, Trial } from "@runlease/core"
import { Predicate, Schema, Struct } from "effect"
import { as, atMost, choice, nullish } from "../Wire.js"
import * as WireLabels from "./Labels.js"
import { describe, mirror } from "@runlease/core/Mirror"
import { givenTargets, targetKeys, Trigger, runtimeTarget, sourceTarget } from "./Run.js"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

// The request of a run on its way to the worker, checked and not rebuilt.

const isPart = (part: unknown): boolean =>
  Predicate.isRecord(part) && typeof part["type"] === "string" && part["type"] !== ""

const isMessage = (message: unknown): boolean =>
  Predicate.isRecord(message) &&
  typeof message["id"] === "string" &&
  typeof message["role"] === "string" &&
  ["string", "undefined"].includes(typeof message["createdAt"]) &&
  Array.isArray(message["parts"]) &&
  message["parts"].every(isPart)

const isTraceContext = Schema.is(RequestSnapshot.TraceContext)

const areAnswers = Schema.is(Schema.Array(Interrupt.Answer))

const isSnapshot = (value: unknown): value is RequestSnapshot.RequestSnapshot =>
  Predicate.isRecord(value) &&
  Array.isArray(value["messages"]) &&
  value["messages"].every(isMessage) &&
  Array.isArray(value["tools"]) &&
  Array.isArray(value["context"]) &&
  ["string", "undefined"].includes(typeof value["title"]) &&
  (value["traceContext"] === undefined || isTraceContext(value["traceContext"])) &&
  (value["resume"] === undefined || areAnswers(value["resume"]))

/** The most messages of a request. A message of the history may be an answer, so this is also the most answers of one. */
export const maxMessages = 20_000

/** The most parts of a message, and the most calls of one. */
export const maxParts = 1_000

/** The most tools of a request, and the most pieces of context. */
export const maxTools = 1_000

/** What a run carries from others is the server's to say, and is among the messages that a worker gets. */
const OnWire = RequestSnapshot.RequestSnapshot.omit("carries")

const { resume: _, ...fields } = OnWire.fields

export const MessageParts = Schema.Array(RequestSnapshot.MessagePart).pipe(atMost(maxParts))

/** The answers of a run are those that it got while it waited. */
const noAnswers = Schema.Array(Interrupt.Answer).pipe(
  Schema.filter((answers) => answers.length === 0, {
    message: () => "must be left out; answers go to the run while it waits for them",
    jsonSchema: { maxItems: 0 },
  }),
)

/** The request of a run that is submitted, or of its next part. */
export const NewSnapshot: Schema.Schema<
  RequestSnapshot.RequestSnapshot,
  typeof RequestSnapshot.RequestSnapshot.Encoded
> = Schema.Struct({
  ...fields,
  messages: Schema.Array(
    Schema.Struct({ ...RequestSnapshot.SnapshotMessage.fields, parts: MessageParts }),
  ).pipe(atMost(maxMessages)),
  tools: Schema.Array(Schema.Unknown).pipe(atMost(maxTools)),
  context: Schema.Array(Schema.Unknown).pipe(atMost(maxTools)),
  resume: Schema.optional(noAnswers),
  trial: Schema.optional(
    Schema.Struct({
      ...Trial.Trial.fields,
      calls: Schema.Array(Trial.RecordedCall).pipe(atMost(Trial.maxCalls)),
    }),
  ),
})

/** The checks of core's schema in plain code: a snapshot may be long, and to rebuild it costs more than to send it. */
export const Snapshot: Schema.Schema<RequestSnapshot.RequestSnapshot> = Schema.declare(isSnapshot, {
  identifier: "RequestSnapshot",
  message: () => "must be a request snapshot",
  jsonSchema: WholeJsonSchema.of(OnWire),
})

const debounce = mirror(Debounce.Debounce.fields, "absent")

/** The fields that stand next to `request`. */
const run = mirror(Struct.pick(Runs.Submission.fields, "publicId", "parentRunId", "batchId"), "absent")

/** The fields of `request`, without those that the wire has in another form. */
const request = mirror(
  Struct.omit(
    Runs.Submission.fields,
    ...run.names,
    "derived",
    "conversationId",
    "trigger",
    "sourceTarget",
    "runtimeTarget",
    "snapshot",
    "concurrencyKey",
    "labels",
    "debounce",
  ),
  "absent",
)

/** What the description of the API says of them. */
const described = describe(request.fields, {
  ttl_seconds:
    "(ours) A run that no worker has claimed this many seconds after it was submitted, or after its `available_at`, is cancelled with code `EXPIRED`; none when absent",
  timeout_seconds:
    "(ours) A run that has worked for this many seconds in all of its attempts fails with code `TIMEOUT`; its waits and its time in the queue do not count; none when absent",
  concurrency_limit:
    "(ours) With it, at most this many runs of `concurrency_key` work at once, and the key is no lane. The last submission of a key sets it. 1 to 100,000",
  limits:
    "(ours) Its keys at limits with names, narrow to wide: 2 at most, and 1 with a `concurrency_limit`. A key has 1 to 128 characters",
  version_policy:
    "(ours) `pinned`: workers of one version claim it, which that of its first claim is. `latest`: those of any. When absent that of its parent, else `latest`",
  fairness_key:
    "(ours) The waiting runs of different keys take turns, also where one key has many more than another. Up to 128 characters",
  fairness_weight:
    "(ours) How many turns the key has for each of a key of weight 1. 0.1 to 100, 1 when absent",
  budget:
    "(ours) What the run and those below it may spend together: `tokens`, `cost` (millionths), `steps`, `seconds` under lease, `runs`",
  multitask:
    "(ours) What becomes of it where a run of its lane has not ended: it waits behind (`enqueue`, when absent), it is a message to that run (`steer`), it cancels the runs of the lane (`interrupt`), it cancels those that no worker has claimed and waits behind the others (`latest`), or it is refused (`reject`)",
})

const wire = Schema.Struct({
  kind: Schema.Literal("agent"),
  owner: Schema.optional(
    choice("kind", Schema.Struct({ kind: Schema.Literal("conversation"), id: Ids.ConversationId })),
  ).annotations({ description: "The conversation of the run; one is made when absent" }),
  ...run.fields,
  conversation_id: nullish(Ids.ConversationId),
  trigger: nullish(Trigger),
  request: Schema.Struct({
    ...described,
    ...givenTargets,
    request_snapshot: nullish(NewSnapshot),
    input: Schema.optional(Schema.Unknown).annotations({
      description:
        "(ours) The payload of the agent, any JSON, as `input` of the request snapshot. GET /projects/{project}/agents has the JSON Schema of each agent.",
    }),
    concurrency_key: Schema.optional(Schema.NullOr(Ids.visibleText(256))).annotations({
      description: "Runs with one key do not overlap; the conversation when absent, no lane when null",
    }),
    debounce: nullish(Schema.Struct(debounce.fields)).annotations({
      description:
        "(ours) The run waits `seconds` for the next submission of `key` and agent, which becomes its input until a worker claims it; `max_seconds` in all",
    }),
    labels: nullish(WireLabels.LabelsInBody).annotations({
      description:
        "(ours) A value by each name, 16 at most. The run has those of its parent too, where it has none of that name. Names have 1 to 64 of a-z, 0-9, _, . and -; values have up to 128 characters",
    }),
  }).pipe(
    Schema.filter((request) => {
      const { initial_status: status, timeout_seconds: timeout, ttl_seconds: ttl } = request
      if (request.input !== undefined && request.request_snapshot?.input !== undefined) {
        return { path: ["input"], message: "is in `request_snapshot` too; give it once" }
      }
      return status !== "running" || (ttl ?? timeout) == null
        ? undefined
        : {
            path: [ttl == null ? "timeout_seconds" : "ttl_seconds"],
            message: "is for runs that a worker claims; `initial_status` `running` has no lease",
          }
    }),
  ),
})

const unlessEmpty = (target: Run.Target): Run.Target | undefined =>
  (target.kind ?? target.environmentId ?? target.branchId ?? target.releaseVersion) === null
    ? undefined
    : target

/** A request with an input and no snapshot has no messages, those of its conversation included. */
const snapshotOf = ({ input, request_snapshot: sent }: (typeof wire.Type)["request"]) =>
  input === undefined ? (sent ?? undefined) : { ...(sent ?? RequestSnapshot.empty), input }

/** `owner` names the conversation; (ours) it may be absent. Kinds other than `agent` are refused. */
export const Submission = as<Runs.Submission>()(wire, {
  decode: (sent) => ({
    ...run.decode(sent),
    ...request.decode(sent.request),
    conversationId: sent.owner?.id ?? sent.conversation_id ?? undefined,
    trigger: sent.trigger ?? undefined,
    sourceTarget: unlessEmpty(sourceTarget(sent.request)),
    runtimeTarget: unlessEmpty(runtimeTarget(sent.request)),
    snapshot: snapshotOf(sent.request),
    concurrencyKey: sent.request.concurrency_key,
    labels: sent.request.labels ?? undefined,
    debounce: sent.request.debounce == null ? undefined : debounce.decode(sent.request.debounce),
  }),
  encode: (submission) => ({
    kind: "agent" as const,
    owner:
      submission.conversationId === undefined
        ? undefined
        : { kind: "conversation" as const, id: submission.conversationId },
    ...run.encode(submission),
    conversation_id: undefined,
    trigger: submission.trigger,
    request: {
      ...request.encode(submission),
      ...(submission.sourceTarget === undefined && submission.runtimeTarget === undefined
        ? {}
        : {
            ...targetKeys({
              sourceTarget: submission.sourceTarget ?? Run.noTarget,
              runtimeTarget: submission.runtimeTarget ?? Run.noTarget,
            }),
            runtime_target_release_version: submission.runtimeTarget?.releaseVersion,
          }),
      request_snapshot: submission.snapshot,
      concurrency_key: submission.concurrencyKey,
      labels: submission.labels,
      debounce: submission.debounce && debounce.encode(submission.debounce),
    },
  }),
}).annotations({ identifier: "Submission" })

// The batch that runs are submitted in.

/** What a batch says of its runs. */
export const batchFields = describe(Struct.pick(run.fields, "batch_id"), {
  batch_id: "`batch_id` of those runs that have none",
})

const Batch = Schema.Struct(batchFields)

/** A submission of a batch, which has the id of the batch where it has none. */
export const inBatch = ({ batch_id }: typeof Batch.Type, submission: Runs.Submission): Runs.Submission => ({
  ...submission,
  batchId: submission.batchId ?? batch_id ?? undefined,
})

/** What the answer to a batch repeats of it. */
export const batchReply = {
  fields: { batch_id: Schema.NullOr(Schema.String) },
  of: ({ batch_id = null }: typeof Batch.Type) => ({ batch_id }),
}
