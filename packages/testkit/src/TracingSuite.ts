/** The spans of the ports' methods, which are the same for every control plane. */
import { describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core/Access"
import * as AgentEvent from "@runlease/core/AgentEvent"
import { Claims } from "@runlease/core/Claims"
import { ControlPlane, type ProjectPorts, type StorePorts } from "@runlease/core/ControlPlane"
import { Conversations } from "@runlease/core/Conversations"
import * as Ids from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import * as RequestSnapshot from "@runlease/core/RequestSnapshot"
import { EventId } from "@runlease/core/Run"
import { RunLog } from "@runlease/core/RunLog"
import { Runs } from "@runlease/core/Runs"
import { Statistics } from "@runlease/core/Statistics"
import { Summaries } from "@runlease/core/Summaries"
import { WorkerRegistry } from "@runlease/core/WorkerRegistry"
import { Effect, type Layer, Option, Tracer } from "effect"
import * as TestRuns from "./TestRuns.js"
import * as TestSpans from "./TestSpans.js"

/** A call, the name of its span, and the span's attributes. */
type Call = readonly [name: string, call: Effect.Effect<unknown, unknown>, attributes: object]

const isOfPort =
  /^(Access|Claims|ControlPlane|Conversations|Leases|RunLog|Runs|Statistics|Summaries|WorkerRegistry)\./

/** Makes each call with a tracer, and returns the spans of the ports: name, attributes and status. */
const spansOf = (calls: ReadonlyArray<Call>) =>
  Effect.map(TestSpans.of(Effect.forEach(calls, ([, call]) => Effect.exit(call))), (spans) =>
    spans
      .filter(({ name }) => isOfPort.test(name))
      .map(({ attributes, name, status }) => [name, Object.fromEntries(attributes), status._tag]),
  )

const expected = (calls: ReadonlyArray<Call>) =>
  calls.map(([name, , attributes]) => [name, attributes, "Ended"])

/** The names of the ports' methods, except those that return a stream, which have no span. */
const methodsOf = (ports: Readonly<Record<string, object>>) =>
  Object.entries(ports)
    .flatMap(([port, service]) => Object.keys(service).map((method) => `${port}.${method}`))
    .filter((name) => name !== "Leases.signals" && name !== "RunLog.follow")
    .sort()

const namesOf = (calls: ReadonlyArray<Call>) => Array.from(new Set(calls.map(([name]) => name))).sort()

/** Declares the tests of the spans of a project's ports. */
export const suite = (name: string, layer: Layer.Layer<ProjectPorts, unknown>): void => {
  const test = TestRuns.tester(layer)

  describe(`Spans (${name})`, () => {
    test(
      "each method of a project's ports has a span of its name, with the ids of its request",
      Effect.gen(function* () {
        const claims = yield* Claims
        const conversations = yield* Conversations
        const leases = yield* Leases
        const runLog = yield* RunLog
        const runs = yield* Runs
        const workers = yield* WorkerRegistry
        const workerId = yield* TestRuns.register()
        const lease = TestRuns.leaseOf(yield* TestRuns.hold(workerId))
        const { runId } = lease
        const conversationId = (yield* conversations.create()).id
        const events = [AgentEvent.custom("test", 1)]
        const input = {
          publicId: Ids.RunId.make("input"),
          resume: [],
          results: [],
          snapshot: RequestSnapshot.empty,
        }
        const ofRun = { "runlease.run_id": runId }
        const ofWorker = { "runlease.worker_id": workerId }
        const ofConversation = { "runlease.conversation_id": conversationId }
        const ofLease = { ...ofRun, ...ofWorker }
        const registration = { implementationKind: "test", workerKey: "one" }
        const calls: ReadonlyArray<Call> = [
          ["WorkerRegistry.register", workers.register(registration), {}],
          ["WorkerRegistry.heartbeat", workers.heartbeat(workerId), ofWorker],
          ["WorkerRegistry.drain", workers.drain(workerId, true), ofWorker],
          ["WorkerRegistry.list", workers.list(), {}],
          ["Runs.submit", runs.submit({ agentId: "a", publicId: "named" }), { "runlease.run_id": "named" }],
          ["Runs.submit", runs.submit({ agentId: "a", initialStatus: "running" }), {}],
          ["Runs.get", runs.get(runId), ofRun],
          ["Runs.snapshot", runs.snapshot(runId), ofRun],
          ["Runs.list", runs.list(), {}],
          ["Runs.resume", runs.resume(runId, TestRuns.resultOf("call", 1)), ofRun],
          ["Runs.followUp", runs.followUp(runId, input), ofRun],
          ["Runs.inputs", runs.inputs(runId), ofRun],
          ["Runs.recordSession", runs.recordSession(lease, { sessionKey: "one" }), ofLease],
          ["RunLog.append", runLog.append({ runId, events }), ofRun],
          ["RunLog.append", runLog.append({ runId, events, fence: lease }), ofLease],
          ["RunLog.read", runLog.read({ runId }), ofRun],
          ["RunLog.reader", Effect.scoped(runLog.reader({ runId })), ofRun],
          [
            "Leases.renew",
            leases.renew({ workerId, leases: [lease], leaseDuration: "30 seconds" }),
            ofWorker,
          ],
          [
            "Leases.spawn",
            leases.spawn(lease, {
              stepId: "step",
              name: "step",
              submission: { agentId: "agent", publicId: "child" },
            }),
            ofLease,
          ],
          ["Leases.appendBeside", leases.appendBeside(lease, events), ofLease],
          ["Leases.callback", leases.callback(lease, { question: "paid" }), ofLease],
          ["Leases.tell", leases.tell(lease, { parts: [] }), ofLease],
          ["Leases.suspend", leases.suspend(lease, TestRuns.forToolCall()), ofLease],
          ["Leases.release", leases.release(lease), ofLease],
          ["Leases.complete", leases.complete(lease, { status: "completed" }), ofLease],
          ["Runs.complete", runs.complete(runId, { status: "completed" }, lease), ofLease],
          ["Runs.complete", runs.complete(runId, { status: "completed" }), ofRun],
          ["Runs.cancel", runs.cancel(runId), ofRun],
          ["Runs.label", runs.label(runId, { a: "1" }), ofRun],
          ["Runs.submitMany", runs.submitMany([{ agentId: "agent" }]), {}],
          ["Runs.retry", runs.retry(runId), ofRun],
          ["Runs.fork", runs.fork(runId, { after: EventId.make(1) }), ofRun],
          ["Runs.tell", runs.tell(runId, { parts: [] }), ofRun],
          ["Claims.claim", claims.claim({ workerId, limit: 1, leaseDuration: "30 seconds" }), ofWorker],
          ["Conversations.create", conversations.create(), {}],
          ["Conversations.get", conversations.get(conversationId), ofConversation],
          ["Conversations.list", conversations.list(), {}],
          ["Conversations.update", conversations.update(conversationId, { title: "a" }), ofConversation],
          [
            "Conversations.branch",
            conversations.branch(conversationId, {
              messageId: Ids.MessageId.make("00000000-0000-4000-8000-000000000000"),
            }),
            ofConversation,
          ],
          ["Conversations.remove", conversations.remove(conversationId), ofConversation],
          [
            "Conversations.addMessage",
            conversations.addMessage(conversationId, { role: "user", parts: [] }),
            ofConversation,
          ],
          ["Conversations.messages", conversations.messages(conversationId), ofConversation],
        ]
        deepStrictEqual(yield* spansOf(calls), expected(calls))
        deepStrictEqual(
          namesOf(calls),
          methodsOf({
            Claims: claims,
            Conversations: conversations,
            Leases: leases,
            RunLog: runLog,
            Runs: runs,
            WorkerRegistry: workers,
          }),
        )
      }),
    )
  })
}

/** Declares the tests of the spans of `Access`, `ControlPlane`, `Statistics` and `Summaries`. */
export const suiteStore = (
  name: string,
  layer: Layer.Layer<StorePorts | ControlPlane | Access, unknown>,
): void => {
  const test = TestRuns.tester(layer)

  describe(`Spans of the store (${name})`, () => {
    test(
      "each method of the store has a span of its name, and none has a token",
      Effect.gen(function* () {
        const access = yield* Access
        const controlPlane = yield* ControlPlane
        const statistics = yield* Statistics
        const summaries = yield* Summaries
        const { runId } = yield* TestRuns.submit()
        const { id: projectId } = yield* access.getProject("default")
        const { key, token } = yield* access.createKey({ projectId, name: "test" })
        const workerId = yield* TestRuns.register()
        const ofWorker = { "runlease.worker_id": workerId }
        const calls: ReadonlyArray<Call> = [
          ["Access.createProject", access.createProject("second"), {}],
          ["Access.getProject", access.getProject("default"), {}],
          ["Access.listProjects", access.listProjects, {}],
          ["Access.createKey", access.createKey({ projectId, name: "other" }), {}],
          ["Access.listKeys", access.listKeys(projectId), {}],
          ["Access.authenticate", access.authenticate(token), {}],
          ["Access.issueWorkerToken", access.issueWorkerToken({ projectId, workerId }), ofWorker],
          ["Access.issueSession", access.issueSession({ projectId, keyId: key.id }), {}],
          ["Access.endSession", access.endSession(token), {}],
          [
            "Access.issueBrowserToken",
            access.issueBrowserToken({ projectId, scopes: ["read"], bound: { _tag: "Run", runId } }),
            {},
          ],
          [
            "Access.issueCallback",
            access.issueCallback({ projectId, runId, interruptId: "q" }),
            { "runlease.run_id": runId },
          ],
          ["Access.findCallback", access.findCallback(token), {}],
          ["Access.rotateSigningKey", access.rotateSigningKey(projectId), {}],
          ["Access.revokeWorkerTokens", access.revokeWorkerTokens({ projectId, workerId }), ofWorker],
          ["Access.revokeKey", access.revokeKey(projectId, key.id), {}],
          ["ControlPlane.prune", controlPlane.prune({ projectId, olderThan: "1 day" }), {}],
          ["ControlPlane.ready", controlPlane.ready, {}],
          ["Statistics.counts", statistics.counts(), {}],
          ["Statistics.periods", statistics.periods({ step: "minute", last: 1 }), {}],
          ["Statistics.agents", statistics.agents({ step: "minute", last: 1 }), {}],
          ["Summaries.run", summaries.run(runId), { "runlease.run_id": runId }],
          ["Summaries.standing", summaries.standing(runId), { "runlease.run_id": runId }],
          ["Summaries.runs", summaries.runs(), {}],
          ["Summaries.counts", summaries.counts(), {}],
          ["Summaries.held", summaries.held(workerId), ofWorker],
          ["Summaries.workers", summaries.workers(), {}],
          ["Summaries.lost", summaries.lost("1 day"), {}],
          ["Summaries.versions", summaries.versions, {}],
          ["Summaries.attention", summaries.attention(), {}],
        ]
        deepStrictEqual(yield* spansOf(calls), expected(calls))
        const { prune, ready } = controlPlane
        deepStrictEqual(
          namesOf(calls),
          methodsOf({
            Access: access,
            ControlPlane: { prune, ready },
            Statistics: statistics,
            Summaries: summaries,
          }),
        )
      }),
    )

    test(
      "a span is the child of its caller's",
      Effect.gen(function* () {
        const runs = yield* Runs
        const parents: Array<unknown> = []
        const native = yield* Effect.tracer
        const tracer = Tracer.make({
          span: (name, parent, ...rest) => {
            if (name === "Runs.list") parents.push(Option.getOrUndefined(parent)?.spanId)
            return native.span(name, parent, ...rest)
          },
          context: (body, fiber) => native.context(body, fiber),
        })
        const parent = yield* Effect.useSpan("caller", (span) =>
          Effect.as(Effect.withParentSpan(runs.list(), span), span.spanId),
        ).pipe(Effect.withTracer(tracer))
        deepStrictEqual(parents, [parent])
      }),
    )
  })
}
