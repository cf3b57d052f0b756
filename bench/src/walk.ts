/**
 * Prints how many of our modules and functions a plain run enters, by the coverage that V8 counts: in process on SQLite, and over HTTP with
 * client and server in one process. With `--check` it ends with 1 where a run by a worker enters more than `walk.json` allows. With
 * `--list=NAME` it prints the functions of one operation by module.
 */
import { HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Access, Claims, ControlPlane, Executor, Leases, Runs, Worker, WorkerRegistry } from "@runlease/core"
import { Server } from "@runlease/http"
import { Console, Context, Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"
import { Session } from "node:inspector/promises"
import limits from "../walk.json" with { type: "json" }
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

/** The functions that were entered, by module. */
type Walk = ReadonlyMap<string, ReadonlySet<string>>

const rounds = 5

/** What follows an answer, and a worker's run, are over by then. */
const settled = Effect.sleep("100 millis")

/** Starts to count, and has what reads the functions entered since it was read last. */
const coverage = Effect.gen(function* () {
  const session = new Session()
  session.connect()
  yield* Effect.addFinalizer(() => Effect.sync(() => session.disconnect()))
  yield* Effect.promise(() => session.post("Profiler.enable"))
  yield* Effect.promise(() =>
    session.post("Profiler.startPreciseCoverage", {
      callCount: true,
      detailed: false,
      allowTriggeredUpdates: false,
    }),
  )
  return Effect.promise(async (): Promise<Walk> => {
    const { result } = await session.post("Profiler.takePreciseCoverage")
    return new Map(
      result.flatMap(({ functions, url }) => {
        const module = /\/packages\/([a-z-]+\/)dist\/(.*)\.js$/.exec(url)?.slice(1).join("")
        // The first range of a module without a name is its own body, which importing it runs.
        const entered = functions.flatMap(({ functionName, ranges: [range] }) =>
          range === undefined || range.count === 0 || (functionName === "" && range.startOffset === 0)
            ? []
            : [`${functionName === "" ? "(anonymous)" : functionName}@${range.startOffset}`],
        )
        return module === undefined || entered.length === 0 ? [] : [[module, new Set(entered)] as const]
      }),
    )
  })
})

const functionsOf = (walk: Walk): number => [...walk.values()].reduce((sum, { size }) => sum + size, 0)

/** The round that enters the fewest functions: timers of the process run in some of the others. */
const least = (walks: ReadonlyArray<Walk>): Walk =>
  walks.toSorted((a, b) => functionsOf(a) - functionsOf(b))[0] ?? new Map()

/** Those that others do not have too. */
const without = (walk: Walk, others: Walk): Walk =>
  new Map(
    [...walk].flatMap(([module, entered]) => {
      const left = [...entered].filter((name) => others.get(module)?.has(name) !== true)
      return left.length === 0 ? [] : [[module, new Set(left)] as const]
    }),
  )

/** Each operation of a plain run, and a whole run by a worker, from its submission until it has ended. */
const walksOf = (name: string, ports: Stores.Ports, take: Effect.Effect<Walk>) =>
  Effect.gen(function* () {
    const runs = yield* Runs.Runs
    const claims = yield* Claims.Claims
    const leases = yield* Leases.Leases
    const registry = yield* WorkerRegistry.WorkerRegistry
    const { id: workerId } = yield* registry.register({
      implementationKind: "walk",
      workerKey: `walk-${name}`,
    })
    const walked = <A, E, R>(operation: Effect.Effect<A, E, R>) =>
      settled.pipe(
        Effect.zipRight(take),
        Effect.zipRight(operation),
        Effect.zipLeft(settled),
        Effect.flatMap((value) => Effect.map(take, (walk) => ({ value, walk }))),
      )
    const submit = runs.submit({ agentId: "agent" })
    const claim = claims.claim({ workerId, limit: 1, leaseDuration: "60 seconds" })
    const oneByOne = Effect.gen(function* () {
      const submitted = yield* walked(submit)
      const claimed = yield* walked(claim)
      const lease = yield* Effect.fromNullable(claimed.value[0])
      const ref = { workerId, runId: lease.runId, epoch: lease.leaseEpoch }
      const renewed = yield* walked(leases.renew({ workerId, leases: [ref], leaseDuration: "60 seconds" }))
      const completed = yield* walked(leases.complete(ref, { status: "completed" }))
      return { submit: submitted.walk, claim: claimed.walk, renew: renewed.walk, complete: completed.walk }
    })
    // What a process without a run enters is not of the run: a timer that looks at the file, say.
    const idle = least((yield* Effect.replicateEffect(walked(Effect.void), rounds)).map(({ walk }) => walk))
    const operations = yield* Effect.replicateEffect(oneByOne, rounds)
    yield* Worker.make({ concurrency: 4, claimWait: "20 seconds" })
    const whole = yield* Effect.replicateEffect(walked(submit), rounds)
    const of = (operation: keyof (typeof operations)[number]) =>
      without(least(operations.map((walks) => walks[operation])), idle)
    return [
      ...(["submit", "claim", "renew", "complete"] as const).map(
        (operation) => [`${name} ${operation}`, of(operation)] as const,
      ),
      [`${name} run`, without(least(whole.map(({ walk }) => walk)), idle)] as const,
    ]
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.succeed(Executor.Executor, { execute: () => Effect.void })),
    Effect.provide(ports),
  )

type Plane = ControlPlane.ControlPlane | Access.Access | ControlPlane.StorePorts

/** Client and server in this process, on a free port of the loopback. */
const overHttp = (plane: Context.Context<Plane>) =>
  Effect.gen(function* () {
    const server = Server.layer.pipe(
      Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
      Layer.provide(Layer.succeedContext(plane)),
    )
    const { address } = Context.get(yield* Layer.build(server), HttpServer.HttpServer)
    const access = Context.get(plane, Access.Access)
    const { id } = yield* access.getProject(ControlPlane.defaultProject)
    const { token } = yield* access.createKey({ projectId: id, name: "walk", admin: false })
    const port = address._tag === "TcpAddress" ? address.port : 0
    return yield* Stores.client({ url: `http://127.0.0.1:${port}`, key: Redacted.value(token) }, true)
  })

const lines = (walk: Walk): ReadonlyArray<string> =>
  [...walk]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([module, functions]) =>
        `${module} ${functions.size}: ${[...functions].map((name) => name.split("@")[0]).join(" ")}`,
    )

const main = Effect.gen(function* () {
  const list = process.argv.find((argument) => argument.startsWith("--list="))?.slice("--list=".length)
  const folder = yield* Stores.folder
  const plane = yield* Stores.local({ _tag: "Sqlite", filename: `${folder}/walk.db`, synchronous: "normal" })
  const client = yield* overHttp(plane)
  const take = yield* coverage
  const walks = new Map<string, Walk>([
    ...(yield* walksOf("sqlite", plane, take)),
    ...(yield* walksOf("http", client, take)),
  ])
  if (list !== undefined) return yield* Console.log(lines(walks.get(list) ?? new Map()).join("\n"))
  yield* Console.log(
    Table.render(
      "Modules and functions that a plain run enters",
      ["", "modules", "functions"],
      Array.from(walks, ([name, walk]) => [name, String(walk.size), String(functionsOf(walk))]),
    ),
  )
  if (!process.argv.includes("--check")) return
  for (const [name, most] of Object.entries(limits)) {
    const walk = walks.get(name) ?? new Map<string, ReadonlySet<string>>()
    if (walk.size <= most.modules && functionsOf(walk) <= most.functions) continue
    process.exitCode = 1
    yield* Console.error(
      `${name} enters ${walk.size} modules and ${functionsOf(walk)} functions of ours, and walk.json allows ${most.modules} and ${most.functions}. What a run does not use, it does not enter: --list="${name}" prints them.`,
    )
  }
})

main.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
