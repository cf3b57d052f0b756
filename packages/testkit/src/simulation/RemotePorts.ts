/** The ports of a store as a process sees them that is connected by a network. The history has each request that changes something. */
import { Claims } from "@runlease/core/Claims"
import { endsLog } from "@runlease/core/ControlEvents"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import { Conversations } from "@runlease/core/Conversations"
import { Leases } from "@runlease/core/Leases"
import { Limits } from "@runlease/core/Limits"
import { EventId, type LeaseRef } from "@runlease/core/Run"
import { followWith, readerOf, RunLog } from "@runlease/core/RunLog"
import { defaultMaxAttempts, Runs, type SentMessage } from "@runlease/core/Runs"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Context, Duration, Effect } from "effect"
import * as Facts from "./Facts.js"
import type { Call } from "./History.js"
import * as SimulatedLimits from "./Limits.js"
import type { Link } from "./Network.js"
import type { AnswerOf, Recorder, RequestOf } from "./Recorder.js"

/** How long a request waits for its answer, in milliseconds. */
const patience = 1_500

/** A request that the history does not record. */
export interface Quiet {
  <A, E>(operation: string, serve: Effect.Effect<A, E>): Effect.Effect<A, E | ControlPlaneUnavailable>
}

/** A request that the history records. `waits` is how long the store may keep it, in milliseconds. */
export interface ObserveCall {
  <Name extends Call["call"], A, E>(
    name: Name,
    request: RequestOf<Name>,
    serve: Effect.Effect<A, E>,
    answerOf: (answer: A) => AnswerOf<Name>,
    waits?: number,
  ): Effect.Effect<A, E | ControlPlaneUnavailable>
}

const messageOf = ({ id }: SentMessage) => ({ message: id })

const leasesOf = (
  store: Leases["Type"],
  link: Link,
  quiet: Quiet,
  observeCall: ObserveCall,
): Leases["Type"] => ({
  renew: (request) =>
    observeCall(
      "Renew",
      { leases: request.leases.map(Facts.leaseKeyOf) },
      store.renew(request),
      Facts.renewalsOf(request),
    ),
  release: (lease, release = {}) =>
    observeCall(
      "Release",
      { ...Facts.leaseKeyOf(lease), counted: release.countAttempt === true },
      store.release(lease, release),
      Facts.nothing,
    ),
  complete: (lease, outcome, last, consumed) =>
    observeCall(
      "Complete",
      { ...Facts.leaseKeyOf(lease), ending: Facts.endingOf(outcome), events: last?.events ?? [] },
      store.complete(lease, outcome, last, consumed),
      ({ completed }) => ({ completed }),
    ),
  suspend: (lease, suspension) => {
    const questions = "interrupts" in suspension ? suspension.interrupts.map(({ id }) => id) : []
    const { budget, children = [], inbox, wakeAfter } = suspension
    const forOthers = [budget, inbox, wakeAfter].some((wait) => wait !== undefined)
    return observeCall(
      "Suspend",
      { ...Facts.leaseKeyOf(lease), questions, children, forOthers },
      store.suspend(lease, suspension),
      Facts.nothing,
    )
  },
  spawn: (lease, spawn) =>
    observeCall(
      "Spawn",
      {
        ...Facts.leaseKeyOf(lease),
        step: spawn.stepId,
        maxAttempts: spawn.submission.maxAttempts ?? defaultMaxAttempts,
      },
      store.spawn(lease, spawn),
      ({ runId }) => ({ child: runId }),
    ),
  callback: (lease, callback) => quiet("Callback", store.callback(lease, callback)),
  appendBeside: (lease, events) => quiet("AppendBeside", store.appendBeside(lease, events)),
  tell: (lease, message) =>
    observeCall(
      "Tell",
      { run: lease.runId, key: message.idempotencyKey ?? "" },
      store.tell(lease, message),
      messageOf,
    ),
  signals: (workerId) => link.pushes("Signal", store.signals(workerId)),
})

const runLogOf = (store: RunLog["Type"], quiet: Quiet, observeCall: ObserveCall): RunLog["Type"] => {
  const read: RunLog["Type"]["read"] = (options) => quiet("Read", store.read(options))
  const reader: RunLog["Type"]["reader"] = ({ runId }) => {
    const page = (after: EventId): ReturnType<Parameters<typeof readerOf>[0]> =>
      Effect.flatMap(read({ runId, after }), (entries) => {
        const last = entries.at(-1)
        return last === undefined
          ? Effect.delay(page(after), "1 second")
          : Effect.succeed({ entries, ended: endsLog(last) })
      })
    return readerOf(page) as ReturnType<RunLog["Type"]["reader"]>
  }
  return {
    append: (request) => {
      const { events, expectedSequence, fence, runId } = request
      const lease = { run: runId, epoch: fence?.epoch ?? null }
      return observeCall(
        "Append",
        { ...lease, events, after: expectedSequence },
        store.append(request),
        (appended) => ({
          latest: appended.latestSequence,
        }),
      )
    },
    read,
    reader,
    follow: ({ after = EventId.make(0), runId }) => followWith(reader({ runId }), after),
  }
}

const runsOf = (store: Runs["Type"], quiet: Quiet, observeCall: ObserveCall): Runs["Type"] => ({
  submit: (submission) =>
    observeCall(
      "Submit",
      {
        run: submission.publicId ?? "",
        conversation: submission.conversationId,
        maxAttempts: submission.maxAttempts ?? defaultMaxAttempts,
        multitask: submission.multitask,
        under: SimulatedLimits.underOf(submission),
      },
      store.submit(submission),
      ({ duplicate, run }) => ({ ...Facts.sightingOf(run), duplicate }),
    ),
  submitMany: (submissions) => quiet("SubmitMany", store.submitMany(submissions)),
  get: (runId) => observeCall("Look", { run: runId }, store.get(runId), Facts.sightingOf),
  snapshot: (runId) => quiet("Snapshot", store.snapshot(runId)),
  list: (options) => quiet("List", store.list(options)),
  cancel: (runId) =>
    observeCall("Cancel", { run: runId }, store.cancel(runId), ({ cancelled, run }) => ({
      ...Facts.sightingOf(run),
      cancelled,
    })),
  retry: (runId, options) => quiet("Retry", store.retry(runId, options)),
  fork: (runId, options) => quiet("Fork", store.fork(runId, options)),
  label: (runId, changes) => quiet("Label", store.label(runId, changes)),
  resume: (runId, answers) =>
    observeCall(
      "Resume",
      { run: runId, answers: Facts.answersOf(answers) },
      store.resume(runId, answers),
      ({ duplicate }) => ({ duplicate }),
    ),
  tell: (runId, message) =>
    observeCall(
      "Tell",
      { run: runId, key: message.idempotencyKey ?? "" },
      store.tell(runId, message),
      messageOf,
    ),
  followUp: (runId, followUp) =>
    observeCall(
      "FollowUp",
      { run: runId, input: followUp.publicId, answers: Facts.answersOf(followUp.resume) },
      store.followUp(runId, followUp),
      (made) => ({ outcome: made._tag, duplicate: made._tag === "Continued" && made.duplicate }),
    ),
  inputs: (runId) => quiet("Inputs", store.inputs(runId)),
  complete: (runId, outcome, fence, consumed) => {
    const lease = { runId, epoch: fence?.epoch ?? null } satisfies Pick<LeaseRef, "runId" | "epoch">
    return observeCall(
      "Complete",
      { ...Facts.leaseKeyOf(lease), ending: Facts.endingOf(outcome), events: [] },
      store.complete(runId, outcome, fence, consumed),
      ({ completed }) => ({ completed }),
    )
  },
  recordSession: (lease, record) => quiet("Session", store.recordSession(lease, record)),
})

/** The ports of the store behind a link. `from` names the process in the history. */
export const make = (
  store: Context.Context<ProjectPorts>,
  link: Link,
  recorder: Recorder,
  from: string,
): Context.Context<ProjectPorts> => {
  const quiet: Quiet = (operation, serve) =>
    link.request({ operation, patience, serve, executed: () => {}, received: () => {} })

  const observeCall: ObserveCall = (name, request, serve, answerOf, waits = 0) =>
    Effect.suspend(() => {
      const fact = Facts.answerOf(answerOf)
      const call = recorder.call(name, from, request)
      return link.request({
        operation: name,
        patience: patience + waits,
        serve,
        executed: (exit) => call.executed(fact(exit)),
        received: (exit) => call.received(fact(exit)),
      })
    })

  const claims = Context.get(store, Claims)
  const registry = Context.get(store, WorkerRegistry)
  const conversations = Context.get(store, Conversations)
  return Context.make(Claims, {
    claim: (request) =>
      observeCall(
        "Claim",
        { claimId: request.claimId, limit: request.limit },
        claims.claim(request),
        (claimed) => ({ grants: claimed.map(Facts.grantOf) }),
        Duration.toMillis(request.wait ?? 0),
      ),
  }).pipe(
    Context.add(Leases, leasesOf(Context.get(store, Leases), link, quiet, observeCall)),
    Context.add(Limits, SimulatedLimits.remote(Context.get(store, Limits), observeCall)),
    Context.add(RunLog, runLogOf(Context.get(store, RunLog), quiet, observeCall)),
    Context.add(Runs, runsOf(Context.get(store, Runs), quiet, observeCall)),
    Context.add(WorkerRegistry, {
      register: (registration) => quiet("Register", registry.register(registration)),
      heartbeat: (workerId, status, metadata) =>
        quiet("Heartbeat", registry.heartbeat(workerId, status, metadata)),
      drain: (workerId, drain) => quiet("Drain", registry.drain(workerId, drain)),
      list: (page) => quiet("Workers", registry.list(page)),
    }),
    Context.add(Conversations, {
      create: (conversation) => quiet("Conversation", conversations.create(conversation)),
      get: (conversationId) => quiet("Conversation", conversations.get(conversationId)),
      list: (request) => quiet("Conversations", conversations.list(request)),
      update: (conversationId, change) => quiet("Conversation", conversations.update(conversationId, change)),
      remove: (conversationId) => quiet("Conversation", conversations.remove(conversationId)),
      branch: (conversationId, branch) => quiet("Conversation", conversations.branch(conversationId, branch)),
      addMessage: (conversationId, message) =>
        quiet("Message", conversations.addMessage(conversationId, message)),
      messages: (conversationId, page) => quiet("Messages", conversations.messages(conversationId, page)),
    }),
  )
}
