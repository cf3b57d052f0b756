import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import {
  Access,
  ControlPlane,
  Emit,
  Executor,
  Ids,
  Interrupts,
  RequestSnapshot,
  type Run,
  RunLog,
  Runs,
  Step,
  Worker,
} from "@runlease/core"
import { A2aExecutor } from "@runlease/executor-a2a"
import { Server } from "@runlease/http"
import { A2aFace } from "@runlease/http-a2a"
import { MemoryControlPlane } from "@runlease/store"
import {
  Context,
  Deferred,
  Effect,
  Exit,
  Layer,
  Redacted,
  Ref,
  Schedule,
  Schema,
  Scope,
  Stream,
} from "effect"
import { createServer, type RequestListener, type Server as HttpListener } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

type Ports = Context.Context<ControlPlane.ProjectPorts>

/** A control plane with its ports of project `default`. */
const plane = Layer.provideMerge(ControlPlane.layerProject(), MemoryControlPlane.layer)

/** A real server of A2A: another control plane, and a worker of it with this executor. */
const serveAgent = Effect.fnUntraced(function* <R extends ControlPlane.ProjectPorts>(
  execute: Executor.ExecuteWith<R>,
) {
  const context = yield* Layer.build(
    Layer.provideMerge(
      Server.layerWith({ faces: [A2aFace.face] }),
      NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }),
    ).pipe(Layer.provideMerge(plane)),
  )
  const access = Context.get(context, Access.Access)
  const project = yield* access.getProject("default")
  const { token } = yield* access.createKey({ projectId: project.id, name: "test", admin: false })
  const { address } = Context.get(context, HttpServer.HttpServer)
  assertTrue(address._tag === "TcpAddress")
  yield* Worker.make({ drainTimeout: 0 }).pipe(
    Effect.provide(Layer.fresh(Executor.layerWith(execute))),
    Effect.provide(context),
  )
  return {
    options: {
      url: `http://127.0.0.1:${address.port}/a2a/{agent_id}`,
      headers: { authorization: Redacted.make(`Bearer ${Redacted.value(token)}`) },
    },
    runs: Context.get(context, Runs.Runs),
  }
})

const agentId = Ids.AgentId.make("agent")

const begin = (ports: Ports, text: string) =>
  Effect.map(
    Context.get(ports, Runs.Runs).submit({ agentId, snapshot: RequestSnapshot.fromText(text) }),
    ({ run }) => run.runId,
  )

/** Starts a worker of the outer control plane, which dies with the Scope. */
const work = (ports: Ports, options: A2aExecutor.Options) =>
  Worker.make({ drainTimeout: 0 }).pipe(
    Effect.provide(Layer.fresh(A2aExecutor.layerWith(options))),
    Effect.provide(ports),
  )

const until = (ports: Ports, runId: Ids.RunId, status: Run.RunStatus) =>
  Effect.repeat(Context.get(ports, Runs.Runs).get(runId), {
    until: (run) => run.status === status,
    schedule: Schedule.spaced("10 millis"),
  }).pipe(Effect.zipRight(Context.get(ports, Runs.Runs).get(runId)))

const eventsOf = (ports: Ports, runId: Ids.RunId) =>
  Effect.map(Context.get(ports, RunLog.RunLog).read({ runId, limit: 1000 }), (entries) =>
    entries.map(({ event }) => event),
  )

const textOf = (ports: Ports, runId: Ids.RunId) =>
  Effect.map(eventsOf(ports, runId), (events) =>
    events.flatMap(({ delta, type }) => (type === "TEXT_MESSAGE_CONTENT" ? [String(delta)] : [])).join(""),
  )

const test = <A, E>(title: string, body: (ports: Ports) => Effect.Effect<A, E, Scope.Scope>): void =>
  it.live(title, () => Effect.scoped(Effect.flatMap(Layer.build(plane), body)))

test("gives the agent what the user says, and shows what it answers", (ports) =>
  Effect.gen(function* () {
    const agent = yield* serveAgent(
      Executor.from((run) => Emit.text(`You said: ${RequestSnapshot.lastUserText(run.snapshot)}`)),
    )
    yield* work(ports, agent.options)
    const runId = yield* begin(ports, "hello")
    yield* until(ports, runId, "completed")
    strictEqual(yield* textOf(ports, runId), "You said: hello")
  }))

test("asks what the agent asks, and gives it the answers", (ports) =>
  Effect.gen(function* () {
    const agent = yield* serveAgent(
      Executor.from(() =>
        Effect.gen(function* () {
          yield* Step.run("first", Effect.as(Emit.text("Let me ask. "), 1))
          const yes = yield* Interrupts.approve("go", { message: "Go?" })
          const port = yield* Interrupts.ask("port", { message: "Which port?", schema: Schema.Int })
          yield* Emit.text(`${yes} ${port}`)
        }),
      ),
    )
    yield* work(ports, agent.options)
    const runId = yield* begin(ports, "hello")
    const runs = Context.get(ports, Runs.Runs)
    for (const [question, payload] of [
      ["Go?", { approved: true }],
      ["Which port?", 8080],
    ] as const) {
      const asked = yield* Effect.repeat(runs.get(runId), {
        until: ({ status, waiting }) => status === "waiting" && waiting?.interrupts[0]?.message === question,
        schedule: Schedule.spaced("10 millis"),
      }).pipe(Effect.zipRight(runs.get(runId)))
      const [interrupt] = asked.waiting!.interrupts
      yield* runs.resume(runId, [{ interruptId: interrupt!.id, status: "resolved", payload }])
    }
    yield* until(ports, runId, "completed")
    // What the first turn has shown is not shown again by the next.
    strictEqual(yield* textOf(ports, runId), "Let me ask. true 8080")
  }))

test("follows the task again when its worker is lost, and asks the agent once", (ports) =>
  Effect.gen(function* () {
    const begun = yield* Ref.make(0)
    const go = yield* Deferred.make<void>()
    const agent = yield* serveAgent(
      Executor.from(() =>
        Effect.gen(function* () {
          yield* Ref.update(begun, (count) => count + 1)
          yield* Emit.text("one ")
          yield* Deferred.await(go)
          yield* Emit.text("two")
        }),
      ),
    )
    const first = yield* Scope.make()
    yield* Scope.extend(work(ports, agent.options), first)
    const runId = yield* begin(ports, "hello")
    yield* Effect.repeat(textOf(ports, runId), {
      until: (text) => text === "one ",
      schedule: Schedule.spaced("10 millis"),
    })
    yield* Scope.close(first, Exit.void)
    yield* work(ports, agent.options)
    yield* Deferred.succeed(go, undefined)
    yield* until(ports, runId, "completed")
    strictEqual(yield* Ref.get(begun), 1)
    strictEqual((yield* agent.runs.list()).items.length, 1)
    assertTrue((yield* textOf(ports, runId)).endsWith("one two"))
  }))

test("cancels the task of a run that is cancelled", (ports) =>
  Effect.gen(function* () {
    const agent = yield* serveAgent(Executor.from(() => Stream.concat(Stream.make("on it"), Stream.never)))
    yield* work(ports, agent.options)
    const runId = yield* begin(ports, "hello")
    yield* Effect.repeat(textOf(ports, runId), {
      until: (text) => text === "on it",
      schedule: Schedule.spaced("10 millis"),
    })
    yield* Context.get(ports, Runs.Runs).cancel(runId)
    yield* Effect.repeat(agent.runs.list(), {
      until: ({ items }) => items[0]?.status === "cancelled",
      schedule: Schedule.spaced("10 millis"),
    })
  }))

test("fails as the task fails, and is handed back when the agent is not there", (ports) =>
  Effect.gen(function* () {
    const agent = yield* serveAgent(
      Executor.from(() =>
        Effect.fail(new Executor.ExecutorError({ code: "broken", message: "It is broken" })),
      ),
    )
    const runs = Context.get(ports, Runs.Runs)
    const failing = yield* Scope.make()
    yield* Scope.extend(work(ports, agent.options), failing)
    const failed = yield* until(ports, yield* begin(ports, "hello"), "failed")
    deepStrictEqual([failed.error?.code, failed.error?.message], ["a2a_failed", "It is broken"])
    yield* Scope.close(failing, Exit.void)

    yield* work(ports, { url: "http://127.0.0.1:1025/" })
    const { run } = yield* runs.submit({ agentId, maxAttempts: 1, snapshot: RequestSnapshot.fromText("x") })
    const lost = yield* until(ports, run.runId, "failed")
    strictEqual(lost.error?.code, "unreachable")
  }))

/** The origin of a server, which closes with its connections. */
const listen = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<HttpListener>((resume) => {
      const server = createServer(listener).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      }),
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

test("fails where the agent's card is larger than a worker has room for", (ports) =>
  Effect.gen(function* () {
    const origin = yield* listen((_, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify({ name: "x".repeat(16 * 1024 * 1024) }))
    })
    yield* work(ports, { url: `${origin}/` })
    const { error } = yield* until(ports, yield* begin(ports, "hello"), "failed")
    deepStrictEqual(
      [error?.code, error?.message],
      ["answer_too_large", "The server sent a body of more than 16777216 bytes"],
    )
  }))

const cardOf = (url: string) =>
  JSON.stringify({
    name: "agent",
    description: "",
    version: "1",
    supportedInterfaces: [{ url, protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
    capabilities: { streaming: true },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [],
  })

/** A server whose card and whose redirects name another origin, with what the two got of a secret. */
const serveOthers = Effect.gen(function* () {
  const got: Array<string> = []
  const inner = yield* listen((request, response) => {
    got.push(`${request.method} ${request.headers["x-api-key"]}`)
    response.writeHead(500, { connection: "close" }).end()
  })
  const own: string = yield* listen((request, response) => {
    const path = request.url ?? ""
    response.setHeader("connection", "close")
    if (path.startsWith("/moved/")) response.writeHead(302, { location: inner + path }).end()
    else if (path.endsWith("agent-card.json")) {
      const at = path.startsWith("/named/") ? `${inner}/rpc` : `http://${request.headers.host}/rpc`
      response.writeHead(200, { "content-type": "application/json" }).end(cardOf(at))
    } else response.writeHead(307, { location: inner + path }).end()
  })
  return { own, inner, got }
})

test("gives no other origin its requests, whether a redirect or the card names it", (ports) =>
  Effect.gen(function* () {
    const { got, inner, own } = yield* serveOthers
    const headers = { "x-api-key": Redacted.make("secret") }
    const runs = Context.get(ports, Runs.Runs)
    for (const place of ["moved", "named", "kept"]) {
      const scope = yield* Scope.make()
      yield* Scope.extend(work(ports, { url: `${own}/${place}`, headers }), scope)
      const { run } = yield* runs.submit({ agentId, snapshot: RequestSnapshot.fromText("x") })
      const { error } = yield* until(ports, run.runId, "failed")
      strictEqual(error?.code, "other_origin")
      assertTrue(error !== null && error.message.includes(own) && error.message.includes(inner))
      yield* Scope.close(scope, Exit.void)
    }
    deepStrictEqual(got, [])
    // One that is named gets them.
    yield* work(ports, { url: `${own}/named`, headers, origins: [inner] })
    const { run } = yield* runs.submit({ agentId, maxAttempts: 1, snapshot: RequestSnapshot.fromText("x") })
    yield* until(ports, run.runId, "failed")
    deepStrictEqual(got[0], "POST secret")
  }))

/** An agent that leaves one kind of request without an answer. The close of such a request is awaited by `closed`. */
const serveSilent = Effect.fnUntraced(function* (silent: string) {
  const met = yield* Deferred.make<void>()
  const closed = yield* Deferred.make<void>()
  const task = (state: string) => ({ id: "task", contextId: "context", status: { state }, artifacts: [] })
  const origin = yield* listen(async (request, response) => {
    const body = await text(request)
    const call = body === "" ? undefined : JSON.parse(body)
    const method: string = call?.method ?? "card"
    if (method === silent) {
      response.once("close", () => Deferred.unsafeDone(closed, Exit.void))
      Deferred.unsafeDone(met, Exit.void)
      return
    }
    const working = task("TASK_STATE_WORKING")
    const result = method === "SendMessage" ? { task: working } : working
    const answer = JSON.stringify({ jsonrpc: "2.0", id: call?.id, result })
    if (method === "SubscribeToTask") {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n")
      Deferred.unsafeDone(met, Exit.void)
      return
    }
    response.writeHead(200, { "content-type": "application/json" })
    response.end(method === "card" ? cardOf(`http://${request.headers.host}/rpc`) : answer)
  })
  return { url: `${origin}/`, met, closed }
})

for (const silent of ["card", "SendMessage", "GetTask", "CancelTask"]) {
  test(`leaves no request behind when its run is cancelled and the agent does not answer ${silent}`, (ports) =>
    Effect.gen(function* () {
      const { closed, met, url } = yield* serveSilent(silent)
      yield* work(ports, { url })
      const runId = yield* begin(ports, "hello")
      yield* Deferred.await(met)
      yield* Context.get(ports, Runs.Runs).cancel(runId)
      yield* Deferred.await(closed)
    }))
}
