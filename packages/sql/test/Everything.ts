import {
  Access,
  type AgentEvent,
  BulkOperations,
  Claims,
  ControlPlane,
  Conversations,
  Ids,
  Interrupt,
  Leases,
  Limits,
  RequestSnapshot,
  Rollouts,
  Run,
  RunLog,
  Runs,
  Schedules,
  Summaries,
  Webhooks,
  WebhookSources,
  WorkerRegistry,
} from "@runlease/core"
import { Retention } from "@runlease/store"
import { TestRuns } from "@runlease/testkit"
import { Array, DateTime, Effect, TestClock } from "effect"

/** Calls every method of `Summaries`, in each variant that has its own statements. */
const summaries = (worker: WorkerRegistry.RegisteredWorker, { conversationId, runId }: Run.Run) =>
  Effect.gen(function* () {
    const { attention, held, lost, run, runs, standing, versions, workers } = yield* Summaries.Summaries
    const agentId = Ids.AgentId.make("agent")
    const now = yield* DateTime.now
    yield* run(runId)
    yield* standing(runId)
    yield* runs()
    yield* runs({ from: now })
    yield* runs({ labels: { customer: "42" } })
    yield* runs({ labels: { customer: "42", tier: "gold" }, text: "title" })
    yield* runs({ from: now, to: now, conversationId })
    for (const status of Run.RunStatus.literals) {
      yield* runs({ status })
      yield* runs({ status, agentId, to: now })
    }
    for (const filter of [{}, { agentId }, { conversationId }, { parentRunId: runId }]) {
      yield* runs(filter)
      yield* runs({ ...filter, text: "title" })
    }
    const [oldestFirst, agentIds] = [true, [agentId, Ids.AgentId.make("other")]]
    for (const status of [
      ["pending", "running"],
      ["completed", "failed"],
      ["pending", "waiting", "failed", "cancelled"],
    ] as const) {
      yield* runs({ status })
      yield* runs({ status, oldestFirst, metadata: { plan: "gold" } })
      yield* runs({ status, agentId, text: "title" })
    }
    yield* runs({ agentId: agentIds })
    yield* runs({ agentId: agentIds, oldestFirst, attempt: 1 })
    yield* runs({ oldestFirst })
    yield* runs({ metadata: { plan: "gold" } })
    yield* held(worker.id)
    yield* versions
    yield* workers()
    yield* lost("1 day")
    yield* attention()
  })

/** Calls the methods of `Schedules`, in each variant that has its own statements, and lets a schedule tick. */
const schedules = Effect.gen(function* () {
  const { apply, create, get, list, remove, runNow, update } = yield* Schedules.Schedules
  const target = { kind: "agent", id: "agent" } as const
  const { id } = yield* create({ name: "Minutes", target, schedule: "* * * * *" })
  const declared = { key: "nightly", name: "Nightly", target, schedule: "0 2 * * *" }
  yield* apply({ source: "deploy", schedules: [declared] })
  yield* apply({ source: "deploy", schedules: [], prune: true })
  yield* list()
  yield* list({ status: "active" })
  yield* update(id, { name: "Each minute" })
  yield* TestRuns.eventually(get(id), ({ runCount }) => runCount > 0)
  yield* runNow(id)
  yield* remove(id)
})

/** Calls the methods of `BulkOperations`, in each variant that has its own statements, and lets an operation end. */
const bulk = Effect.gen(function* () {
  const { abort, create, get, list } = yield* BulkOperations.BulkOperations
  const agentId = Ids.AgentId.make("agent")
  const labels = { team: "bulk" }
  const { run } = yield* (yield* Runs.Runs).submit({ agentId, concurrencyKey: null })
  const { id } = yield* create({ action: "label", filter: { agentId }, labels })
  yield* create({ action: "label", filter: { labels, text: "title" }, labels })
  yield* create({ action: "cancel", filter: { status: "pending", agentId, labels } })
  yield* create({ action: "retry", all: true })
  yield* create({ action: "retry", filter: { agentId }, dryRun: true })
  yield* create({ action: "retry", filter: { status: "cancelled" }, dryRun: true })
  yield* create({ action: "retry", filter: { parentRunId: run.runId } })
  yield* create({ action: "cancel", filter: { status: ["pending", "running"], agentId } })
  yield* create({ action: "label", filter: { metadata: { plan: "gold" } }, labels })
  yield* create({ action: "cancel", runIds: [run.runId, "nowhere"] })
  yield* list()
  yield* list({ status: "completed" })
  yield* TestRuns.eventually(get(id), ({ status }) => status === "completed")
  yield* abort(id)
})

/** Calls the methods of `Webhooks` and those of its messages, in each variant that has its own statements. */
const webhooks = Effect.gen(function* () {
  const { create, deliveries, get, list, remove, retry, retryAll, rotate, test, update } =
    yield* Webhooks.Webhooks
  const queue = (yield* ControlPlane.ControlPlane).deliveries
  const runs = yield* Runs.Runs
  const { endpoint } = yield* create({ url: "https://example.com", events: ["run.cancelled"] })
  const { id } = endpoint
  const request = { most: 8, mostEach: 8, claimMillis: 60_000 }
  yield* runs.cancel((yield* runs.submit({ agentId: Ids.AgentId.make("agent") })).run.runId)
  yield* test(id)
  const { claimed } = yield* queue.claim({ ...request, busy: new Map() })
  yield* queue.claim({ ...request, busy: new Map([[id, 8]]) })
  for (const { delivery } of claimed) {
    yield* queue.settle(delivery, { _tag: "Failed", status: null, error: "refused", retryMillis: null })
    yield* retry(delivery.id)
  }
  yield* retryAll(id)
  for (const status of [undefined, "pending", "delivered", "dead"] as const) {
    yield* deliveries({ status })
    yield* deliveries({ status, endpointId: id })
  }
  yield* get(id)
  yield* list()
  yield* update(id, { enabled: true })
  yield* rotate(id)
  yield* remove(id)
})

/** Calls the methods of `WebhookSources`. */
const webhookSources = Effect.gen(function* () {
  const { define, get, list, remove, rotate } = yield* WebhookSources.WebhookSources
  const { openSource } = yield* ControlPlane.ControlPlane
  const { source } = yield* define("issues", { scheme: "github", agentId: "agent" })
  yield* define("issues", { scheme: "github", agentId: "agent", events: ["issues"] })
  yield* openSource(source.projectId, source.name)
  yield* rotate(source.name)
  yield* get(source.name)
  yield* list()
  yield* remove(source.name)
})

/** Calls the methods of `Limits`, in each variant that has its own statements. */
const limits = Effect.gen(function* () {
  const { define, get, list, pause, remove, resume } = yield* Limits.Limits
  const runs = yield* Runs.Runs
  const agentId = Ids.AgentId.make("limited")
  const rate = { count: 1, periodSeconds: 3600 }
  yield* define(Limits.ofName("api"), { rate, maxRunning: 2, maxPending: 3 })
  const input = { agentId, limits: { api: "eu" }, implementationKind: "kind", workerKey: "key" }
  const first = yield* runs.submit(input)
  yield* runs.submit(input)
  yield* define(Limits.ofName("api"), { rate: { ...rate, burst: 2 }, maxRunning: 2 })
  yield* define(Limits.ofName("api"), { rate })
  const subject = { kind: "named" as const, name: "api", key: "eu" }
  yield* pause(subject)
  yield* resume(subject)
  yield* get("api")
  yield* list()
  yield* runs.cancel(first.run.runId)
  yield* remove(Limits.ofName("api"))
})

/** Calls the methods of `Rollouts`, and claims what they route. */
const rollouts = Effect.gen(function* () {
  const { get, remove, set } = yield* Rollouts.Rollouts
  const [bulk, claims, registry, runs] = yield* Effect.all([
    BulkOperations.BulkOperations,
    Claims.Claims,
    WorkerRegistry.WorkerRegistry,
    Runs.Runs,
  ])
  const agentId = Ids.AgentId.make("rolled")
  const fair = { agentId, implementationKind: "rolled", concurrencyKey: null, fairnessKey: "a" }
  const worker = yield* registry.register({ implementationKind: "rolled", workerKey: "key", version: "2" })
  yield* runs.submit(fair)
  const { bulkId } = yield* set(agentId, { current: "1", ramp: { version: "2", percent: 50 } })
  yield* set(agentId, { current: "2" })
  yield* get(agentId)
  yield* runs.submit(fair)
  yield* TestRuns.eventually(bulk.get(bulkId), ({ status }) => status === "completed")
  yield* claims.claim({ workerId: worker.id, limit: 2, leaseDuration: "10 seconds" })
  yield* remove(agentId)
})

/** Calls every method of every port, in each variant that has its own statements. */
export const everything = Effect.gen(function* () {
  const [registry, runs, claims, leases, log, conversations, access] = yield* Effect.all([
    WorkerRegistry.WorkerRegistry,
    Runs.Runs,
    Claims.Claims,
    Leases.Leases,
    RunLog.RunLog,
    Conversations.Conversations,
    Access.Access,
  ])
  const agentId = Ids.AgentId.make("agent")
  const event: AgentEvent.LogEvent = { type: "CUSTOM", name: "n", value: 1 }
  const worker = yield* registry.register({ implementationKind: "kind", workerKey: "key" })
  yield* registry.heartbeat(worker.id, "active", { slots: 1 })
  yield* registry.drain(worker.id, true)
  yield* registry.list()

  const conversation = yield* conversations.create()
  yield* conversations.addMessage(conversation.id, { role: "user", parts: [], idempotencyKey: "once" })
  yield* conversations.messages(conversation.id)
  yield* conversations.update(conversation.id, { title: "Report", metadata: { plan: "gold" } })
  yield* conversations.list()
  yield* conversations.list({ text: "report", agentId, metadata: { plan: "gold" } })

  const debounced = { agentId, debounce: { key: "key", seconds: 3600 } }
  const { run: waiting } = yield* runs.submit(debounced)
  yield* runs.submit({ ...debounced, publicId: "debounces" })
  yield* runs.submit({ ...debounced, publicId: "debounces" })
  yield* runs.cancel(waiting.runId)

  const inConversation = { agentId, conversationId: conversation.id }
  const { run: first } = yield* runs.submit(inConversation)
  const { run: second } = yield* runs.submit({ ...inConversation, parentRunId: first.runId })
  const saying = { ...inConversation, snapshot: RequestSnapshot.fromText("left") }
  yield* runs.submit({ ...saying, publicId: "steers", multitask: "steer" })
  yield* runs.submit({ ...saying, publicId: "steers", multitask: "steer" })
  const soon = DateTime.add(yield* DateTime.now, { seconds: 5 })
  yield* runs.submit({ agentId, availableAt: soon, concurrencyKey: null, maxAttempts: 1 })

  const claim = (agentIds: ReadonlyArray<Ids.AgentId> = []) =>
    claims.claim({ workerId: worker.id, limit: 10, leaseDuration: "10 seconds", agentIds })
  const leaseOf = (run: Run.ClaimedRun): Run.LeaseRef => ({
    runId: run.runId,
    workerId: worker.id,
    epoch: run.leaseEpoch,
  })
  const named = {
    workerId: worker.id,
    limit: 10,
    leaseDuration: "10 seconds",
    claimId: Ids.ClaimId.make("claim"),
  } as const
  yield* claims.claim(named)
  const lease = leaseOf((yield* claims.claim(named))[0]!)
  yield* leases.renew({ workerId: worker.id, leases: [lease], leaseDuration: "10 seconds" })
  yield* runs.tell(lease.runId, { parts: [{ type: "text", text: "left" }] })
  yield* runs.tell(lease.runId, { parts: [], idempotencyKey: "once" })
  yield* log.append({ runId: lease.runId, events: [event], fence: lease })
  const { latestEventId, latestSequence } = yield* log.append({ runId: lease.runId, events: [event] })
  yield* log.append({ runId: lease.runId, events: [event, event], expectedEventId: latestEventId })
  yield* log.append({ runId: lease.runId, events: [event, event], expectedSequence: latestSequence })
  yield* log.read({ runId: lease.runId })
  yield* log.read({ runId: lease.runId, only: "records" })
  yield* runs.recordSession(lease, { sessionKey: "session" })
  yield* leases.suspend(lease, {
    interrupts: [Interrupt.ofToolCall("call", "tool")],
    expiresAfter: "1 hour",
  })
  yield* runs.resume(lease.runId, [Interrupt.toolResult("call", 1)])
  yield* leases.release(leaseOf((yield* claim([agentId]))[0]!))
  yield* claim()
  yield* TestClock.adjust("20 seconds")
  yield* claim()
  yield* summaries(worker, first)
  yield* runs.complete(first.runId, { status: "completed", metadata: {} })
  yield* runs.cancel(second.runId)
  yield* runs.get(first.runId)
  yield* runs.snapshot(first.runId)
  yield* runs.list()
  yield* runs.list({ from: DateTime.unsafeMake(1), to: DateTime.unsafeMake(2) })
  yield* runs.list({ status: "completed", conversationId: conversation.id })
  yield* runs.submit({ agentId, concurrencyKey: null, labels: { customer: "42" } })
  yield* runs.label(first.runId, { customer: "42", tier: "gold" })
  yield* runs.label(first.runId, { tier: null })
  yield* runs.list({ labels: { customer: "42" } })
  yield* runs.list({ labels: { customer: "42", tier: "gold" }, status: "completed" })
  yield* runs.list({ labels: { customer: "42" }, conversationId: conversation.id })

  const publicId = Ids.RunId.make("next")
  yield* runs.submit({ agentId, publicId: "asks", concurrencyKey: null, priority: 10 })
  const asks = leaseOf(
    (yield* claims.claim({ workerId: worker.id, limit: 1, leaseDuration: "10 seconds" }))[0]!,
  )
  const call = { ...Interrupt.ofToolCall("call", "tool"), clientTool: true }
  yield* leases.suspend(asks, { interrupts: [call] })
  yield* runs.inputs(asks.runId)
  yield* runs.followUp(asks.runId, {
    publicId,
    resume: [],
    results: [Interrupt.toolResult("call", 1)],
    snapshot: RequestSnapshot.fromText("next"),
  })
  yield* runs.get(publicId)
  yield* runs.cancel(publicId)

  yield* runs.submit({ agentId, publicId: "parent", concurrencyKey: null, priority: 10 })
  const parent = leaseOf(
    (yield* claims.claim({ workerId: worker.id, limit: 1, leaseDuration: "10 seconds" }))[0]!,
  )
  const submission = { agentId, publicId: "child" }
  yield* leases.spawn(parent, { stepId: "step", name: "step", submission })
  yield* leases.suspend(parent, { children: [[0]], wakeAfter: "1 hour" })
  yield* runs.list({ parentRunId: parent.runId })
  yield* runs.cancel(parent.runId)

  const fair = { agentId, concurrencyKey: null, priority: 20 }
  yield* runs.submit({ ...fair, fairnessKey: "a" })
  yield* claims.claim({ workerId: worker.id, limit: 1, leaseDuration: "10 seconds" })
  yield* runs.submit({ ...fair, fairnessKey: "b", concurrencyKey: "limited", concurrencyLimit: 1 })
  yield* runs.submit({ ...fair, fairnessKey: "b", implementationKind: "kind", workerKey: "key" })
  const { run: lastFair } = yield* runs.submit({ ...fair, fairnessKey: "b" })
  yield* runs.submit(fair)
  yield* summaries(worker, lastFair)
  yield* claims.claim({ workerId: worker.id, limit: 10, leaseDuration: "10 seconds" })

  yield* limits
  const lanes = ["one", "two"]
  const circle: Array<Run.LeaseRef> = []
  for (const concurrencyKey of lanes) {
    yield* runs.submit({ agentId, concurrencyKey, priority: 10 })
    const [held] = yield* claims.claim({ workerId: worker.id, limit: 1, leaseDuration: "10 seconds" })
    circle.push(leaseOf(held!))
  }
  for (const [index, concurrencyKey] of lanes.toReversed().entries()) {
    const behind = { agentId, publicId: `behind-${concurrencyKey}`, concurrencyKey }
    yield* leases.spawn(circle[index]!, { stepId: "step", name: "step", submission: behind })
  }
  for (const lease of circle) yield* leases.suspend(lease, { children: [[0]] })
  yield* runs.cancel(circle[0]!.runId)

  const long = yield* runs.submit({ agentId, initialStatus: "running" })
  const hundred = Array.makeBy(100, () => event)
  yield* Effect.repeatN(log.append({ runId: long.run.runId, events: hundred }), 20)
  yield* runs.cancel(long.run.runId)
  yield* TestClock.adjust("1 second")
  yield* Retention.pruneAll({ projectId: long.run.projectId, olderThan: 0 }).pipe(
    Effect.raceFirst(Effect.forever(TestClock.adjust("10 millis"))),
  )

  yield* schedules
  yield* bulk
  yield* webhooks
  yield* webhookSources
  yield* rollouts

  const project = yield* access.getProject("default")
  const { key, token } = yield* access.createKey({ projectId: project.id, name: "key" })
  yield* access.authenticate(token)
  yield* access.listKeys(project.id)
  const owner = { projectId: project.id, workerId: worker.id }
  yield* access.issueWorkerToken({ ...owner, issuedBy: key.id })
  yield* access.endSession(yield* access.issueSession({ projectId: project.id, keyId: key.id }))
  yield* access.revokeWorkerTokens(owner)
  yield* access.revokeKey(project.id, key.id)
})
