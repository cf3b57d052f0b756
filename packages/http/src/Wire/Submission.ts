/** A run to be submitted and its request, on the wire. */
import {
  Debounce,
  Fairness,
  Ids,
  Limits,
  RequestSnapshot,
  Run,
  Runs,
  TimeLimits,
  TreeBudget,
  WorkerRegistry,
  Interrupt,
} from "@runlease/core"
import { Schema, Predicate } from "effect"
import { as, atMost, choice, nullish, Timestamp } from "../Wire.js"
import * as WireLabels from "./Labels.js"
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

/** The parts of a message. */
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
})

/** The checks of core's schema in plain code: a snapshot may be long, and to rebuild it costs more than to send it. */
export const Snapshot: Schema.Schema<RequestSnapshot.RequestSnapshot> = Schema.declare(isSnapshot, {
  identifier: "RequestSnapshot",
  message: () => "must be a request snapshot",
  jsonSchema: WholeJsonSchema.of(OnWire),
})

/** As `Debounce` of core. */
const DebounceBody = Schema.Struct({
  key: Debounce.Debounce.fields.key,
  seconds: TimeLimits.Seconds,
  max_seconds: nullish(TimeLimits.Seconds),
})

const wire = Schema.Struct({
  kind: Schema.Literal("agent"),
  owner: Schema.optional(
    choice("kind", Schema.Struct({ kind: Schema.Literal("conversation"), id: Ids.ConversationId })),
  ).annotations({ description: "The conversation of the run; one is made when absent" }),
  public_id: nullish(Ids.NewRunId),
  parent_run_id: nullish(Ids.RunId),
  conversation_id: nullish(Ids.ConversationId),
  trigger: nullish(Trigger),
  batch_id: nullish(Ids.visibleText(128)),
  request: Schema.Struct({
    mode: nullish(Ids.visibleText(128)),
    agent_id: Ids.NewAgentId,
    implementation_kind: nullish(WorkerRegistry.Registration.fields.implementationKind),
    worker_key: nullish(WorkerRegistry.Registration.fields.workerKey),
    initial_status: nullish(Schema.Literal("pending", "running")),
    ...givenTargets,
    request_snapshot: nullish(NewSnapshot),
    input: Schema.optional(Schema.Unknown).annotations({
      description:
        "(ours) The payload of the agent, any JSON, as `input` of the request snapshot. GET /projects/{project}/agents has the JSON Schema of each agent.",
    }),
    priority: nullish(Schema.Int.pipe(Schema.between(-1000, 1000))),
    available_at: nullish(Timestamp),
    max_attempts: nullish(Schema.Int.pipe(Schema.between(1, 100))),
    ttl_seconds: nullish(TimeLimits.Seconds).annotations({
      description:
        "(ours) A run that no worker has claimed this many seconds after it was submitted, or after its `available_at`, is cancelled with code `EXPIRED`; none when absent",
    }),
    timeout_seconds: nullish(TimeLimits.Seconds).annotations({
      description:
        "(ours) A run that has worked for this many seconds in all of its attempts fails with code `TIMEOUT`; its waits and its time in the queue do not count; none when absent",
    }),
    concurrency_key: Schema.optional(Schema.NullOr(Ids.visibleText(256))).annotations({
      description: "Runs with one key do not overlap; the conversation when absent, no lane when null",
    }),
    concurrency_limit: nullish(Runs.Submission.fields.concurrencyLimit.from).annotations({
      description:
        "(ours) With it, at most this many runs of `concurrency_key` work at once, and the key is no lane. The last submission of a key sets it. 1 to 100,000",
    }),
    limits: nullish(Limits.LimitKeys).annotations({
      description:
        "(ours) Its keys at limits with names, narrow to wide: 2 at most, and 1 with a `concurrency_limit`. A key has 1 to 128 characters",
    }),
    fairness_key: nullish(Fairness.FairnessKey).annotations({
      description:
        "(ours) The waiting runs of different keys take turns, also where one key has many more than another. Up to 128 characters",
    }),
    fairness_weight: nullish(Fairness.FairnessWeight).annotations({
      description:
        "(ours) How many turns the key has for each of a key of weight 1. 0.1 to 100, 1 when absent",
    }),
    budget: nullish(TreeBudget.Limits).annotations({
      description:
        "(ours) What the run and those below it may spend together: `tokens`, `cost` (millionths), `steps`, `seconds` under lease, `runs`",
    }),
    multitask: nullish(Runs.Multitask).annotations({
      description:
        "(ours) What becomes of it where a run of its lane has not ended: it waits behind (`enqueue`, when absent), it is a message to that run (`steer`), it cancels the runs of the lane (`interrupt`), it cancels those that no worker has claimed and waits behind the others (`latest`), or it is refused (`reject`)",
    }),
    debounce: nullish(DebounceBody).annotations({
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

const debounceOf = ({ key, max_seconds: maxSeconds, seconds }: typeof DebounceBody.Type) => ({
  key,
  seconds,
  ...(maxSeconds == null ? {} : { maxSeconds }),
})

const unlessEmpty = (target: Run.Target): Run.Target | undefined =>
  (target.kind ?? target.environmentId ?? target.branchId ?? target.releaseVersion) === null
    ? undefined
    : target

/**
 * `owner` names the conversation; (ours) it may be absent. Kinds other than `agent` are refused.
 *
 * @category models
 */
export const Submission = as<Runs.Submission>()(wire, {
  decode: ({ request, ...run }) => ({
    agentId: request.agent_id,
    publicId: run.public_id ?? undefined,
    conversationId: run.owner?.id ?? run.conversation_id ?? undefined,
    parentRunId: run.parent_run_id ?? undefined,
    trigger: run.trigger ?? undefined,
    batchId: run.batch_id ?? undefined,
    mode: request.mode ?? undefined,
    implementationKind: request.implementation_kind ?? undefined,
    workerKey: request.worker_key ?? undefined,
    initialStatus: request.initial_status ?? undefined,
    sourceTarget: unlessEmpty(sourceTarget(request)),
    runtimeTarget: unlessEmpty(runtimeTarget(request)),
    // A request with an input and no snapshot has no messages, those of its conversation included.
    snapshot:
      request.input === undefined
        ? (request.request_snapshot ?? undefined)
        : { ...(request.request_snapshot ?? RequestSnapshot.empty), input: request.input },
    priority: request.priority ?? undefined,
    availableAt: request.available_at ?? undefined,
    maxAttempts: request.max_attempts ?? undefined,
    ttlSeconds: request.ttl_seconds ?? undefined,
    timeoutSeconds: request.timeout_seconds ?? undefined,
    concurrencyKey: request.concurrency_key,
    concurrencyLimit: request.concurrency_limit ?? undefined,
    limits: request.limits ?? undefined,
    fairnessKey: request.fairness_key ?? undefined,
    fairnessWeight: request.fairness_weight ?? undefined,
    budget: request.budget ?? undefined,
    multitask: request.multitask ?? undefined,
    labels: request.labels ?? undefined,
    debounce: request.debounce == null ? undefined : debounceOf(request.debounce),
  }),
  encode: (submission) => ({
    kind: "agent" as const,
    owner:
      submission.conversationId === undefined
        ? undefined
        : { kind: "conversation" as const, id: submission.conversationId },
    public_id: submission.publicId,
    parent_run_id: submission.parentRunId,
    conversation_id: undefined,
    trigger: submission.trigger,
    batch_id: submission.batchId,
    request: {
      agent_id: submission.agentId,
      mode: submission.mode,
      implementation_kind: submission.implementationKind,
      worker_key: submission.workerKey,
      initial_status: submission.initialStatus,
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
      priority: submission.priority,
      available_at: submission.availableAt,
      max_attempts: submission.maxAttempts,
      ttl_seconds: submission.ttlSeconds,
      timeout_seconds: submission.timeoutSeconds,
      concurrency_key: submission.concurrencyKey,
      concurrency_limit: submission.concurrencyLimit,
      limits: submission.limits,
      fairness_key: submission.fairnessKey,
      fairness_weight: submission.fairnessWeight,
      budget: submission.budget,
      multitask: submission.multitask,
      labels: submission.labels,
      debounce: submission.debounce && {
        key: submission.debounce.key,
        seconds: submission.debounce.seconds,
        max_seconds: submission.debounce.maxSeconds,
      },
    },
  }),
}).annotations({ identifier: "Submission" })
