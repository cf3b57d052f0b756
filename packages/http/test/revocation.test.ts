import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Access, type Ids, type Run, Runs } from "@runlease/core"
import { SqlControlPlane } from "@runlease/sql"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Context, Duration, Effect, Layer, Option, Redacted, Stream, TestClock } from "effect"
import * as Authentication from "../src/server/Authentication.js"
import * as Refusal from "../src/contract/Refusal.js"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"
import * as Sqlite from "./sqlite.js"

const served = Layer.provideMerge(serve(MemoryControlPlane.layer), MemoryControlPlane.layer)

const test = <A, E>(title: string, body: Effect.Effect<A, E, Layer.Layer.Success<typeof served>>) =>
  it.effect(title, () => Effect.provide(body, served))

/** A key of project `default` that is no admin key. */
const createKey = Effect.gen(function* () {
  const access = yield* Access.Access
  const project = yield* access.getProject("default")
  const { key, token } = yield* access.createKey({ projectId: project.id, name: "viewer" })
  return { projectId: project.id, keyId: key.id, token: Redacted.value(token) }
})

const revoke = ({ keyId, projectId }: Effect.Effect.Success<typeof createKey>) =>
  Effect.flatMap(Access.Access, (access) => access.revokeKey(projectId, keyId))

/** A worker that was registered over HTTP with `token`. */
const register = (token?: string) =>
  Effect.map(
    call("POST", "/agent-workers/projects/default/workers", {
      body: { implementation_kind: "kind", worker_key: "worker" },
      ...(token === undefined ? {} : { token }),
    }),
    ({ json, status }) => {
      strictEqual(status, 201)
      return { id: json.worker.id as Ids.WorkerId, token: json.token as string }
    },
  )

/** Time for sockets, whatever clock the test goes by. */
const breath = Effect.async<void>((resume) => {
  const handle = setTimeout(() => resume(Effect.void), 10)
  return Effect.sync(() => clearTimeout(handle))
})

/** Moves time on, second by second, until `look` says so; gives how many seconds that took. */
const secondsUntil = <E, R>(look: Effect.Effect<boolean, E, R>) =>
  Effect.gen(function* () {
    for (let seconds = 0; seconds <= 30; seconds++) {
      yield* breath
      if (yield* look) return seconds
      yield* TestClock.adjust("1 second")
    }
    return yield* Effect.dieMessage("It did not come within 30 seconds")
  })

/** An open event stream: what has come of it, and whether it has ended. */
const open = (path: string, token: string, init: RequestInit = {}) =>
  Effect.gen(function* () {
    const { url } = yield* Served
    const abort = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort()),
    )
    const response = yield* Effect.promise(() =>
      fetch(url + path, {
        ...init,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        signal: abort.signal,
      }),
    )
    strictEqual(response.status, 200)
    const stream = { text: "", ended: false }
    yield* Stream.fromReadableStream(
      () => response.body!,
      () => "broken",
    ).pipe(
      Stream.decodeText(),
      Stream.runForEach((text) => Effect.sync(() => (stream.text += text))),
      Effect.ignore,
      Effect.zipRight(Effect.sync(() => (stream.ended = true))),
      Effect.forkScoped,
    )
    return stream
  })

const streamOf = (run: Run.ClaimedRun) => `/conversations/${run.conversationId}/runs/${run.runId}/stream`

const held = Effect.flatMap(TestRuns.register(), TestRuns.hold)

describe("a token that is revoked", () => {
  test(
    "ends the streams of a run that were opened with it, and no others",
    Effect.gen(function* () {
      const run = yield* held
      const [lost, kept] = yield* Effect.all([createKey, createKey])
      const ends = yield* open(streamOf(run), lost.token)
      const goesOn = yield* open(streamOf(run), kept.token)
      yield* secondsUntil(Effect.sync(() => /RUN_STARTED/.test(ends.text) && /RUN_STARTED/.test(goesOn.text)))
      yield* TestClock.adjust("20 seconds")
      yield* breath
      strictEqual(ends.ended, false)

      yield* revoke(lost)
      assertTrue((yield* secondsUntil(Effect.sync(() => ends.ended))) <= 3)
      strictEqual((yield* call("GET", streamOf(run), { token: lost.token })).status, 401)

      yield* TestRuns.append(run, [{ type: "CUSTOM", name: "later", value: 1 }])
      yield* secondsUntil(Effect.sync(() => goesOn.text.includes("later")))
      strictEqual(goesOn.ended, false)
      strictEqual(ends.text.includes("later"), false)
    }).pipe(Effect.scoped),
  )

  test(
    "of a label ends the streams of a run that loses the label, and no others",
    Effect.gen(function* () {
      const labels = { customer: "42" }
      const worker = yield* TestRuns.register()
      const [lost, goesOn] = yield* Effect.all([
        TestRuns.hold(worker, { labels }),
        TestRuns.hold(worker, { labels }),
      ])
      const { json } = yield* call("POST", "/projects/default/tokens", {
        body: { scopes: ["read"], label: labels },
      })
      const streamsOf = (run: Run.ClaimedRun) =>
        Effect.forEach([streamOf(run), `/runs/${run.runId}/stream`, `/runs/${run.runId}/live`], (path) =>
          open(path, json.token),
        )
      const ends = yield* streamsOf(lost)
      const others = yield* streamsOf(goesOn)
      yield* secondsUntil(Effect.sync(() => [...ends, ...others].every(({ text }) => text !== "")))
      yield* (yield* Runs.Runs).label(lost.runId, { customer: null })
      const all = Effect.sync(() => ends.every(({ ended }) => ended))
      assertTrue((yield* secondsUntil(all)) <= 3)
      yield* TestClock.adjust("10 seconds")
      yield* breath
      deepStrictEqual(
        others.map(({ ended }) => ended),
        [false, false, false],
      )
    }).pipe(Effect.scoped),
  )

  test(
    "of a browser ends with a rotation, with the streams that its page has open",
    Effect.gen(function* () {
      const run = yield* held
      const made = { scopes: ["read"], run_id: run.runId }
      const issue = Effect.map(
        call("POST", "/projects/default/tokens", { body: made }),
        ({ json }) => json.token as string,
      )
      const lost = yield* issue
      const stream = yield* open(streamOf(run), lost)
      const page = yield* open(`/runs/${run.runId}/live`, lost)
      yield* secondsUntil(Effect.sync(() => /RUN_STARTED/.test(stream.text) && page.text !== ""))
      deepStrictEqual((yield* call("POST", "/projects/default/tokens/rotate")).json, { rotated: true })
      assertTrue((yield* secondsUntil(Effect.sync(() => stream.ended && page.ended))) <= 3)
      strictEqual((yield* call("GET", streamOf(run), { token: lost })).status, 401)
      const later = yield* open(streamOf(run), yield* issue)
      yield* secondsUntil(Effect.sync(() => /RUN_STARTED/.test(later.text)))
    }).pipe(Effect.scoped),
  )

  test(
    "of a browser that expires ends the stream that its page has open",
    Effect.gen(function* () {
      const run = yield* held
      const { json } = yield* call("POST", "/projects/default/tokens", {
        body: { scopes: ["read"], run_id: run.runId, expires_in_seconds: 20 },
      })
      const stream = yield* open(streamOf(run), json.token)
      yield* secondsUntil(Effect.sync(() => /RUN_STARTED/.test(stream.text)))
      // A server remembers a token for some seconds.
      assertTrue((yield* secondsUntil(Effect.sync(() => stream.ended))) <= 28)
    }).pipe(Effect.scoped),
  )

  it.effect("ends streams on every server of the database", () =>
    Effect.gen(function* () {
      const filename = yield* Sqlite.filename
      const server = Effect.map(
        Layer.build(
          Layer.fresh(
            Layer.provideMerge(
              serve(SqlControlPlane.layerSqlite({ filename })),
              SqlControlPlane.layerSqlite({ filename }),
            ),
          ),
        ),
        (context) => context,
      )
      const here = yield* server
      const there = yield* server
      const { key, run } = yield* Effect.gen(function* () {
        return { key: yield* createKey, run: yield* held }
      }).pipe(Effect.provide(here))
      const stream = yield* Effect.provide(open(streamOf(run), key.token), there)
      yield* secondsUntil(Effect.sync(() => stream.text.includes("RUN_STARTED")))
      yield* Effect.provide(revoke(key), here)
      assertTrue((yield* secondsUntil(Effect.sync(() => stream.ended))) <= 3)
    }).pipe(Effect.scoped),
  )

  test(
    "ends the stream of an AG-UI request, and leaves its run alone",
    Effect.gen(function* () {
      const key = yield* createKey
      const runs = yield* Runs.Runs
      const stream = yield* open("/ag-ui/agent", key.token, {
        method: "POST",
        body: JSON.stringify({ threadId: "t", runId: "run-1", messages: [], tools: [], context: [] }),
      })
      const look = Effect.map(runs.list(), ({ items }) => items.map(({ status }) => status))
      yield* secondsUntil(Effect.map(look, (statuses) => statuses.length === 1))
      yield* revoke(key)
      assertTrue((yield* secondsUntil(Effect.sync(() => stream.ended))) <= 3)
      yield* breath
      deepStrictEqual(yield* look, ["pending"])
    }).pipe(Effect.scoped),
  )

  test(
    "ends the signals of its worker, and a claim that waits, which takes no run any more",
    Effect.gen(function* () {
      const worker = yield* register()
      const at = `/agent-workers/workers/${worker.id}`
      const signals = yield* open(`${at}/signals`, worker.token)
      const claim = yield* Effect.fork(
        call("POST", `${at}/claim`, { token: worker.token, body: { wait_seconds: 30 } }),
      )
      yield* breath
      deepStrictEqual((yield* call("DELETE", `${at}/tokens`)).json, { revoked: 1 })
      assertTrue(
        (yield* secondsUntil(Effect.map(claim.poll, (exit) => Option.isSome(exit) && signals.ended))) <= 3,
      )
      const refused = yield* claim.await
      deepStrictEqual(
        Option.getOrThrow(refused._tag === "Success" ? Option.some(refused.value) : Option.none()).json.error,
        "unauthorized",
      )
      strictEqual((yield* call("POST", `${at}/heartbeat`, { token: worker.token })).status, 401)
      const run = yield* TestRuns.submit()
      strictEqual((yield* TestRuns.getRun(run.runId)).status, "pending")
    }).pipe(Effect.scoped),
  )

  test(
    "ends the wait for a page of events",
    Effect.gen(function* () {
      const run = yield* held
      const key = yield* createKey
      const page = yield* Effect.fork(
        call("GET", `/runs/${run.runId}/events?after_event_id=1&wait_seconds=30`, { token: key.token }),
      )
      yield* breath
      yield* revoke(key)
      assertTrue((yield* secondsUntil(Effect.map(page.poll, Option.isSome))) <= 3)
      strictEqual((yield* page).status, 401)
    }),
  )

  test(
    "of a key takes the tokens of its workers with it, and registers no more of them",
    Effect.gen(function* () {
      const key = yield* createKey
      const worker = yield* register(key.token)
      const heartbeat = Effect.map(
        call("POST", `/agent-workers/workers/${worker.id}/heartbeat`, { token: worker.token }),
        ({ status }) => status,
      )
      strictEqual(yield* heartbeat, 200)
      const deleted = yield* call("DELETE", `/projects/default/keys/${key.keyId}`)
      strictEqual(deleted.status, 200)
      strictEqual(yield* heartbeat, 401)
    }),
  )
})

describe("a key that expires", () => {
  test(
    "says when it does, and ends with the streams that it opened",
    Effect.gen(function* () {
      const run = yield* held
      const { json } = yield* call("POST", "/projects/default/keys", {
        body: { name: "short", expires_in_seconds: 60 },
      })
      strictEqual(Date.parse(json.key.expires_at) - Date.parse(json.key.created_at), 60_000)
      const stream = yield* open(streamOf(run), json.token)
      yield* secondsUntil(Effect.sync(() => stream.text.includes("RUN_STARTED")))
      yield* TestClock.adjust("40 seconds")
      yield* breath
      strictEqual(stream.ended, false)
      // The server remembers a token for five seconds, and looks at its streams every two to three.
      assertTrue((yield* secondsUntil(Effect.sync(() => stream.ended))) <= 28)
      const refused = yield* call("GET", "/projects/default/runs", { token: json.token })
      deepStrictEqual([refused.status, refused.json.error], [401, "unauthorized"])
    }).pipe(Effect.scoped),
  )

  test(
    "has a life of a second to ten years",
    Effect.gen(function* () {
      for (const expires_in_seconds of [0, -1, 1.5, 315_360_001, "60"]) {
        const body = { name: "short", expires_in_seconds }
        const refused = yield* call("POST", "/projects/default/keys", { body })
        deepStrictEqual([refused.status, refused.json.field], [400, "expires_in_seconds"])
      }
      const body = { name: "long", expires_in_seconds: null }
      strictEqual((yield* call("POST", "/projects/default/keys", { body })).json.key.expires_at, null)
    }),
  )
})

describe("a server that knew a token when it was revoked elsewhere", () => {
  it.effect("gives out no worker token for it", () =>
    Effect.gen(function* () {
      const filename = yield* Sqlite.filename
      const layer = SqlControlPlane.layerSqlite({ filename })
      const here = yield* Layer.build(Layer.fresh(Layer.provideMerge(serve(layer), layer)))
      const elsewhere = yield* Layer.build(Layer.fresh(layer))
      const key = yield* Effect.provide(createKey, here)
      const known = yield* Effect.provide(call("GET", "/projects/default/runs", { token: key.token }), here)
      strictEqual(known.status, 200)
      yield* Effect.provide(revoke(key), elsewhere)
      const again = yield* Effect.provide(
        call("POST", "/agent-workers/projects/default/workers", {
          body: { implementation_kind: "kind", worker_key: "worker" },
          token: key.token,
        }),
        here,
      )
      deepStrictEqual([again.status, again.json.error], [401, "unauthorized"])
    }).pipe(Effect.scoped),
  )
})

describe("revoking the tokens of a worker", () => {
  test(
    "takes an API key of its project",
    Effect.gen(function* () {
      const access = yield* Access.Access
      const other = yield* access.createProject("other")
      const foreign = yield* access.createKey({ projectId: other.id, name: "foreign", admin: true })
      const worker = yield* register()
      const path = `/agent-workers/workers/${worker.id}/tokens`
      strictEqual((yield* call("DELETE", path, { token: null })).status, 401)
      strictEqual((yield* call("DELETE", path, { token: worker.token })).status, 403)
      const elsewhere = yield* call("DELETE", path, { token: Redacted.value(foreign.token) })
      deepStrictEqual([elsewhere.status, elsewhere.json.error], [404, "worker_not_found"])
      const plain = yield* createKey
      const revoked = yield* call("DELETE", path, { token: plain.token })
      deepStrictEqual([revoked.status, revoked.json], [200, { revoked: 1 }])
      deepStrictEqual((yield* call("DELETE", path)).json, { revoked: 0 })
    }),
  )
})

describe("an authentication of the application's own", () => {
  it.effect("that fails for a while ends no stream, and one that refuses does", () =>
    Effect.gen(function* () {
      const ports = yield* Layer.build(MemoryControlPlane.layer)
      const { identify } = yield* Effect.provide(Authentication.make, ports)
      let answer: "knows" | "fails" | "refuses" = "knows"
      const authentication = Layer.succeed(Authentication.Authentication, {
        identify: (request) =>
          Effect.suspend(() => {
            if (answer === "fails") return Effect.fail(Refusal.make(503, "unavailable", "Try again"))
            return answer === "refuses"
              ? Effect.fail(Refusal.make(403, "forbidden", "Your account is closed"))
              : identify(request)
          }),
      })
      const server = yield* Layer.build(serve(Layer.succeedContext(ports), { authentication }))
      const context = Context.merge(server, ports)
      yield* Effect.gen(function* () {
        const run = yield* held
        const { key } = Context.get(context, Served)
        const stream = yield* open(streamOf(run), key)
        yield* secondsUntil(Effect.sync(() => stream.text.includes("RUN_STARTED")))
        answer = "fails"
        yield* TestClock.adjust(Duration.seconds(20))
        yield* breath
        strictEqual(stream.ended, false)
        answer = "refuses"
        assertTrue((yield* secondsUntil(Effect.sync(() => stream.ended))) <= 3)
      }).pipe(Effect.provide(context))
    }).pipe(Effect.scoped),
  )
})
