/**
 * The ports over a server that has the public API alone. They are those of the client, which send it nothing that is not in it: what it cannot
 * do is done by its other endpoints, or refused.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import {
  Claims as ClaimsPort,
  Conversations as ConversationsPort,
  type ControlPlane,
  Leases as LeasesPort,
  LogFilter,
  Limits as LimitsPort,
  MetadataFilter,
  OneOrMore,
  type Run,
  RunLog as RunLogPort,
  Runs as RunsPort,
  Schedules as SchedulesPort,
  WorkerRegistry as WorkerRegistryPort,
} from "@runlease/core"
import { RunTokens, Tracing } from "@runlease/core/executor"
import { hasAll } from "@runlease/core/Labels"
import * as SnakeCase from "@runlease/core/SnakeCase"
import { DateTime, Effect, Layer, Stream } from "effect"
import * as MetadataOutcome from "../Wire/MetadataOutcome.js"
import * as ConversationRequest from "./ConversationRequest.js"
import * as Connections from "./Connections.js"
import * as Conversations from "./Conversations.js"
import * as Exchange from "./Exchange.js"
import * as Leases from "./Leases.js"
import type { Options } from "./Ports.js"
import * as Renewals from "./Renewals.js"
import * as RunLog from "./RunLog.js"
import * as Runs from "./Runs.js"
import * as Schedules from "./Schedules.js"
import * as Transport from "./Transport.js"
import * as WorkerRegistry from "./WorkerRegistry.js"

/** An operation that this API does not have. */
const lacking = (operation: string, what: string) => () => Transport.missing(operation, what)

const workers = Effect.map(WorkerRegistry.make, (registry): WorkerRegistryPort.WorkerRegistry["Type"] => ({
  ...registry,
  heartbeat: (workerId) => registry.heartbeat(workerId),
  drain: lacking("WorkerRegistry.drain", "ask a worker to drain"),
  list: lacking("WorkerRegistry.list", "list its workers"),
}))

const claims = Effect.gen(function* () {
  const { claim } = yield* Leases.makeClaims
  const readRequest = yield* ConversationRequest.makeRead
  return {
    claim: ({ agentIds = [], leaseDuration, limit, workerId }): ReturnType<typeof claim> => {
      if (agentIds.length > 0) return Transport.missing("Claims.claim", "claim the runs of some agents only")
      if (limit === 0) return Effect.succeed([])
      return Effect.flatMap(claim({ workerId, leaseDuration, limit: 1 }), Effect.forEach(readRequest))
    },
  } satisfies ClaimsPort.Claims["Type"]
})

const log = Effect.map(RunLog.makeWith(undefined), (log): RunLogPort.RunLog["Type"] => {
  const matching = RunLog.matchingWith(log.read)
  const records = RunLog.recordsWith(log.read)
  return {
    ...log,
    read: (options) => {
      if (options.only !== undefined) return records(options)
      const matches = LogFilter.predicate(options)
      return matches === undefined ? log.read(options) : matching(options, matches)
    },
  }
})

/** The fields of a submission that the public API has. */
const publicFields: ReadonlySet<string> = new Set<keyof RunsPort.Submission>([
  "agentId",
  "publicId",
  "derived",
  "conversationId",
  "parentRunId",
  "trigger",
  "mode",
  "implementationKind",
  "workerKey",
  "initialStatus",
  "sourceTarget",
  "runtimeTarget",
  "snapshot",
])

/** The first part of a submission that the public API does not have. `isWritten`: its request becomes messages of a new conversation. */
const beyondPublic = (submission: RunsPort.Submission, isWritten: boolean): string | undefined => {
  if (!isWritten && submission.snapshot !== undefined) {
    return "a snapshot with a conversation, or one of more than an input and messages of the user; add its messages to the conversation"
  }
  if (!isWritten && submission.conversationId === undefined) {
    return "a run without a conversation and a snapshot; create one first"
  }
  const ours = Object.entries(submission).find(
    ([name, value]) => value !== undefined && !publicFields.has(name),
  )
  return ours && `\`${SnakeCase.snakeCase(ours[0])}\` of a submission`
}

/** Whether a run is in the list: the server takes no conditions, and has the newest runs first. */
const matches =
  (options: RunsPort.ListRuns | undefined) =>
  (run: Run.Run): boolean =>
    OneOrMore.isOneOf(options?.status, run.status) &&
    (options?.parentRunId === undefined || run.parentRunId === options.parentRunId) &&
    OneOrMore.isOneOf(options?.agentId, run.agentId) &&
    (options?.conversationId === undefined || run.conversationId === options.conversationId) &&
    (options?.from === undefined || DateTime.greaterThanOrEqualTo(run.createdAt, options.from)) &&
    (options?.to === undefined || DateTime.lessThan(run.createdAt, options.to)) &&
    hasAll(run.labels, options?.labels ?? {}) &&
    OneOrMore.isOneOf(options?.errorCode, run.error?.code) &&
    (options?.roots !== true || run.parentRunId === null) &&
    MetadataFilter.matches(options?.metadata ?? {}, run.metadata)

const conversations = Effect.map(Conversations.make, (all): ConversationsPort.Conversations["Type"] => ({
  ...all,
  list: lacking("Conversations.list", "list conversations"),
}))

/** The server takes a run of a conversation, which has its request. */
const makeSubmit = Effect.gen(function* () {
  const send = yield* Runs.makeSend
  const writeRequest = yield* ConversationRequest.makeWrite
  return RunsPort.submitChecked(
    Effect.fnUntraced(function* (submission: RunsPort.Submission) {
      const { conversationId, publicId, snapshot } = submission
      const messages =
        snapshot === undefined || conversationId !== undefined
          ? undefined
          : ConversationRequest.messagesOf(snapshot)
      const ours = beyondPublic(submission, messages !== undefined)
      if (ours !== undefined) return yield* Transport.missing("Runs.submit", `take ${ours}`)
      return yield* send(
        messages === undefined
          ? submission
          : { ...submission, snapshot: undefined, conversationId: yield* writeRequest(messages, publicId) },
      )
    }),
  )
})

const again = "submit a run again"

const runs = Effect.gen(function* () {
  const all = yield* Runs.make
  const submit = yield* makeSubmit
  const submitEach = Runs.oneByOne(submit)
  return {
    ...all,
    submit,
    submitMany: (submissions) =>
      Effect.flatMap(RunsPort.checkCount(submissions, RunsPort.maxSubmissions), submitEach),
    retry: lacking("Runs.retry", again),
    fork: lacking("Runs.fork", again),
    snapshot: lacking("Runs.snapshot", "show the request of a run"),
    list: (options) =>
      Effect.map(all.list({ cursor: options?.cursor, limit: options?.limit }), ({ items, next }) => ({
        items: items.filter(matches(options)),
        next,
      })),
    label: lacking("Runs.label", "change labels of a run"),
    tell: lacking("Runs.tell", "take a message to a run"),
    resume: (runId, answers) =>
      Runs.resumeBody(answers).type === "interrupts"
        ? Transport.missing("Runs.resume", "take anything but the result of one tool call")
        : all.resume(runId, answers),
    followUp: lacking("Runs.followUp", "take a later input of a run"),
    inputs: () => Effect.succeed([]),
    complete: (runId, outcome, fence) => all.complete(runId, MetadataOutcome.toPublic(outcome), fence),
  } satisfies RunsPort.Runs["Type"]
})

const noToken = lacking("RunTokens.make", "take the token of a run")

const leases = Effect.gen(function* () {
  return {
    renew: yield* Renewals.makeOneByOne,
    complete: Leases.completeInSteps(yield* log, yield* runs),
    // Without a way to hand back, the lease lapses by itself.
    release: () => Effect.void,
    suspend: lacking("Leases.suspend", "suspend a run until it is answered"),
    spawn: lacking("Leases.spawn", "spawn a child of a run"),
    callback: lacking("Leases.callback", "make a URL that answers a question"),
    appendBeside: noToken,
    tell: noToken,
    signals: () => Stream.never,
  } satisfies LeasesPort.Leases["Type"]
})

const limiting = "limit or pause a concurrency key, an agent, a name or the project"

const limits: LimitsPort.Limits["Type"] = {
  list: lacking("Limits.list", "list its limits"),
  define: lacking("Limits.define", limiting),
  get: lacking("Limits.get", limiting),
  remove: lacking("Limits.remove", limiting),
  pause: lacking("Limits.pause", limiting),
  resume: lacking("Limits.resume", limiting),
}

const schedules = Effect.map(Schedules.make, (schedules): SchedulesPort.Schedules["Type"] => ({
  ...schedules,
  list: ({ sourceTriggerId, status } = {}) => schedules.list({ sourceTriggerId, status }),
  pause: lacking("Schedules.pause", "pause a schedule"),
  resume: lacking("Schedules.resume", "resume a schedule"),
  upcoming: lacking("Schedules.upcoming", "show the next ticks of a schedule"),
  backfill: lacking("Schedules.backfill", "begin the runs of past ticks"),
  apply: lacking("Schedules.apply", "take the schedules of a source"),
}))

/** No header names a lease. */
const credentials = Effect.map(Transport.makeCredentials, (credentials): Transport.Credentials["Type"] => ({
  ...credentials,
  fenced: (fence) =>
    Effect.sync(() =>
      fence === undefined ? { token: undefined, headers: {} } : credentials.of(fence.workerId),
    ),
}))

/** The result of a run, and the detail of its error, are in its metadata. */
const lookup = Effect.map(Runs.makeLookup, (lookup): Runs.RunLookup["Type"] => ({
  ...lookup,
  get: (runId) => Effect.map(lookup.get(runId), MetadataOutcome.fromPublic),
  toRun: (run) => Effect.map(lookup.toRun(run), MetadataOutcome.fromPublic),
}))

export const layer = (
  options: Options,
): Layer.Layer<
  ControlPlane.ProjectPorts | RunTokens.RunTokens | SchedulesPort.Schedules,
  never,
  HttpClient.HttpClient
> => {
  const shared = Layer.mergeAll(
    Layer.effect(Runs.RunLookup, lookup),
    Layer.succeed(Connections.Connections, Connections.none),
    Layer.succeed(Exchange.Exchange, Exchange.none),
  ).pipe(
    Layer.provideMerge(Layer.effect(Transport.Credentials, credentials)),
    Layer.provideMerge(Layer.effect(Transport.Transport, Transport.make(options))),
  )
  const ports = Layer.mergeAll(
    Layer.effect(ClaimsPort.Claims, claims),
    Layer.effect(ConversationsPort.Conversations, conversations),
    Layer.effect(LeasesPort.Leases, leases),
    Layer.succeed(LimitsPort.Limits, limits),
    Layer.effect(RunLogPort.RunLog, log),
    Layer.effect(RunsPort.Runs, runs),
    Layer.effect(SchedulesPort.Schedules, schedules),
    Layer.effect(WorkerRegistryPort.WorkerRegistry, workers),
  ).pipe(Layer.map(Tracing.ports))
  return Layer.provide(Layer.merge(ports, Layer.succeed(RunTokens.RunTokens, { make: noToken })), shared)
}
