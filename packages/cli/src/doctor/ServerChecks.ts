/**
 * The checks of a server and of a project on it.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import {
  ControlEvents,
  type ControlPlaneError,
  HealthCheck,
  type Ids,
  type Run,
  Runs,
  type Summaries,
  WorkerMetadata,
  WorkerState,
} from "@runlease/core"
import type * as Api from "@runlease/http/Api"
import * as Refusal from "@runlease/http/Refusal"
import * as Unreachable from "@runlease/http/Unreachable"
import * as PendingObstacle from "@runlease/store/PendingObstacle"
import { Array, Clock, DateTime, Duration, Effect, Option, Schema } from "effect"
import * as Facts from "../explain/Facts.js"
import { version } from "../help/Overview.js"
import * as ApiClient from "../input/ApiClient.js"
import * as Settings from "../input/Settings.js"
import * as Phrases from "../output/Phrases.js"

/** `now`: the time of the server. `workers`: those of the project, which are read once. */
interface Deployment {
  readonly client: Api.Client
  readonly project: string
  readonly now: Effect.Effect<DateTime.Utc>
  readonly workers: Effect.Effect<ReadonlyArray<Summaries.WorkerSummary>, ApiClient.Failure>
  readonly run: (
    runId: Ids.RunId,
  ) => Effect.Effect<Run.Run, Run.RunNotFound | ControlPlaneError.ControlPlaneError>
}

/** What people call a worker. */
const nameOf = ({ worker }: Summaries.WorkerSummary): string => WorkerState.nameOf(worker)

const serverFailureOf = (url: string, error: unknown): HealthCheck.Finding =>
  error instanceof HttpClientError.RequestError
    ? HealthCheck.fail(
        `${Unreachable.message(error)}.`,
        "Start runlease serve there, or name another server with --url or RUNLEASE_URL.",
      )
    : HealthCheck.fail(
        `What answers at ${url} is not a Runlease server.`,
        "Check --url or RUNLEASE_URL, and what a proxy in front of the server does.",
      )

/** `client` needs no key. */
const server = ({ health }: Api.Client, url: string): HealthCheck.HealthCheck => ({
  name: "server",
  examine: Effect.match(health.healthz(), {
    onSuccess: () => HealthCheck.ok("It answers."),
    onFailure: (error) => serverFailureOf(url, error),
  }),
})

const answerPatience = Duration.seconds(5)

const lookAtIt = "Look at the log of the server and at its database: runlease doctor --database DATABASE."

/** Whether the store of the server answers in time. */
const store = ({ health }: Api.Client): HealthCheck.HealthCheck => ({
  name: "store",
  examine: Effect.timed(health.readyz()).pipe(
    Effect.map(([took]) =>
      HealthCheck.ok(`The store of the server answers, in ${Phrases.span(Duration.toMillis(took))}.`),
    ),
    Effect.timeoutTo({
      duration: answerPatience,
      onSuccess: (finding) => finding,
      onTimeout: () =>
        HealthCheck.fail(
          `The store of the server does not answer within ${Duration.format(answerPatience)}.`,
          lookAtIt,
        ),
    }),
    Effect.catchAll(({ message }) =>
      Effect.succeed(HealthCheck.fail(`The store of the server does not answer: ${message}.`, lookAtIt)),
    ),
  ),
})

const Description = Schema.Struct({ info: Schema.Struct({ version: Schema.String }) })

/** Whether the server is of the version of this program. */
const versions = (http: HttpClient.HttpClient, url: string): HealthCheck.HealthCheck => ({
  name: "version",
  examine: http.get(new URL("/openapi.json", url)).pipe(
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Description)),
    Effect.map(({ info }) =>
      info.version === version
        ? HealthCheck.ok(`The server is of version ${info.version}, as this program.`)
        : HealthCheck.warn(
            `The server is of version ${info.version}, and this program of version ${version}.`,
            "Use one version; while servers are replaced, replace workers and this program after them.",
          ),
    ),
  ),
})

const keyFailureOf = (error: Refusal.Refusal, project: string): HealthCheck.Finding =>
  error.httpStatus === 401
    ? HealthCheck.fail(
        `The server refuses the API key: ${error.message}`,
        "Check RUNLEASE_API_KEY; an admin key lists keys with: runlease keys list.",
      )
    : HealthCheck.fail(
        `The API key may not look at project ${project}: ${error.message}`,
        "Check --project or RUNLEASE_PROJECT, or use a key of that project.",
      )

/** Its replacement where there is no key. */
const keyAbsent: HealthCheck.Report = {
  check: "key",
  ...HealthCheck.warn(
    "The API key is missing, so workers and runs were not checked.",
    "Set RUNLEASE_API_KEY, or api_key in runlease.json.",
  ),
}

/** Whether the server takes the API key, and the key may see the project. */
const key = (client: Api.Client, project: string): HealthCheck.HealthCheck => ({
  name: "key",
  examine: Effect.gen(function* () {
    const { key } = yield* client.session.session()
    yield* client.observe.statistics({ path: { project_reference: project }, urlParams: { last: 1 } })
    return HealthCheck.ok(
      `The server takes the API key ${JSON.stringify(key.name)}, which may look at project ${project}.`,
    )
  }).pipe(
    Effect.catchIf(
      (error) => error instanceof Refusal.Refusal,
      (error) => Effect.succeed(keyFailureOf(error, project)),
    ),
  ),
})

/** How far the server is ahead, and how far off that may be; both in milliseconds. */
interface Skew {
  readonly ahead: number
  readonly off: number
}

/** Measures it; none for an answer without `Date`. */
const measureSkew = (
  http: HttpClient.HttpClient,
  url: string,
): Effect.Effect<Option.Option<Skew>, HttpClientError.HttpClientError> =>
  Effect.gen(function* () {
    const sent = yield* Clock.currentTimeMillis
    const { headers } = yield* http.get(new URL("/healthz", url))
    const received = yield* Clock.currentTimeMillis
    const date = Date.parse(headers["date"] ?? "")
    return Number.isNaN(date)
      ? Option.none()
      : Option.some({ ahead: date + 500 - (sent + received) / 2, off: 500 + (received - sent) / 2 })
  })

/** The skew that is certain, in milliseconds; 0 where the clocks may agree. */
const certainSkew = ({ ahead, off }: Skew): number => Math.sign(ahead) * Math.max(0, Math.abs(ahead) - off)

export const findingOf = (measured: Option.Option<Skew>): HealthCheck.Finding => {
  if (Option.isNone(measured)) return HealthCheck.ok("Unknown: the answers of the server have no Date.")
  const skew = certainSkew(measured.value)
  if (Math.abs(skew) < 2000) {
    return HealthCheck.ok("The clock of the server agrees with that of this machine within 2 s.")
  }
  const text = `The clock of the server is ${Phrases.span(Math.abs(skew))} ${skew < 0 ? "behind" : "ahead of"} that of this machine.`
  const advice =
    "Let both machines follow NTP. Leases do not depend on it, but what workers list and the dashboard show of silent workers does."
  return Math.abs(skew) < 30_000 ? HealthCheck.warn(text, advice) : HealthCheck.fail(text, advice)
}

const clockSkew = (measured: Option.Option<Skew>): HealthCheck.HealthCheck => ({
  name: "clock",
  examine: Effect.succeed(findingOf(measured)),
})

/** How many requests are measured. */
const requests = 5

/** The shortest lease that there may be, in milliseconds. */
const shortestLease = 5000

/** All in milliseconds. */
interface LeaseSample {
  readonly lease: number
  readonly gap: number
  readonly worker: string
}

const sampleOf = ({ claims }: Summaries.RunSummary): ReadonlyArray<LeaseSample> => {
  const claim = claims.at(-1)
  if (claim === undefined || claim.expiresAt === null || claim.ended !== null) return []
  const { expiresAt, longestGap, renewedAt, workerName } = claim
  return [{ lease: expiresAt.epochMillis - renewedAt.epochMillis, gap: longestGap, worker: workerName }]
}

/** `slowest`: the longest that a request took. A worker renews at a third of a lease, and waits as long for the answer. */
export const leaseFindingOf = (slowest: number, leases: ReadonlyArray<LeaseSample>): HealthCheck.Finding => {
  const took = `A request that reaches the store takes up to ${slowest} ms`
  const shortest = Math.min(...leases.map(({ lease }) => lease))
  if (leases.length === 0) {
    return slowest < shortestLease / 3
      ? HealthCheck.ok(`${took}. No run is at work, so how long leases are is unknown.`)
      : HealthCheck.warn(
          `${took}, too long for a lease of 5 s.`,
          "Find out what is slow: the network, the server, its database.",
        )
  }
  if (slowest >= shortest / 3) {
    return HealthCheck.fail(
      `${took}, and a lease lasts ${Phrases.span(shortest)}: it is renewed each third of that, and may be lost.`,
      `Start workers with a longer --lease, of ${Math.min(300, Math.ceil((slowest * 6) / 1000))} s at least, or find out what is slow.`,
    )
  }
  const late = leases.filter(({ gap, lease }) => gap > lease * 0.6)
  const worst = late.toSorted((a, b) => b.gap / b.lease - a.gap / a.lease)[0]
  return worst === undefined
    ? HealthCheck.ok(`${took}; the shortest lease in use lasts ${Phrases.span(shortest)}.`)
    : HealthCheck.warn(
        `${late.length} of ${Phrases.count(leases.length, "lease")} were nearly lost: ${worst.worker} left ${Phrases.span(worst.gap)} between two renewals of a lease of ${Phrases.span(worst.lease)}.`,
        "Look for a blocked event loop or a slow network at that worker, or start it with a longer --lease.",
      )
}

/** Whether the leases in use are long enough for how fast the server answers and how evenly workers renew. */
const leases = ({ client, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "leases",
  examine: Effect.gen(function* () {
    const timed = Effect.map(Effect.timed(client.health.readyz()), ([took]) => Duration.toMillis(took))
    const slowest = Math.round(Math.max(...(yield* Effect.replicateEffect(timed, requests))))
    const { data } = yield* client.observe.runSummaries({
      path: { project_reference: project },
      urlParams: { status: ["running"], limit: 100 },
    })
    return leaseFindingOf(slowest, data.flatMap(sampleOf))
  }),
})

/** How late the store may be, in milliseconds. */
const duePatience = 15_000

/** When time should have changed the run; undefined for never. */
const dueAt = ({ claims, status, waiting }: Summaries.RunSummary): number | undefined => {
  if (status === "running") return claims.at(-1)?.expiresAt?.epochMillis
  const instants = [waiting?.expiresAt?.epochMillis, waiting?.wakesAt?.epochMillis].filter(
    (each) => each !== undefined,
  )
  return status === "waiting" && instants.length > 0 ? Math.min(...instants) : undefined
}

/** Whether the store takes lapsed leases back on time, and ends waits whose time has come. */
const overdue = ({ client, now, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "overdue",
  examine: Effect.gen(function* () {
    const path = { project_reference: project }
    const newest = (status: Run.RunStatus) =>
      Effect.map(
        client.observe.runSummaries({ path, urlParams: { status: [status], limit: 100 } }),
        ({ data }) => data,
      )
    const { waits } = yield* client.observe.attention({ path })
    const runs = [...waits, ...(yield* newest("running")), ...(yield* newest("waiting"))]
    const at = (yield* now).epochMillis
    const late = runs.flatMap((run) => {
      const due = dueAt(run)
      return due !== undefined && due + duePatience < at ? [{ ...run, late: at - due }] : []
    })
    const worst = late.toSorted((a, b) => b.late - a.late)[0]
    return worst === undefined
      ? HealthCheck.ok("No lease and no wait is past its end.")
      : HealthCheck.fail(
          `${Phrases.count(new Set(late.map(({ runId }) => runId)).size, "run is", "runs are")} past the end of a lease or a wait, such as ${worst.runId} (${worst.status}) by ${Phrases.span(worst.late)}.`,
          "A server does this once a second: look at the log of the servers for failures of the database, and restart them.",
        )
  }),
})

/** Whether workers are in contact, and which of them claim no more. */
const workers = ({ now, workers }: Deployment): HealthCheck.HealthCheck => ({
  name: "workers",
  examine: Effect.gen(function* () {
    const at = yield* now
    const all = yield* workers
    const inState = (...states: ReadonlyArray<WorkerState.WorkerState>) =>
      all.filter(({ worker }) => states.includes(WorkerState.of(worker, at)))
    const silent = inState("silent")
    const draining = inState("working", "idle", "draining").filter(({ worker }) => worker.drain)
    const contact = inState("working", "idle", "draining")
    if (silent.length > 0) {
      const since = silent.map(
        (each) =>
          `${nameOf(each)} (for ${Phrases.between(WorkerState.lastContact(each.worker), at)}, ${Phrases.count(each.worker.inFlight ?? 0, "run")})`,
      )
      return HealthCheck.warn(
        `${Phrases.count(silent.length, "worker is", "workers are")} silent: ${Phrases.some(since)}.`,
        "Look at its process and its log, and restart it. Its runs go to other workers when their leases lapse.",
      )
    }
    if (contact.length === 0) {
      return HealthCheck.warn("No worker is in contact.", "Start one: runlease worker --module ./worker.ts")
    }
    return draining.length === 0
      ? HealthCheck.ok(`${Phrases.count(contact.length, "worker is", "workers are")} in contact.`)
      : HealthCheck.warn(
          `${Phrases.some(draining.map(nameOf))} ${draining.length === 1 ? "has" : "have"} a request to claim no more runs.`,
          `Let it claim again: runlease workers drain ${draining[0]!.worker.id} --stop`,
        )
  }),
})

/** The most that the server lists. */
const most = 100

/** Which workers have lost leases in the last hour. */
const lostLeases = ({ client, now, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "lost leases",
  examine: Effect.gen(function* () {
    const { data } = yield* client.observe.lostLeases({ path: { project_reference: project } })
    const since = DateTime.subtract(yield* now, { hours: 1 })
    const lost = data.filter(
      ({ claim: { endedAt } }) => endedAt !== null && DateTime.greaterThan(endedAt, since),
    )
    const [latest] = lost
    if (latest === undefined) return HealthCheck.ok("No lease has lapsed in the last hour.")
    const byWorker = Object.entries(Array.groupBy(lost, ({ claim }) => claim.workerName))
      .map(([name, leases]) => ({ name, count: leases.length }))
      .toSorted((a, b) => b.count - a.count)
    return HealthCheck.warn(
      `${Phrases.count(lost.length, "lease has", "leases have")}${lost.length >= most ? " or more have" : ""} lapsed in the last hour: ${Phrases.some(byWorker.map(({ count, name }) => `${name} (${count})`))}.`,
      `Look at that worker: killed for its memory, a blocked event loop, no way to the server. See: runlease runs explain ${latest.runId}`,
    )
  }),
})

const any = { implementationKind: null, workerKey: null }

/** Whether each agent that has pending runs has a worker that claims them. */
const agents = ({ client, now, project, workers }: Deployment): HealthCheck.HealthCheck => ({
  name: "agents",
  examine: Effect.gen(function* () {
    const at = yield* now
    const { counts } = yield* client.observe.statistics({
      path: { project_reference: project },
      urlParams: { last: 1 },
    })
    const claiming = (yield* workers).filter(({ worker }) =>
      ["working", "idle"].includes(WorkerState.of(worker, at)),
    )
    const pending = counts.filter(({ runs }) => runs.pending > 0)
    const orphans = pending.filter(({ agent_id }) =>
      claiming.every(({ worker }) => !WorkerState.canClaim(worker, { ...any, agentId: agent_id })),
    )
    if (orphans.length === 0) {
      return HealthCheck.ok(
        pending.length === 0
          ? "No run is pending."
          : `${Phrases.count(pending.length, "agent has", "agents have")} pending runs, and workers that claim them.`,
      )
    }
    const texts = orphans.map(
      ({ agent_id, runs }) => `${agent_id} (${Phrases.count(runs.pending, "pending run")})`,
    )
    return HealthCheck.fail(
      `No worker in contact claims runs of ${Phrases.some(texts)}.`,
      `Start one: runlease worker --agent ${orphans[0]!.agent_id} --command PROGRAM`,
    )
  }),
})

/** Whether each version that has pending runs has a worker in contact that claims. */
const workerVersions = ({ client, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "worker versions",
  examine: Effect.gen(function* () {
    const { versions } = yield* client.observe.attention({ path: { project_reference: project } })
    const [first] = versions
    if (first === undefined) return HealthCheck.ok("No run waits for a version without workers.")
    const texts = versions.map(
      ({ pending, version }) =>
        `${version === "" ? "(none)" : version} (${Phrases.count(pending, "pending run")})`,
    )
    return HealthCheck.fail(
      `No worker in contact claims runs of version ${Phrases.some(texts)}.`,
      `Start one with that version, or send its runs to another: runlease rollout set AGENT --current VERSION, and for pinned runs runlease runs move --from ${first.version === "" ? '""' : first.version} --to VERSION`,
    )
  }),
})

/** How long a run may be pending before it is looked at, in milliseconds. */
const patience = 60_000

const hasFree = ({ worker }: { readonly worker: Parameters<typeof WorkerState.canClaim>[0] }): boolean =>
  Option.exists(
    WorkerMetadata.of(worker.metadata),
    ({ in_use, slots }) => slots > Math.max(in_use, worker.inFlight ?? 0),
  )

/** Whether the run that has been pending longest is claimed although workers are free. */
const stuckRuns = ({ client, now, project, run, workers }: Deployment): HealthCheck.HealthCheck => ({
  name: "pending",
  examine: Effect.gen(function* () {
    const at = yield* now
    const { oldestPending } = yield* client.observe.attention({ path: { project_reference: project } })
    const age = oldestPending === null ? 0 : at.epochMillis - oldestPending.updatedAt.epochMillis
    if (oldestPending === null || age < patience) {
      return HealthCheck.ok("No run that may be claimed has been pending for a minute.")
    }
    const pending = yield* run(oldestPending.runId)
    const taking = (yield* workers).filter(
      ({ worker }) =>
        ["working", "idle"].includes(WorkerState.of(worker, at)) && WorkerState.canClaim(worker, pending),
    )
    const free = taking.filter(hasFree)
    const text = `Run ${pending.runId} of agent ${pending.agentId} has been pending for ${Phrases.span(age)}`
    if (taking.length === 0) {
      return HealthCheck.fail(
        `${text}, and no worker in contact claims such runs.`,
        `Start one: ${PendingObstacle.startCommand(pending)}`,
      )
    }
    return free.length === 0
      ? HealthCheck.warn(
          `${text}: all slots of its ${Phrases.count(taking.length, "worker")} are in use.`,
          "Start workers, or raise --concurrency.",
        )
      : HealthCheck.fail(
          `${text}, although ${Phrases.some(free.map(nameOf))} ${free.length === 1 ? "has" : "have"} free slots.`,
          `Look at the log of that worker, and restart it. See: runlease runs explain ${pending.runId}`,
        )
  }),
})

/** Whether runs have used up their attempts in the last day: something in them ends their workers. */
const attempts = ({ client, project }: Deployment): HealthCheck.HealthCheck => ({
  name: "attempts",
  examine: Effect.gen(function* () {
    const path = { project_reference: project }
    const { agents } = yield* client.observe.statistics({ path, urlParams: { step: "hour", last: 24 } })
    const counts = agents.flatMap(({ agent_id, failures }) =>
      failures.flatMap(({ code, count }) =>
        code === ControlEvents.exhaustedCode ? [{ agent_id, count }] : [],
      ),
    )
    if (counts.length === 0) return HealthCheck.ok("No run has used up its attempts in the last day.")
    const { data } = yield* client.observe.lostLeases({ path })
    const example = data.find(({ exhausted }) => exhausted)
    const sum = counts.reduce((total, { count }) => total + count, 0)
    return HealthCheck.fail(
      `${Phrases.count(sum, "run has", "runs have")} used up all attempts in the last day: ${Phrases.some(counts.map(({ agent_id, count }) => `${agent_id} (${count})`))}.`,
      example === undefined
        ? "See them with: runlease runs list --status failed. Mend the program that ends its worker, then: runlease runs retry RUN"
        : `See what ends its worker: runlease runs explain ${example.runId}. Mend it, then: runlease runs retry ${example.runId}`,
    )
  }),
})

/** The checks of a project, each of which needs a key. */
export const ofProject: ReadonlyArray<(deployment: Deployment) => HealthCheck.HealthCheck> = [
  workers,
  agents,
  workerVersions,
  stuckRuns,
  overdue,
  leases,
  lostLeases,
  attempts,
]

const project = (connection: Settings.Connection, ahead: number) =>
  Effect.gen(function* () {
    const client = yield* ApiClient.make(connection)
    const runs = yield* Runs.Runs
    const deployment: Deployment = {
      client,
      project: connection.project,
      now: Effect.map(DateTime.now, (now) => DateTime.addDuration(now, Duration.millis(ahead))),
      workers: yield* Effect.cached(Facts.workersOf(client, connection.project)),
      run: runs.get,
    }
    return yield* HealthCheck.reports(
      key(client, connection.project),
      ofProject.map((check) => check(deployment)),
    )
  }).pipe(Effect.provide(Settings.client(connection)))

/** Checks the server of the connection, and its project where there is a key. */
export const run = Effect.fnUntraced(function* (connection: Settings.Connection) {
  const http = yield* HttpClient.HttpClient
  const anonymous = yield* ApiClient.anonymous(connection)
  const measured = yield* Effect.orElseSucceed(measureSkew(http, connection.url), Option.none)
  const reports = yield* HealthCheck.reports(server(anonymous, connection.url), [
    versions(http, connection.url),
    clockSkew(measured),
    store(anonymous),
  ])
  if (reports.length === 1) return reports
  if (Option.isNone(connection.apiKey)) return [...reports, keyAbsent]
  const ahead = Option.match(measured, { onNone: () => 0, onSome: certainSkew })
  return [...reports, ...(yield* project(connection, ahead))]
})
