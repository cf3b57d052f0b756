/**
 * The spans of the ports' methods, the same for every store.
 *
 * Source: docs/decisions/0043-spans-of-ports.md
 *
 * @since 0.1.0
 */
import { Context, DefaultServices, Effect, Tracer } from "effect"
import type { Access } from "./Access.js"
import type { Claims } from "./Claims.js"
import type { Conversations } from "./Conversations.js"
import type { Leases } from "./Leases.js"
import type { RunLog } from "./RunLog.js"
import type { Runs } from "./Runs.js"
import type { Statistics } from "./Statistics.js"
import type { Summaries } from "./Summaries.js"
import type { WorkerRegistry } from "./WorkerRegistry.js"

type Attributes = Readonly<Record<string, string>>

/** Effect's default tracer keeps its spans in memory and exports none, so a span that it makes has no reader. */
const defaultTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * Whether spans of this tracer have a reader.
 *
 * @since 0.1.0
 * @category tracing
 */
export const hasReader = (tracer: Tracer.Tracer): boolean => tracer !== defaultTracer

const inSpan = <A, E, R>(name: string, attributes: () => Attributes, call: () => Effect.Effect<A, E, R>) =>
  Effect.tracerWith((tracer) =>
    hasReader(tracer)
      ? Effect.withSpan(Effect.suspend(call), name, { attributes: attributes(), captureStackTrace: false })
      : call(),
  )

/**
 * The effect in a span, where a tracer is there.
 *
 * @since 0.1.0
 * @category tracing
 */
export const effect = <A, E>(name: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  inSpan(
    name,
    () => ({}),
    () => self,
  )

/**
 * The method, each of whose calls gets a span where a tracer is there. Without one, a call costs a look at the fiber's
 * services.
 *
 * @since 0.1.0
 * @category tracing
 */
export const method =
  <Arguments extends ReadonlyArray<unknown>, A, E, R = never>(
    name: string,
    self: (...args: Arguments) => Effect.Effect<A, E, R>,
    attributes: (...args: Arguments) => Attributes = () => ({}),
  ) =>
  (...args: Arguments): Effect.Effect<A, E, R> =>
    inSpan(
      name,
      () => attributes(...args),
      () => self(...args),
    )

const ofRun = (runId: string): Attributes => ({ "runlease.run_id": runId })
const ofWorker = (workerId: string): Attributes => ({ "runlease.worker_id": workerId })
const ofConversation = (id: string): Attributes => ({ "runlease.conversation_id": id })
const ofLease = ({ runId, workerId }: { readonly runId: string; readonly workerId: string }): Attributes => ({
  ...ofRun(runId),
  ...ofWorker(workerId),
})

/** `Access` with a span for each call. No attribute has a token or a key. */
export const access = (self: Access["Type"]): Access["Type"] => ({
  createProject: method("Access.createProject", self.createProject),
  getProject: method("Access.getProject", self.getProject),
  listProjects: effect("Access.listProjects", self.listProjects),
  createKey: method("Access.createKey", self.createKey),
  listKeys: method("Access.listKeys", self.listKeys),
  revokeKey: method("Access.revokeKey", self.revokeKey),
  issueWorkerToken: method("Access.issueWorkerToken", self.issueWorkerToken, ({ workerId }) =>
    ofWorker(workerId),
  ),
  revokeWorkerTokens: method("Access.revokeWorkerTokens", self.revokeWorkerTokens, ({ workerId }) =>
    ofWorker(workerId),
  ),
  issueSession: method("Access.issueSession", self.issueSession),
  endSession: method("Access.endSession", self.endSession),
  authenticate: method("Access.authenticate", self.authenticate),
})

/** `Claims` with a span for each call. */
export const claims = (self: Claims["Type"]): Claims["Type"] => ({
  claim: method("Claims.claim", self.claim, ({ workerId }) => ofWorker(workerId)),
})

/** `Conversations` with a span for each call. */
export const conversations = (self: Conversations["Type"]): Conversations["Type"] => ({
  create: method("Conversations.create", self.create),
  get: method("Conversations.get", self.get, ofConversation),
  addMessage: method("Conversations.addMessage", self.addMessage, ofConversation),
  messages: method("Conversations.messages", self.messages, ofConversation),
})

/** `Leases` with a span for each call. The stream of signals lasts as long as its worker and has none. */
export const leases = (self: Leases["Type"]): Leases["Type"] => ({
  renew: method("Leases.renew", self.renew, ({ workerId }) => ofWorker(workerId)),
  release: method("Leases.release", self.release, ofLease),
  complete: method("Leases.complete", self.complete, ofLease),
  suspend: method("Leases.suspend", self.suspend, ofLease),
  spawn: method("Leases.spawn", self.spawn, ofLease),
  appendBeside: method("Leases.appendBeside", self.appendBeside, ofLease),
  tell: method("Leases.tell", self.tell, ofLease),
  signals: self.signals,
})

/** `RunLog` with a span for each call. The stream of a follower lasts as long as its run and has none. */
export const runLog = (self: RunLog["Type"]): RunLog["Type"] => ({
  append: method("RunLog.append", self.append, ({ fence, runId }) => ({
    ...ofRun(runId),
    ...(fence && ofWorker(fence.workerId)),
  })),
  read: method("RunLog.read", self.read, ({ runId }) => ofRun(runId)),
  follow: self.follow,
  reader: method("RunLog.reader", self.reader, ({ runId }) => ofRun(runId)),
})

/** `Runs` with a span for each call. */
export const runs = (self: Runs["Type"]): Runs["Type"] => ({
  submit: method("Runs.submit", self.submit, ({ publicId }) =>
    publicId === undefined ? {} : ofRun(publicId),
  ),
  get: method("Runs.get", self.get, ofRun),
  snapshot: method("Runs.snapshot", self.snapshot, ofRun),
  list: method("Runs.list", self.list),
  cancel: method("Runs.cancel", self.cancel, ofRun),
  retry: method("Runs.retry", self.retry, ofRun),
  fork: method("Runs.fork", self.fork, ofRun),
  resume: method("Runs.resume", self.resume, ofRun),
  tell: method("Runs.tell", self.tell, ofRun),
  followUp: method("Runs.followUp", self.followUp, ofRun),
  inputs: method("Runs.inputs", self.inputs, ofRun),
  complete: method("Runs.complete", self.complete, (runId, _outcome, fence) => ({
    ...ofRun(runId),
    ...(fence && ofWorker(fence.workerId)),
  })),
  recordSession: method("Runs.recordSession", self.recordSession, ofLease),
})

/** `WorkerRegistry` with a span for each call. */
export const workerRegistry = (self: WorkerRegistry["Type"]): WorkerRegistry["Type"] => ({
  register: method("WorkerRegistry.register", self.register),
  heartbeat: method("WorkerRegistry.heartbeat", self.heartbeat, ofWorker),
  drain: method("WorkerRegistry.drain", self.drain, ofWorker),
  list: method("WorkerRegistry.list", self.list),
})

/** `Statistics` with a span for each call. */
export const statistics = (self: Statistics["Type"]): Statistics["Type"] => ({
  counts: method("Statistics.counts", self.counts),
  periods: method("Statistics.periods", self.periods),
  agents: method("Statistics.agents", self.agents),
})

/** `Summaries` with a span for each call. */
export const summaries = (self: Summaries["Type"]): Summaries["Type"] => ({
  run: method("Summaries.run", self.run, ofRun),
  standing: method("Summaries.standing", self.standing, ofRun),
  runs: method("Summaries.runs", self.runs),
  counts: method("Summaries.counts", self.counts),
  held: method("Summaries.held", self.held, ofWorker),
  workers: method("Summaries.workers", self.workers),
  lost: method("Summaries.lost", self.lost),
  attention: method("Summaries.attention", self.attention),
})
