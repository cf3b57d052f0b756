import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Claims, type ClaimRequest } from "@runlease/core/Claims"
import { ControlPlaneUnavailable } from "@runlease/core/ControlPlaneUnavailable"
import * as Ids from "@runlease/core/Ids"
import type { ClaimedRun } from "@runlease/core/Run"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Clock, Context, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as MemoryReads from "../src/memory/MemoryReads.js"
import * as MemoryAccess from "../src/memory/Access.js"
import * as MemoryRows from "../src/memory/MemoryRows.js"
import * as State from "../src/memory/State.js"
import * as MemoryWorkerRegistry from "../src/memory/WorkerRegistry.js"
import * as RunCommits from "../src/commit/RunCommits.js"
import * as Sealing from "../src/operations/Sealing.js"
import * as RunPorts from "../src/operations/RunPorts.js"
import type { RunStore } from "../src/rows/RunStore.js"
import * as Wakeups from "../src/commit/Wakeups.js"

const projectId = Ids.ProjectId.make("00000000-0000-7000-8000-000000000000")

/** What becomes of the next transaction, once its body is done. */
type Ending = "commit" | "fail" | "repeat"

/** A store in memory whose transactions end as a test says, and whose answers wait at `gate`. */
const makeStore = Effect.gen(function* () {
  const state = yield* State.make
  const gate = yield* Effect.makeLatch(true)
  const entered = yield* Effect.makeLatch(false)
  const endings: Array<Ending> = []
  let commits = 0
  /** How many claims each search was for. */
  const searched: Array<number> = []
  const once = <A>(effect: Effect.Effect<A, string>): Effect.Effect<A, string> =>
    Effect.gen(function* () {
      const ending = endings.shift() ?? "commit"
      const result = yield* State.transact(
        state,
        Effect.flatMap(effect, (value) =>
          ending === "commit" ? Effect.succeed(value) : Effect.fail(ending),
        ),
      )
      commits += 1
      yield* entered.open
      yield* gate.await
      return result
    })
  const rows = MemoryRows.make(state)
  const store: RunStore<string> = {
    rows: {
      ...rows,
      together: (effects) => Effect.all(effects, { discard: true }),
      search: (search) => {
        const [probe] = search.probes
        if (probe !== undefined) searched.push(probe.wanted)
        return rows.search(search)
      },
    },
    reads: MemoryReads.make(state),
    transact: (effect) => Effect.retry(once(effect), { while: (failure) => failure === "repeat" }),
    gather: Effect.yieldNow(),
    civilNow: Clock.currentTimeMillis,
    isolates: () => false,
    unavailable: (operation, message) => new ControlPlaneUnavailable({ operation, message }),
  }
  const wakeups = yield* Wakeups.make
  const access = yield* MemoryAccess.make(state)
  const secrets = yield* Sealing.makeEphemeral
  const committer = yield* RunCommits.make(store, wakeups)
  const ports = yield* RunPorts.make(store, committer, wakeups, { access, secrets })
  const project = ports(projectId)
  // Another server, whose wake-ups never arrive here.
  const deaf = yield* Wakeups.make
  const elsewhere = yield* RunPorts.make(store, yield* RunCommits.make(store, deaf), deaf, {
    access,
    secrets,
  })
  const registry = MemoryWorkerRegistry.make(state, wakeups, projectId)
  return {
    gate,
    entered,
    endings,
    commits: () => commits,
    searched,
    submitElsewhere: (publicId: string, options: Partial<SubmissionInput> = {}) =>
      Context.get(elsewhere(projectId), Runs).submit({ agentId: "agent", publicId, ...options }),
    register: (workerKey: string) =>
      Effect.map(registry.register({ implementationKind: "test", workerKey }), ({ id }) => id),
    claim: (workerId: Ids.WorkerId, options: Partial<ClaimRequest> = {}) =>
      Context.get(project, Claims).claim({
        workerId,
        limit: 1,
        leaseDuration: "30 seconds",
        wait: "20 seconds",
        ...options,
      }),
    submit: (publicId: string, options: Partial<SubmissionInput> = {}) =>
      Context.get(project, Runs).submit({ agentId: "agent", publicId, ...options }),
    run: (runId: string) => Context.get(project, Runs).get(Ids.RunId.make(runId)),
  }
})

/** Lets all fibers reach their wait. */
const settle = Effect.repeatN(Effect.yieldNow(), 50)

/** Forks an effect, and lets it reach its wait. */
const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.zipLeft(Effect.forkScoped(effect), settle)

const given = (claimed: ReadonlyArray<ClaimedRun>) =>
  claimed.map(({ attempt, leaseEpoch, runId }) => `${runId} attempt ${attempt} epoch ${leaseEpoch}`)

describe("a run that a commit hands to a waiting claim", () => {
  it.scoped("costs no commit beside that of its submission", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const waiting = yield* start(store.claim(yield* store.register("worker")))
      const before = store.commits()
      yield* store.submit("a")
      deepStrictEqual(given(yield* Fiber.join(waiting)), ["a attempt 1 epoch 1"])
      strictEqual(store.commits() - before, 1)
    }),
  )

  it.scoped("is the best one of its commit, and each claim gets one before any gets two", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const one = yield* start(store.claim(yield* store.register("one"), { limit: 2 }))
      const two = yield* start(store.claim(yield* store.register("two")))
      const before = store.commits()
      yield* Effect.all(
        [
          store.submit("low", { priority: -1 }),
          store.submit("a"),
          store.submit("high", { priority: 1 }),
          store.submit("b"),
        ],
        { concurrency: "unbounded" },
      )
      strictEqual(store.commits() - before, 1)
      deepStrictEqual(given(yield* Fiber.join(one)), ["high attempt 1 epoch 1", "b attempt 1 epoch 1"])
      deepStrictEqual(given(yield* Fiber.join(two)), ["a attempt 1 epoch 1"])
      strictEqual((yield* store.run("low")).status, "pending")
    }),
  )

  it.scoped("does not exist when the commit fails, and the claim waits on", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const waiting = yield* start(
        store.claim(yield* store.register("worker"), { claimId: Ids.ClaimId.make("c") }),
      )
      store.endings.push("fail")
      const failed = yield* Effect.exit(store.submit("a"))
      strictEqual(Exit.isFailure(failed), true)
      yield* settle
      strictEqual(yield* Fiber.status(waiting).pipe(Effect.map(({ _tag }) => _tag)), "Suspended")
      yield* store.submit("b")
      strictEqual((yield* store.run("b")).status, "running")
      deepStrictEqual(given(yield* Fiber.join(waiting)), ["b attempt 1 epoch 1"])
    }),
  )

  it.scoped("is handed over once when the transaction is repeated", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const one = yield* start(store.claim(yield* store.register("one")))
      const two = yield* start(store.claim(yield* store.register("two")))
      store.endings.push("repeat", "repeat")
      yield* store.submit("a")
      yield* settle
      yield* store.submit("b")
      yield* settle
      const claimed = [...(yield* Fiber.join(one)), ...(yield* Fiber.join(two))]
      deepStrictEqual(given(claimed).toSorted(), ["a attempt 1 epoch 1", "b attempt 1 epoch 1"])
    }),
  )

  it.scoped("is handed back when its claim has gone, and the attempt is not counted", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const worker = yield* store.register("worker")
      const other = yield* store.register("other")
      const waiting = yield* start(store.claim(worker))
      yield* store.gate.close
      const submitted = yield* start(store.submit("a"))
      yield* Fiber.interrupt(waiting)
      yield* store.gate.open
      yield* Fiber.join(submitted)
      yield* settle
      deepStrictEqual(given(yield* store.claim(other)), ["a attempt 1 epoch 2"])
    }),
  )

  it.scoped("goes to a claim whose time ends while the commit is in flight", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const waiting = yield* start(store.claim(yield* store.register("worker"), { wait: "500 millis" }))
      yield* store.gate.close
      yield* store.entered.close
      const submitted = yield* start(store.submit("a"))
      yield* store.entered.await
      yield* TestClock.adjust("1 second")
      yield* store.gate.open
      yield* Fiber.join(submitted)
      deepStrictEqual(given(yield* Fiber.join(waiting)), ["a attempt 1 epoch 1"])
    }),
  )
})

describe("claims that wait without a wake-up", () => {
  /** Claims of so many workers, which wait. */
  const waitingClaims = (store: Effect.Effect.Success<typeof makeStore>, count: number) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => `worker-${index}`),
      (name) => Effect.flatMap(store.register(name), (worker) => start(store.claim(worker))),
    )

  it.scoped("look in turns, a few each second, however many wait", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      yield* waitingClaims(store, 100)
      store.searched.length = 0
      yield* Effect.repeatN(Effect.zipRight(TestClock.adjust("1 second"), settle), 4)
      deepStrictEqual(store.searched, [16, 16, 16, 16, 16])
    }),
  )

  it.scoped(
    "find all runs of another server within a second, since one that finds a run wakes the next",
    () =>
      Effect.gen(function* () {
        const store = yield* makeStore
        const waiting = yield* waitingClaims(store, 60)
        const names = Array.from({ length: 40 }, (_, index) => `run-${index}`)
        yield* Effect.forEach(names, (name) => store.submitElsewhere(name), { concurrency: "unbounded" })
        yield* TestClock.adjust("1 second")
        yield* Effect.repeatN(settle, 40)
        const ended = yield* Effect.filter(waiting, (fiber) => Effect.map(Fiber.poll(fiber), Option.isSome))
        strictEqual(ended.length, 40)
      }),
  )

  it.scoped("look in the turns of their own kind, so a run is found by a claim of its agent", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      yield* waitingClaims(store, 40)
      const worker = yield* store.register("specialist")
      const claim = yield* start(store.claim(worker, { agentIds: [Ids.AgentId.make("special")] }))
      yield* store.submitElsewhere("for one", {
        agentId: "special",
        implementationKind: "test",
        workerKey: "specialist",
      })
      yield* TestClock.adjust("1 second")
      yield* settle
      const ended = yield* Fiber.poll(claim)
      deepStrictEqual(given(yield* Option.getOrThrow(ended)), ["for one attempt 1 epoch 1"])
    }),
  )
})
