import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, Ids, RunLog, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Chunk, Context, Effect, Exit, Fiber, Layer, Scope, Stream, Supervisor, TestClock } from "effect"
import * as Waits from "../src/internal/Waits.js"
import * as Mcp from "../src/Mcp.js"

const runId = Ids.RunId.make("run")

it.scoped("the waits for one run share one reader of its log, and one result", () =>
  Effect.gen(function* () {
    const plane = yield* Layer.build(
      Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
    )
    const runs = Context.get(plane, Runs.Runs)
    const log = Context.get(plane, RunLog.RunLog)
    yield* runs.submit({ agentId: "agent", publicId: runId, initialStatus: "running" })
    let reads = 0
    const counted = new Proxy(log, {
      get: (of, name, receiver) => {
        reads += 1
        return Reflect.get(of, name, receiver) as unknown
      },
    })
    const ports = Context.add(plane, RunLog.RunLog, counted)
    const waits = yield* Mcp.waits
    const server = Mcp.make({ ports, waits, agents: false, version: "1", admit: () => Effect.void })
    const wait = (id: number) =>
      Effect.gen(function* () {
        const reply = yield* server.handle({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: {
            name: "get_run",
            arguments: { run_id: runId, wait_seconds: 60 },
            ...(id % 2 === 0 ? { _meta: { progressToken: id } } : {}),
          },
        })
        assertTrue(reply._tag === "Messages")
        return Chunk.toReadonlyArray(yield* Stream.runCollect(reply.messages))
      })
    const waiting = yield* Effect.fork(
      Effect.forEach(
        Array.from({ length: 100 }, (_, id) => id),
        wait,
        { concurrency: "unbounded" },
      ),
    )
    yield* Effect.repeatN(Effect.yieldNow(), 20)
    yield* log.append({ runId, events: [{ type: "STEP_STARTED", stepName: "look" }] })
    yield* Effect.repeatN(Effect.yieldNow(), 20)
    yield* log.append({ runId, events: [{ type: "STEP_FINISHED", stepName: "look" }] })
    yield* runs.complete(runId, { status: "completed", result: { found: true } })
    const all = yield* Fiber.join(waiting)
    deepStrictEqual(
      all.map((messages) => messages.length),
      all.map((_, id) => (id % 2 === 0 ? 2 : 1)),
    )
    for (const [id, messages] of all.entries()) {
      const answer = messages.at(-1) as unknown as {
        readonly id: number
        readonly result: { readonly structuredContent: { readonly status: string } }
      }
      deepStrictEqual([answer.id, answer.result.structuredContent.status], [id, "completed"])
    }
    strictEqual(reads, 1)
  }),
)

it.scoped(
  "a wait has no fiber of its own, also one that tells its progress, and ends with its run or its time",
  () =>
    Effect.gen(function* () {
      const ports = yield* Layer.build(
        Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
      )
      const runs = Context.get(ports, Runs.Runs)
      yield* runs.submit({ agentId: "agent", publicId: runId, initialStatus: "running" })
      const waits = yield* Mcp.waits
      const server = Mcp.make({ ports, waits, agents: false, version: "1", admit: () => Effect.void })
      const log = Context.get(ports, RunLog.RunLog)
      const ended: Array<number> = []
      const told: Array<unknown> = []
      const begin = (id: number) =>
        Effect.gen(function* () {
          const params = {
            name: "get_run",
            arguments: { run_id: runId, wait_seconds: id % 2 === 0 ? 30 : 60 },
            ...(id % 3 === 0 ? { _meta: { progressToken: id } } : {}),
          }
          const reply = yield* server.handle({ jsonrpc: "2.0", id, method: "tools/call", params })
          assertTrue(reply._tag === "Messages" && reply.later !== undefined)
          yield* reply.later.begin(
            () => ended.push(id),
            (message) => told.push("params" in message && message.params?.["progressToken"]),
          )
          return reply.later.answer
        })
      const ids = Array.from({ length: 100 }, (_, id) => id)
      const fibers = yield* Supervisor.track
      const beginAll = (some: ReadonlyArray<number>) => Effect.supervised(Effect.forEach(some, begin), fibers)
      const first = yield* beginAll(ids.slice(0, 1))
      // Those of the reader, which all waits share.
      const ofOne = (yield* fibers.value).length
      const answers = [...first, ...(yield* beginAll(ids.slice(1)))]
      strictEqual((yield* fibers.value).length, ofOne)

      const statuses = Effect.map(Effect.all(answers), (all) =>
        all.map((answer) => JSON.parse(JSON.stringify(answer)).result.structuredContent.status as string),
      )
      yield* log.append({ runId, events: [{ type: "STEP_STARTED", stepName: "look" }] })
      yield* TestClock.adjust("29 seconds")
      deepStrictEqual(ended, [])
      deepStrictEqual(
        told,
        ids.filter((id) => id % 3 === 0),
      )
      yield* TestClock.adjust("2 seconds")
      deepStrictEqual(
        ended,
        ids.filter((id) => id % 2 === 0),
      )
      deepStrictEqual(new Set(yield* statuses), new Set(["running"]))
      yield* runs.complete(runId, { status: "completed", result: { found: true } })
      yield* Effect.repeatN(Effect.yieldNow(), 50)
      deepStrictEqual(
        ended.toSorted((a, b) => a - b),
        ids,
      )
      deepStrictEqual(new Set(yield* statuses), new Set(["completed"]))
      // The time of those that the end of the run has ended.
      yield* TestClock.adjust("1 minute")
      strictEqual(ended.length, ids.length)
    }),
)

it.scoped(
  "a call waits while fewer do than may, of its project and of the server; another one has the run as it is at once",
  () =>
    Effect.gen(function* () {
      const waits = yield* Waits.makeWith({ ofServer: 3, ofProject: 2 })
      const projects = yield* Effect.replicateEffect(
        Effect.gen(function* () {
          const ports = yield* Layer.build(
            Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer),
          )
          yield* Context.get(ports, Runs.Runs).submit({ agentId: "agent", publicId: runId })
          return {
            ports,
            server: Mcp.make({ ports, waits, agents: false, version: "1", admit: () => Effect.void }),
          }
        }),
        2,
      )
      /** Whether a call of a project waits, and the end of its wait. */
      const call = (project: number) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const { server } = projects[project]!
          const params = { name: "get_run", arguments: { run_id: runId, wait_seconds: 60 } }
          const reply = yield* server.handle({ jsonrpc: "2.0", id: 1, method: "tools/call", params })
          assertTrue(reply._tag === "Messages" && reply.later !== undefined)
          let isOver = false
          yield* Scope.extend(
            reply.later.begin(
              () => {
                isOver = true
              },
              () => {},
            ),
            scope,
          )
          const status = Effect.map(
            reply.later.answer,
            (answer) => JSON.parse(JSON.stringify(answer)).result.structuredContent.status as string,
          )
          return { waits: !isOver, leave: Scope.close(scope, Exit.void), status }
        })
      const first = yield* call(0)
      const second = yield* call(0)
      const third = yield* call(0)
      deepStrictEqual([first.waits, second.waits, third.waits], [true, true, false])
      strictEqual(yield* third.status, "pending")
      yield* third.leave
      const other = yield* call(1)
      deepStrictEqual([other.waits, (yield* call(1)).waits], [true, false])
      yield* first.leave
      deepStrictEqual([(yield* call(0)).waits, (yield* call(1)).waits], [true, false])
      // An end of the run frees no place before its call has left.
      yield* Context.get(projects[0]!.ports, Runs.Runs).cancel(runId)
      yield* Effect.repeatN(Effect.yieldNow(), 50)
      yield* second.leave
      strictEqual((yield* call(1)).waits, true)
    }),
)

it.live("a server that closes waits for no deadline", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    // As a Layer makes it.
    const deadlines = yield* Effect.uninterruptible(Scope.extend(Waits.makeDeadlines, scope))
    yield* Effect.scoped(deadlines.after(300, () => {}))
    const closed = yield* Effect.timeoutOption(Effect.disconnect(Scope.close(scope, Exit.void)), "5 seconds")
    assertTrue(closed._tag === "Some")
  }),
)
