import { describe, expect, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  Access,
  BulkOperations,
  Ids,
  Leases,
  Limits,
  RequestSnapshot,
  Schedules,
  Webhooks,
  Rollouts,
  WebhookSources,
} from "@runlease/core"
import { JumpClock } from "@runlease/testkit"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { type Answer, cellOf, type Endpoint, endpoints, send } from "./authorization/Endpoints.js"
import { matrix } from "./authorization/matrix.js"
import {
  makeNobodies,
  makeProject,
  type Project,
  senders,
  type Sender,
  type SenderOf,
} from "./authorization/principals.js"
import * as Requests from "./authorization/requests.js"
import { serve } from "../../../http/test/serving.js"
import * as InputRequest from "../../../http/src/Wire/InputRequest.js"
import { faces } from "./faces.js"
import { sqlite } from "../../../http/test/sqlite.js"
import * as Searches from "../../../testkit/test/Searches.js"

const [head = [], ...rows] = matrix
  .trim()
  .split("\n")
  .map((line) => line.split(/ +/))

const guide = new URL("../../../../docs/security.md", import.meta.url)

/**
 * A commit tries a sixth of the senders without a token that is valid, and of those of another project, at each endpoint, and each sender
 * at a sixth of the endpoints. Those of the project are all tried at all endpoints.
 */
const searchesAt = (index: number): Searches.Searches => ({
  ...Searches.current,
  seed: Searches.current.seed + index,
})

/** Gives names to what the requests of a test make. */
const makeCounter = (prefix: string) => {
  let count = 0
  return () => `${prefix}${++count}`
}

/** A run of the project, in the state that an endpoint asks for, and the names around it. */
const makeNames = (own: Project, endpoint: Endpoint, name: string) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const { key } = yield* access.createKey({ projectId: own.project.id, name })
    const agentId = Ids.AgentId.make(`agent-${name}`)
    // A request before may have paused the project.
    const limits = yield* Limits.Limits
    if (endpoint.name === "limits.pauseProject") {
      yield* limits.resume(Limits.ofProject)
    }
    const isResponse = endpoint.name.startsWith("responses.")
    yield* TestRuns.submit({
      publicId: `${isResponse ? "resp_" : "run-"}${name}`,
      agentId,
      labels: { customer: "42" },
      ...(isResponse
        ? {
            snapshot: {
              ...RequestSnapshot.empty,
              forwardedProps: { responses: { model: agentId, background: true } },
            },
          }
        : {}),
    })
    const run = yield* TestRuns.claimOne(own.holder, { agentIds: [agentId] })
    const state = Requests.stateOf(endpoint.name)
    if (state === "ended") yield* TestRuns.complete(run)
    if (state === "waiting") {
      const leases = yield* Leases.Leases
      yield* leases.suspend(TestRuns.leaseOf(run), TestRuns.forToolCall())
    }
    if (state === "asking") {
      const leases = yield* Leases.Leases
      yield* leases.suspend(TestRuns.leaseOf(run), {
        interrupts: [{ id: "where", reason: "input_required" }],
      })
    }
    const schedules = yield* Schedules.Schedules
    const schedule = yield* schedules.create({
      name,
      target: { kind: "agent", id: agentId },
      schedule: "0 9 * * *",
    })
    const bulks = yield* BulkOperations.BulkOperations
    const bulk = yield* bulks.create({ action: "cancel", runIds: ["nothing"] })
    // A project has so many endpoints at most.
    const hook = endpoint.name.startsWith("webhooks.")
      ? yield* Effect.flatMap(Webhooks.Webhooks, ({ create, test: sendTest }) =>
          Effect.flatMap(create({ url: "https://example.com", events: ["run.failed"] }), (made) =>
            Effect.map(sendTest(made.endpoint.id), ({ id }) => ({
              endpoint: made.endpoint.id,
              delivery: id,
            })),
          ),
        )
      : { endpoint: "no-endpoint", delivery: "no-delivery" }
    // The other endpoints have an agent without one.
    const rolled = endpoint.name.startsWith("rollouts.") ? `rolled-${name}` : undefined
    if (rolled !== undefined) yield* (yield* Rollouts.Rollouts).set(rolled, { current: "1" })
    // A project has so many sources at most.
    const source = `source-${name}`
    if (endpoint.name.startsWith("webhookSources.")) {
      const sources = yield* WebhookSources.WebhookSources
      yield* sources.define(source, { scheme: "github", agentId })
    }
    return {
      project: own.project.slug,
      projectId: own.project.id,
      run: run.runId,
      conversation: run.conversationId,
      worker: own.holder,
      key: key.id,
      agent: rolled ?? agentId,
      thread: `thread-${name}`,
      schedule: schedule.id,
      bulk: bulk.id,
      input: InputRequest.idOf(run.runId, "where"),
      ...hook,
      source,
      fresh: `new-${name}`,
    } satisfies Requests.Names
  }).pipe(Effect.provide(own.ports))

/** Gives the same names for an endpoint until a request has used them up: what is refused changes nothing. */
const makeNewNames = (own: Project) => {
  const name = makeCounter("n")
  let left:
    | { readonly endpoint: Endpoint; readonly names: Effect.Effect.Success<ReturnType<typeof makeNames>> }
    | undefined
  const used = () => {
    left = undefined
  }
  return Effect.fnUntraced(function* (endpoint: Endpoint) {
    if (left?.endpoint !== endpoint) left = { endpoint, names: yield* makeNames(own, endpoint, name()) }
    return { names: left.names, used }
  })
}

const request = (endpoint: Endpoint, names: Requests.Names, sender: Sender) =>
  send(endpoint, names, Requests.make(endpoint.name)(names, sender.credential), sender)

const isRefusal = (cell: string) => !/^\+?20\d$/.test(cell)

/** The same kinds of names, of which nothing has one. */
const makeNothing = Effect.gen(function* () {
  const [projectId, conversation, worker, key, schedule, bulk, endpoint] = yield* Effect.replicateEffect(
    Ids.uuidV7,
    7,
  )
  return (names: Requests.Names): Requests.Names => ({
    ...names,
    project: names.project === names.projectId ? projectId! : "nothing",
    projectId: projectId!,
    run: "nothing-run",
    thread: `nothing-${names.thread}`,
    conversation: conversation!,
    worker: worker!,
    key: key!,
    schedule: schedule!,
    bulk: bulk!,
    endpoint: endpoint!,
    delivery: `msg_${endpoint}`,
    source: `nothing-${names.source}`,
  })
})

/** An answer with the kinds of the names in place of the names. */
const withoutNames = ({ text, ...answer }: Answer, names: Requests.Names): Answer => ({
  ...answer,
  text: Object.entries(names)
    .toSorted(([, a], [, b]) => b.length - a.length)
    .reduce((all, [kind, name]) => all.replaceAll(name, `<${kind}>`), text),
})

/** Nothing of a project is named where an agent is run. An admin key prunes every project, and sees the keys of all. */
const isCompared = ({ name }: Endpoint): boolean =>
  !/^(keys\.|runs\.prune$|agUi\.runAgent$|a2aCard\.|a2a\.(send|extendedCard)$|responses\.createResponse$|chat\.sendMessages$)/.test(
    name,
  )

/** A path may name a project by its slug or by its id. */
const referencesIn = ({ path }: Endpoint, { id, slug }: Access.Project): ReadonlyArray<string> =>
  path.includes(":project_reference") ? [slug, id] : [slug]

describe("the authorization matrix", () => {
  it("has one line for every endpoint, and none for another", () => {
    expect(rows.map(([name]) => name)).toEqual(endpoints.map(({ name }) => name))
  })

  it("gives the token of a page the requests that the guide to security lists", () => {
    const shapeOf = (path: string) => path.replaceAll(/:[a-z_]+|\{[a-z]+\}/g, "*")
    const [, ofTokens = ""] = readFileSync(guide, "utf8").split("## Tokens for pages")
    const [table = ""] = ofTokens.split("everything else")
    // `…` in a line is the first path of the line.
    const listed = table.split("\n").flatMap((line) => {
      const [first = "", ...others] = Array.from(
        line.matchAll(/`([A-Z]+ \/[^`]+|…[^`]+)`/g),
        ([, route = ""]) => route,
      )
      return [first, ...others.map((route) => route.replace("…", first))].filter((route) => route !== "")
    })
    const [nobody, ...pages] = ["nobody", "page", "p-run", "p-label"].map((name) => head.indexOf(name))
    const open = endpoints.flatMap(({ method, name, path }) => {
      const row = rows.find(([endpoint]) => endpoint === name) ?? []
      const isOpen =
        row[nobody ?? 0] === "401" && pages.some((column) => !/^[+]?40[13]$/.test(row[column] ?? ""))
      return isOpen ? [shapeOf(`${method} ${path}`)] : []
    })
    expect(open.toSorted()).toEqual(Array.from(new Set(listed.map(shapeOf))).toSorted())
  })

  const served = Layer.provideMerge(serve(sqlite, { faces }), sqlite)
  const test = <A, E>(
    title: string,
    body: (clock: JumpClock.JumpClock) => Effect.Effect<A, E, Layer.Layer.Success<typeof served>>,
  ) =>
    it.live(title, () =>
      Effect.flatMap(JumpClock.make, (clock) =>
        body(clock).pipe(Effect.provide(served), Effect.withClock(clock)),
      ),
    )

  test("is what a server does, and what it refuses changes no run", (clock) =>
    Effect.gen(function* () {
      const own = yield* makeProject("default")
      const foreign = yield* makeProject("foreign")
      const nobodies = yield* makeNobodies(own, clock)
      const known = senders(own, foreign)
      deepStrictEqual(head, ["endpoint", "nobody", ...Object.keys(known)])
      const newNames = makeNewNames(own)
      let last: Effect.Effect.Success<ReturnType<typeof TestRuns.getRun>> | undefined

      const cell = (endpoint: Endpoint, sender: SenderOf) =>
        Effect.gen(function* () {
          const { names, used } = yield* newNames(endpoint)
          const look = Effect.provide(TestRuns.getRun(names.run), own.ports)
          // What a refused request left is what the next one finds.
          if (last?.runId !== names.run) last = yield* look
          const found = cellOf(endpoint, yield* request(endpoint, names, yield* sender(names, endpoint)))
          if (isRefusal(found)) deepStrictEqual(yield* look, last)
          else used()
          return found
        })

      const columns = Object.entries(known)
      const ofProject = columns.filter(([name]) => !name.startsWith("f-"))
      const foreigners = columns.filter(([name]) => name.startsWith("f-"))

      const found = yield* Effect.forEach(endpoints, (endpoint, index) =>
        Effect.gen(function* () {
          // Gives back what tokens that are not valid have cost their address.
          yield* clock.jump(1300)
          const searches = searchesAt(index)
          const ofNobody = yield* Effect.forEach(
            Searches.chosen(Object.values(nobodies), searches),
            (sender) => cell(endpoint, () => Effect.succeed(sender)),
          )
          const others = yield* Effect.forEach(
            [...ofProject, ...Searches.chosen(foreigners, searches)],
            ([name, sender]) => Effect.map(cell(endpoint, sender), (found) => [name, found] as const),
          )
          return { name: endpoint.name, nobody: Array.from(new Set(ofNobody)).join("/"), others }
        }),
      )
      deepStrictEqual(
        found,
        found.map(({ name, others }) => {
          const row = rows.find(([endpoint]) => endpoint === name) ?? []
          const expected = (column: string) => row[head.indexOf(column)] ?? "no cell"
          return {
            name,
            nobody: expected("nobody"),
            others: others.map(([column]) => [column, expected(column)] as const),
          }
        }),
      )
    }))

  test("is the same for things of another project as for things that do not exist", () =>
    Effect.gen(function* () {
      const own = yield* makeProject("default")
      const foreign = yield* makeProject("foreign")
      const nothing = yield* makeNothing
      const newNames = makeNewNames(own)
      const freshName = makeCounter("new-")
      for (const [index, endpoint] of endpoints.filter(isCompared).entries()) {
        const searches = searchesAt(index)
        for (const project of referencesIn(endpoint, own.project)) {
          const sendersOf = (names: Requests.Names) => [
            foreign.key,
            foreign.admin,
            foreign.session("same-origin"),
            foreign.worker(foreign.other),
            foreign.program(foreign.other)(names),
            foreign.page({ _tag: "Run", runId: Ids.RunId.make(names.run) }),
            foreign.page({
              _tag: "Conversation",
              conversationId: Ids.ConversationId.make(names.conversation),
            }),
            foreign.page({ _tag: "Label", name: "customer", value: "42" }),
          ]
          const all = Array.from(sendersOf((yield* newNames(endpoint)).names).keys())
          for (const which of Searches.chosen(all, searches)) {
            const { names, used } = yield* newNames(endpoint)
            const named = { ...names, project }
            const unnamed = nothing(named)
            // What a request makes has another name in each.
            const sender = (names: Requests.Names) => sendersOf(names)[which]!
            const first = yield* request(endpoint, { ...named, fresh: freshName() }, yield* sender(named))
            if (!isRefusal(cellOf(endpoint, first))) used()
            const second = yield* request(
              endpoint,
              { ...unnamed, fresh: freshName() },
              yield* sender(unnamed),
            )
            deepStrictEqual(
              [endpoint.name, withoutNames(first, named)],
              [endpoint.name, withoutNames(second, unnamed)],
            )
          }
        }
      }
    }))
})
