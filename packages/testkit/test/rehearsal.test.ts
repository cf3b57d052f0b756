import { HttpClient, HttpClientResponse } from "@effect/platform"
import { expect, it } from "@effect/vitest"
import {
  Agent,
  Child,
  type ControlPlane,
  Executor,
  Ids,
  Inbox,
  Interrupts,
  Run,
  RunLog,
  Runs,
  Step,
  Worker,
  type WorkerEvent,
} from "@runlease/core"
import * as Rehearsal from "@runlease/core/Rehearsal"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Schema, Stream, TestClock } from "effect"
import * as TestRuns from "../src/TestRuns.js"
import * as Searches from "./Searches.js"

/** What the code of a run does: `ask NAME` where it comes to a step, a question or another wait, and `run NAME` in a body. */
const traces = new Map<string, Array<string>>()

const trace = (run: Run.ClaimedRun, entry: string) =>
  Effect.sync(() => traces.set(run.runId, [...(traces.get(run.runId) ?? []), entry]))

const Helper = Agent.make({ name: "helper", payload: {}, success: Schema.Struct({ found: Schema.Int }) })
const Quick = Agent.make({ name: "quick", payload: {}, success: Schema.Struct({ found: Schema.Int }) })
const Stranger = Agent.make({ name: "stranger", payload: {}, success: Schema.String })

// oxlint-disable-next-line no-explicit-any -- the schemas differ by the change of the code
type Any = any

const kinds = [
  "question",
  "answered",
  "inStep",
  "sleep",
  "join",
  "first",
  "joined",
  "message",
  "retry",
] as const
type Kind = (typeof kinds)[number]

/** What the code waits for, as its trace names it. */
const waitOf: Record<Kind, string> = {
  question: "approve",
  answered: "approve",
  inStep: "inner",
  sleep: "nap",
  join: "join",
  first: "winner",
  joined: "nap",
  message: "inbox",
  retry: "",
}

/** What each change replaces in the code of the agent. */
interface Code {
  readonly search?: "renamed" | "split" | "moved" | "late" | "narrowed" | "required" | "defaulted" | "twice"
  readonly reads?: "removed" | "keyed"
  readonly question?: "reworded" | "renamed" | "narrowed"
  readonly inserted?: boolean
  readonly stranger?: boolean
  readonly payload?: boolean
}

const changes: Readonly<Record<string, Code>> = {
  "no change": {},
  "a step renamed": { search: "renamed" },
  "a step split": { search: "split" },
  "a step moved among recorded ones": { search: "moved" },
  "a step moved behind the wait": { search: "late" },
  "a schema narrowed": { search: "narrowed" },
  "a field added without a default": { search: "required" },
  "a field added with a default": { search: "defaulted" },
  "a step taken twice": { search: "twice" },
  "steps removed": { reads: "removed" },
  "the key of a loop changed": { reads: "keyed" },
  "a question reworded": { question: "reworded" },
  "a question renamed": { question: "renamed" },
  "the schema of an answer narrowed": { question: "narrowed" },
  "a step inserted": { inserted: true },
  "the agent of a child changed": { stranger: true },
  "a field of the payload added": { payload: true },
}

const names = Object.keys(changes)

const Hits = Schema.Struct({ hits: Schema.Int })
const searchSchemas = {
  narrowed: Schema.Struct({ hits: Schema.Int.pipe(Schema.lessThan(2)) }),
  required: Schema.Struct({ hits: Schema.Int, pages: Schema.Int }),
  defaulted: Schema.Struct({
    hits: Schema.Int,
    pages: Schema.optionalWith(Schema.Int, { default: () => 0 }),
  }),
}

const Payload = Schema.Struct({ kind: Schema.Literal(...kinds), reads: Schema.Int })

const work = (code: Code) => (payload: typeof Payload.Type, run: Run.ClaimedRun) =>
  Effect.gen(function* () {
    const { kind, reads } = payload
    const step = <A>(name: string, value: A, schema: Schema.Schema<A, Any>, key?: string) =>
      Effect.zipRight(
        trace(run, `ask ${name}${key === undefined ? "" : ` ${key}`}`),
        Step.run(name, Effect.as(trace(run, `run ${name}`), value), { schema, key }),
      )
    const search = Effect.gen(function* () {
      const value = { hits: 3, pages: 0 }
      switch (code.search) {
        case "renamed":
          return yield* step("find", value, Hits)
        case "split":
          yield* step("search by name", value, Hits)
          return yield* step("search by text", value, Hits)
        case "narrowed":
        case "required":
        case "defaulted":
          return yield* step<Any>("search", value, searchSchemas[code.search])
        case "twice":
          yield* step("search", value, Hits)
          return yield* step("search", value, Hits)
        default:
          return yield* step("search", value, Hits)
      }
    })
    const readAll = Effect.forEach(
      Array.from({ length: code.reads === "removed" ? 0 : reads }, (_, index) => index),
      (index) => step("read", index, Schema.Int, code.reads === "keyed" ? `page ${index}` : `${index}`),
    )
    if (code.search === "moved") yield* Effect.zipRight(readAll, search)
    else if (code.search === "late") yield* readAll
    else yield* Effect.zipRight(search, readAll)
    if (code.inserted === true) yield* step("audit", 1, Schema.Int)
    yield* Effect.gen(function* () {
      const question = {
        message: code.question === "reworded" ? "May I really?" : "May I?",
        expiresAfter: "10 days",
      } as const
      const nap = Effect.zipRight(trace(run, "ask nap"), Step.sleep("nap", "10 minutes"))
      switch (kind) {
        case "question":
        case "answered": {
          if (kind === "answered") {
            yield* trace(run, "ask size")
            const schema: Schema.Schema<Any, Any> = code.question === "narrowed" ? Schema.Int : Schema.String
            yield* Interrupts.ask("size", { message: "Which size?", schema })
          }
          const name = code.question === "renamed" ? "allow" : "approve"
          yield* trace(run, `ask ${name}`)
          return yield* Interrupts.approve(name, question)
        }
        case "inStep":
          yield* trace(run, "ask group")
          return yield* Step.run(
            "group",
            Effect.gen(function* () {
              yield* step("inner work", 1, Schema.Int)
              yield* trace(run, "ask inner")
              return yield* Interrupts.approve("inner", question)
            }),
          )
        case "sleep":
          return yield* nap
        case "join":
        case "first": {
          const agent: Agent.ValueAgent<{}, Any, never> = code.stranger === true ? Stranger : Helper
          yield* trace(run, "ask helper")
          const child = yield* Child.spawn("helper", agent, {})
          yield* trace(run, `ask ${waitOf[kind]}`)
          return kind === "join" ? yield* Child.join(child) : yield* Child.joinFirst("winner", [child])
        }
        case "joined": {
          const agent: Agent.ValueAgent<{}, Any, never> = code.stranger === true ? Stranger : Quick
          yield* trace(run, "ask helper")
          yield* Child.join(yield* Child.spawn("helper", agent, {}))
          return yield* nap
        }
        case "message":
          yield* trace(run, "ask inbox")
          return yield* Inbox.take("inbox")
        case "retry":
          return undefined
      }
    })
    if (code.search === "late") yield* search
    if (kind === "retry" && code === changes["no change"] && run.attempt === 1) {
      return yield* Executor.retryableError("later", "Not now", "12 minutes")
    }
    yield* step("pay", 1, Schema.Int)
    return "paid"
  })

const agentName = (change: number) => `order-${change}`

/** The agents of all changes, with the code of before, or with the changed one. */
const orders = (isNew: boolean) =>
  names.map((name, index) => {
    const code = isNew ? changes[name]! : changes["no change"]!
    const payload: Any =
      isNew && code.payload === true ? Schema.Struct({ ...Payload.fields, euros: Schema.Int }) : Payload
    return Agent.make({ name: agentName(index), payload, success: Schema.String }).toLayer(
      work(code) as never,
    )
  }) as Any as ReadonlyArray<Layer.Layer<Executor.Executor>>

const helper = (agent: Agent.ValueAgent<{}, Any, never>, value: unknown) =>
  agent.toLayer(() => Effect.succeed(value)) as Layer.Layer<Executor.Executor>

const merged = (layers: ReadonlyArray<Layer.Layer<Executor.Executor>>) =>
  layers.reduce((all, layer) => Layer.merge(all, layer))

const worker = (key: string, events: Array<WorkerEvent.WorkerEvent>) =>
  Effect.gen(function* () {
    const made = yield* Worker.make({ implementationKind: "test", workerKey: key, concurrency: 500 })
    yield* Effect.forkScoped(Stream.runForEach(made.events, (event) => Effect.sync(() => events.push(event))))
    yield* Effect.yieldNow()
  })

interface Case {
  readonly change: number
  readonly kind: Kind
  readonly reads: number
}

const cases: ReadonlyArray<Case> = Array.from({ length: 200 }, (_, index) => ({
  change: index % names.length,
  kind: kinds[(index * 5 + Math.floor(index / names.length)) % kinds.length]!,
  reads: 1 + (index % 2),
}))

type Verdict = Pick<Rehearsal.Verdict, "kind" | "at">

/** What the run has done with the new code, once it was moved to it and its wait was over. */
const truthOf = (
  { kind, reads }: Case,
  asked: ReadonlyArray<string>,
  run: Run.Run,
  failure: string | undefined,
): Verdict => {
  const wait = waitOf[kind]
  const stop = asked.findIndex((entry) => entry.startsWith("run ") || entry === `ask ${wait}`)
  const until = asked
    .slice(0, stop < 0 ? undefined : stop + (asked[stop] === `ask ${wait}` ? 1 : 0))
    .map((entry) => entry.slice("ask ".length))
  const ofKind: Record<Kind, ReadonlyArray<string>> = {
    question: ["approve"],
    answered: ["size", "approve"],
    inStep: ["inner work", "inner"],
    sleep: ["nap"],
    join: ["helper"],
    first: ["helper"],
    joined: ["helper", "nap"],
    message: [],
    retry: [],
  }
  const again = run.waiting?.interrupts.find(({ id }) => id.includes("~"))
  if (stop < 0 && again !== undefined) return { kind: "unreadable", at: again.id.replace(/~.*/, "") }
  if (stop < 0 && failure !== undefined) {
    if (failure === "invalid_payload") return { kind: "unreadable", at: "input" }
    return failure === "step_unreadable" ? { kind: "unreadable", at: until.at(-1)! } : { kind: "fails" }
  }
  const pages = Array.from({ length: reads }, (_, index) => `read ${index}`)
  const skipped = ["search", ...pages, ...ofKind[kind]].find((name) => !until.includes(name))
  if (skipped !== undefined) return { kind: "skips", at: skipped.replace(/ \d$/, "") }
  if (stop >= 0 && asked[stop]!.startsWith("run ")) return { kind: "goes_on", at: asked[stop]!.slice(4) }
  return { kind: stop < 0 ? "goes_on" : "waits" }
}

const wholeLog = (runId: Ids.RunId) =>
  Effect.flatMap(RunLog.RunLog, (log) => log.read({ runId, limit: 1000 }))

const table = (rows: ReadonlyArray<{ readonly rehearsed: Verdict; readonly real: Verdict }>): string => {
  const all = ["goes_on", "waits", "skips", "unreadable", "fails", "undecided"] as const
  const line = (cells: ReadonlyArray<string | number>) =>
    cells.map((cell) => String(cell).padEnd(12)).join("")
  return [
    line(["said \\ did", ...all]),
    ...all.map((said) =>
      line([
        said,
        ...all.map(
          (did) => rows.filter(({ real, rehearsed }) => rehearsed.kind === said && real.kind === did).length,
        ),
      ]),
    ),
  ].join("\n")
}

it.scoped(
  "a rehearsal says of each open run what the run does when it is moved to the new code",
  () =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const chosen = cases.slice(0, Searches.some(cases.length))
      const events: Array<WorkerEvent.WorkerEvent> = []
      const until = (check: (run: Run.Run) => boolean, ids: ReadonlyArray<Ids.RunId>) =>
        TestRuns.eventually(Effect.forEach(ids, runs.get), (found) => found.every(check))

      const submitted = yield* Effect.forEach(chosen, ({ change, kind, reads }) =>
        Effect.map(
          Agent.make({ name: agentName(change), payload: Payload }).submit({ kind, reads }),
          ({ run }) => run.runId,
        ),
      )
      yield* Effect.gen(function* () {
        yield* worker("old", events)
        yield* until(
          ({ attempt, status }) => status === "waiting" || (status === "pending" && attempt > 0),
          submitted,
        )
        for (const [index, { kind }] of chosen.entries()) {
          if (kind !== "answered") continue
          yield* runs.resume(submitted[index]!, [
            { interruptId: "size", status: "resolved", payload: "large" },
          ])
        }
        yield* until(
          ({ attempt, status, waiting }) =>
            (status === "waiting" && waiting?.interrupts.every(({ id }) => id !== "size") === true) ||
            (status === "pending" && attempt > 0),
          submitted,
        )
      }).pipe(Effect.scoped, Effect.provide(merged([...orders(false), helper(Quick, { found: 1 })])))

      const logs = yield* Effect.forEach(submitted, wholeLog)
      const states = yield* Effect.forEach(submitted, runs.get)
      const rehearsed = yield* Rehearsal.rehearse(merged(orders(true)))
      expect(rehearsed.map(({ run }) => run.runId).toSorted()).toEqual(submitted.toSorted())
      expect(yield* Effect.forEach(submitted, wholeLog)).toEqual(logs)
      expect(yield* Effect.forEach(submitted, runs.get)).toEqual(states)
      expect(
        Array.from(traces.values())
          .flat()
          .filter((entry) => entry.startsWith("run ")).length,
      ).toBeGreaterThan(0)

      traces.clear()
      events.length = 0
      yield* Effect.gen(function* () {
        for (const [index, { kind }] of chosen.entries()) {
          const runId = submitted[index]!
          if (kind === "message") {
            yield* runs.tell(runId, { parts: [{ type: "text", text: "Go on" }] } as never)
          }
          for (const { id } of states[index]!.waiting?.interrupts ?? []) {
            yield* runs.resume(runId, [{ interruptId: id, status: "resolved", payload: { approved: true } }])
          }
        }
        yield* worker("new", events)
        yield* TestClock.adjust("15 minutes")
        yield* until(
          (run) =>
            Run.isTerminal(run.status) ||
            (run.status === "waiting" && (traces.get(run.runId) ?? []).length > 0) ||
            events.some((event) => event._tag === "Retrying" && event.run.runId === run.runId),
          submitted,
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(merged([...orders(true), helper(Helper, { found: 1 }), helper(Stranger, "found")])),
      )

      const moved = yield* Effect.forEach(submitted, runs.get)
      const rows = chosen.map((one, index) => {
        const runId = submitted[index]!
        const retried = events.find((event) => event._tag === "Retrying" && event.run.runId === runId)
        const failure =
          retried?._tag === "Retrying" ? (retried.error.code ?? "") : (moved[index]!.error?.code ?? undefined)
        const { at, kind } = rehearsed.find(({ run }) => run.runId === runId)!.verdict
        return {
          one: `${names[one.change]}, ${one.kind}`,
          rehearsed: at === undefined ? { kind } : { kind, at },
          real: truthOf(one, traces.get(runId) ?? [], moved[index]!, failure),
        }
      })
      process.stdout.write(`${table(rows)}\n`)
      expect(
        rows.filter(({ real, rehearsed: said }) => JSON.stringify(real) !== JSON.stringify(said)),
      ).toEqual([])
    }).pipe(Effect.provide(MemoryControlPlane.layer as Layer.Layer<ControlPlane.ProjectPorts>)),
  120_000,
)

it.scoped("a rehearsal refuses calls to the outside, and says which there were", () =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const { run } = yield* runs.submit({ agentId: "shop" })
    const client = HttpClient.make((request) =>
      Effect.sync(() => {
        reached.push(request.url)
        return HttpClientResponse.fromWeb(request, new Response("there"))
      }),
    )
    const reached: Array<string> = []
    /** A service that keeps the client which its layer got. */
    class Shop extends Effect.Service<Shop>()("Shop", {
      effect: Effect.map(HttpClient.HttpClient, (kept) => ({
        order: Effect.scoped(kept.get("https://shop.example/orders?token=secret")),
      })),
      dependencies: [Layer.succeed(HttpClient.HttpClient, client)],
    }) {}
    const rehearsed = (source: Effect.Effect<unknown, unknown, Shop>) =>
      Effect.map(
        Rehearsal.rehearse(
          Executor.layerFrom(() => Effect.asVoid(source)).pipe(
            Layer.provide(Shop.Default),
          ) as Layer.Layer<Executor.Executor>,
        ),
        ([one]) => one?.verdict,
      )
    const fetched = Effect.promise(() => fetch("http://127.0.0.1:9/orders?token=secret", { method: "post" }))
    const before = globalThis.fetch
    expect(yield* rehearsed(Effect.flatMap(Shop, ({ order }) => order))).toMatchObject({
      kind: "undecided",
      calls: ["GET https://shop.example/orders"],
    })
    expect(yield* rehearsed(fetched)).toMatchObject({
      kind: "undecided",
      calls: ["POST http://127.0.0.1:9/orders"],
    })
    const beside = Effect.all([fetched, Step.run("pay", Effect.succeed(1))], { concurrency: 2 })
    expect(yield* rehearsed(beside as Effect.Effect<unknown>)).toMatchObject({
      kind: "goes_on",
      at: "pay",
      calls: ["POST http://127.0.0.1:9/orders"],
    })
    const again = Effect.flatMap(Runs.Runs, (port) => port.submit({ agentId: "shop" }))
    expect(yield* rehearsed(again as Effect.Effect<unknown>)).toMatchObject({
      kind: "undecided",
      calls: ["Runs.submit"],
    })
    expect(yield* rehearsed(Effect.never)).toMatchObject({ kind: "undecided", calls: [] })
    expect(reached).toEqual([])
    expect(globalThis.fetch).toBe(before)
    expect((yield* runs.list()).items.map(({ runId }) => runId)).toEqual([run.runId])
  }).pipe(Effect.provide(MemoryControlPlane.layer as Layer.Layer<ControlPlane.ProjectPorts>)),
)

it.scoped("a rehearsal takes runs by agent, label, id and number, and those of its agents alone", () =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const submit = (agentId: string, labels: Record<string, string> = {}) =>
      Effect.map(runs.submit({ agentId, labels }), ({ run }) => run.runId)
    const first = yield* submit("helper", { team: "a" })
    const second = yield* submit("helper", { team: "b" })
    const other = yield* submit("other")
    const rehearsed = (options?: Rehearsal.Options) =>
      Effect.map(
        Rehearsal.rehearse(Layer.merge(helper(Helper, { found: 1 }), helper(Quick, { found: 1 })), options),
        (all) => all.map(({ run }) => run.runId),
      )
    expect(yield* rehearsed()).toEqual([first, second])
    expect(yield* rehearsed({ labels: { team: "b" } })).toEqual([second])
    expect(yield* rehearsed({ limit: 1 })).toEqual([first])
    expect(yield* rehearsed({ agentIds: [Ids.AgentId.make("quick")] })).toEqual([])
    expect(yield* rehearsed({ runIds: [second, other] })).toEqual([second, other])
  }).pipe(Effect.provide(MemoryControlPlane.layer as Layer.Layer<ControlPlane.ProjectPorts>)),
)
