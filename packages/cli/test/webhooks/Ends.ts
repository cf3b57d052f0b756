/**
 * Runs that end on servers of which one after the other is killed, and a count of the messages about their ends that came to an endpoint.
 */
import { FetchHttpClient } from "@effect/platform"
import { Claims, Ids, Leases, RequestSnapshot, Run, Runs, Webhooks, WorkerRegistry } from "@runlease/core"
import { Client } from "@runlease/http"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { freePort } from "@runlease/test-postgres/FreePort"
import { Effect, Either, Layer, Redacted } from "effect"
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Bundle from "../../checkout/bundle.mjs"
import * as Prng from "../../../testkit/src/simulation/Prng.js"
import * as Supervised from "../chaos/Supervised.js"
import * as Receiver from "./Receiver.js"

/**
 * `at`: the URL of a PostgreSQL database; a file of SQLite when absent. `servers`: how many share it. `killEvery`: after how many ends the
 * next server is killed. `pause`: in milliseconds, between two ends of one worker.
 */
export interface Options {
  readonly at?: string
  readonly servers: number
  readonly workers: number
  readonly ends: number
  readonly killEvery: number
  readonly pause: number
  readonly seed: number
}

/**
 * `ended`: runs that the store says have ended. `without`: those that no message was about. `beyond`: messages beyond the one of each end, or
 * about an end that the store does not have. `changed`: messages whose body was another in a later attempt. `refused`: ends that a store must
 * refuse, and did. `dead`: messages that were given up.
 */
export interface Report {
  readonly ended: number
  readonly without: number
  readonly beyond: number
  readonly changed: number
  readonly unsigned: number
  readonly refused: number
  readonly dead: number
  readonly kills: number
  readonly requests: number
  readonly twice: number
  readonly late: ReadonlyArray<number>
  readonly lateAccepted: ReadonlyArray<number>
  readonly unexpected: ReadonlyArray<string>
}

const program = new URL("process/server.ts", import.meta.url)

const apiKey = `rlk_${"e4d5f".repeat(12)}e4d5`

/** How long a killed server is gone, in milliseconds. */
const gone = 300

const makeFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), "runlease-webhooks-"))
    chmodSync(folder, 0o755)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
)

/** Starts the servers, and waits until they are ready. */
const deploy = ({ at, servers }: Options, unexpected: (sentence: string) => void) =>
  Effect.gen(function* () {
    const folder = yield* makeFolder
    const bundled = yield* Effect.promise(() => Bundle.fixture(program))
    return yield* Effect.forEach(Array.from({ length: servers }), (_, nth) =>
      Effect.gen(function* () {
        const port = yield* freePort
        const process = yield* Supervised.make({
          name: `server-${nth + 1}`,
          folder,
          args: [bundled, at ?? join(folder, "runs.sqlite"), String(port), apiKey],
          env: () => ({ RUNLEASE_SECRET_KEY: Buffer.alloc(32, 7).toString("base64") }),
          recorder: { happened: () => {} },
          unexpected,
        })
        const url = `http://127.0.0.1:${port}`
        yield* Supervised.untilReady(url)
        const ports = yield* Layer.build(
          Layer.provide(
            Client.layerWith({ baseUrl: url, token: Redacted.make(apiKey) }),
            FetchHttpClient.layer,
          ),
        )
        return { process, url, ports }
      }),
    )
  })

const agentId = Ids.AgentId.make("ending")

const submit = (count: number) =>
  Effect.flatMap(Runs.Runs, ({ submitMany }) =>
    submitMany(
      Array.from({ length: count }, () => ({
        agentId,
        snapshot: RequestSnapshot.fromText("end"),
        maxAttempts: 100,
      })),
    ),
  )

/** Claims runs and ends each, until none is left. An end whose server is gone is tried by whoever claims the run next. */
const work = (url: string, { pause }: Options, ended: () => void, refused: () => void) =>
  Effect.gen(function* () {
    const claims = yield* Claims.Claims
    const leases = yield* Leases.Leases
    const runs = yield* Runs.Runs
    const registry = yield* WorkerRegistry.WorkerRegistry
    const retried = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.retry(
        Effect.tapError(effect, () => Supervised.untilReady(url)),
        { times: 1000 },
      )
    const { id: workerId } = yield* retried(
      registry.register({ implementationKind: "test", workerKey: `worker-${Math.random()}` }),
    )
    const turn = Effect.gen(function* () {
      const claimed = yield* retried(
        claims.claim({ workerId, limit: 10, leaseDuration: "5 seconds", wait: "1 second" }),
      )
      for (const run of claimed) {
        if (pause > 0) yield* Effect.sleep(pause)
        const lease = TestRuns.leaseOf(run)
        // Whoever held it before, or nobody, ends nothing.
        const former = { ...lease, epoch: Run.LeaseEpoch.make((lease.epoch ?? 1) - 1) }
        const first = yield* Effect.either(leases.complete(former, { status: "failed" }))
        if (Either.isLeft(first) && first.left._tag === "LeaseLost") refused()
        const end = yield* Effect.either(leases.complete(lease, { status: "completed" }))
        if (Either.isRight(end)) ended()
      }
      if (claimed.length > 0) return false
      const open = yield* retried(runs.list({ status: ["pending", "running"], limit: 1 }))
      return open.items.length === 0
    })
    yield* Effect.repeat(turn, { until: (over) => over })
  })

/** All items of a list. */
const pages = <A, E>(
  list: (
    cursor: string | undefined,
  ) => Effect.Effect<{ readonly items: ReadonlyArray<A>; readonly next: string | null }, E>,
) =>
  Effect.gen(function* () {
    const all: Array<A> = []
    for (let next: string | null | undefined; next !== null;) {
      const page = yield* list(next)
      all.push(...page.items)
      next = page.next
    }
    return all
  })

const ascending = (numbers: ReadonlyArray<number>) => numbers.toSorted((a, b) => a - b)

export const play = (options: Options) =>
  Effect.gen(function* () {
    const prng = Prng.make(Prng.hash("webhooks", options.seed))
    const receiver = yield* Receiver.make(() => prng.between(0, 999_999) / 1_000_000)
    const unexpected: Array<string> = []
    const servers = yield* deploy(options, (sentence) => void unexpected.push(sentence))
    const [{ ports, url }] = [servers[0]!]

    const { endpoint, secret } = yield* Effect.provide(
      Effect.flatMap(Webhooks.Webhooks, ({ create }) =>
        create({ url: receiver.url, events: ["run.completed", "run.failed", "run.cancelled"] }),
      ),
      ports,
    )
    receiver.secret = Redacted.value(secret)
    // The other server finds the endpoint by its next look.
    yield* Effect.sleep("1500 millis")
    for (let left = options.ends; left > 0; left -= 500) {
      yield* Effect.provide(submit(Math.min(left, 500)), ports)
    }

    let ends = 0
    let kills = 0
    let refused = 0
    const ended = () => {
      ends += 1
      if (ends % options.killEvery !== 0) return
      if (servers[kills % servers.length]!.process.end("SIGKILL", gone)) kills += 1
    }
    yield* Effect.forEach(
      Array.from({ length: options.workers }, (_, nth) => servers[nth % servers.length]!),
      (server) =>
        Effect.provide(
          work(server.url, options, ended, () => void (refused += 1)),
          server.ports,
        ),
      { concurrency: "unbounded", discard: true },
    )
    yield* Supervised.untilReady(url)

    return yield* Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const webhooks = yield* Webhooks.Webhooks
      yield* Effect.repeat(
        Effect.delay(
          webhooks.deliveries({ endpointId: endpoint.id, status: "pending", limit: 1 }),
          "50 millis",
        ),
        { until: ({ items }) => items.length === 0 },
      )
      const dead = yield* webhooks.deliveries({ endpointId: endpoint.id, status: "dead", limit: 100 })
      const stored = yield* pages((cursor) => runs.list({ status: ["completed"], limit: 100, cursor }))
      const eventOf = new Map(stored.map(({ latestEventId, runId }) => [runId as string, latestEventId]))
      const messages = [...receiver.messages.values()]
      const about = new Set<string>()
      let beyond = 0
      for (const { accepted, bodies } of messages) {
        if (accepted === 0) continue
        const { data, type } = JSON.parse([...bodies][0]!) as {
          readonly type: string
          readonly data: { readonly run_id: string; readonly event_id: number; readonly status: string }
        }
        const isOfEnd = type === "run.completed" && eventOf.get(data.run_id) === data.event_id
        if (!isOfEnd || about.has(data.run_id)) beyond += 1
        about.add(data.run_id)
      }
      return {
        ended: stored.length,
        without: stored.filter(({ runId }) => !about.has(runId)).length,
        beyond,
        changed: messages.filter(({ bodies }) => bodies.size > 1).length,
        unsigned: receiver.unsigned(),
        refused,
        dead: dead.items.length,
        kills,
        requests: messages.reduce((sum, { requests }) => sum + requests, 0),
        twice: messages.filter(({ accepted }) => accepted > 1).length,
        late: ascending(messages.map(({ late }) => late)),
        lateAccepted: ascending(messages.flatMap(({ lateAccepted }) => lateAccepted ?? [])),
        unexpected,
      } satisfies Report
    }).pipe(Effect.provide(ports))
  })

const percentile = (numbers: ReadonlyArray<number>, part: number): string =>
  `${numbers[Math.min(numbers.length - 1, Math.floor(numbers.length * part))] ?? 0} ms`

/** A report as text. */
export const show = ({ ended, kills, late, lateAccepted, requests, twice }: Report): string =>
  [
    `${ended} ends, ${requests} requests, ${twice} messages accepted more than once, ${kills} kills`,
    `from the end to the first attempt p50 ${percentile(late, 0.5)}, p99 ${percentile(late, 0.99)}`,
    `to the attempt that was accepted p50 ${percentile(lateAccepted, 0.5)}, p99 ${percentile(lateAccepted, 0.99)}`,
  ].join("; ")
