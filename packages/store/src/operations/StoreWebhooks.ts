/**
 * The port of webhooks over a store, and the queue of their messages.
 *
 * Source: docs/decisions/0142-webhooks-out.md
 */
import * as Ids from "@runlease/core/Ids"
import { keysOf } from "@runlease/core/Page"
import type { Secrets } from "@runlease/core/Secrets"
import { maxEndpoints } from "@runlease/core/Webhook"
import {
  type ClaimDeliveries,
  type ClaimedDelivery,
  type DeliveryOutcome,
  DeliveryNotFound,
  type DeliveryQueue,
  EndpointNotFound,
  InvalidEndpoint,
  secretPlace,
  type Webhooks,
} from "@runlease/core/Webhooks"
import { DateTime, Effect, Either, Encoding, Order, Redacted } from "effect"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as StoreMetrics from "../commit/StoreMetrics.js"
import type { Wakeups } from "../commit/Wakeups.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import {
  findRecord,
  type RecordRef,
  type StoredRecord,
  webhookDeliveries as deliveries,
  webhookEndpoints as endpoints,
} from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as RecordOperations from "./RecordOperations.js"
import * as SealedSecrets from "../rules/SealedSecrets.js"
import * as WebhookRules from "../rules/WebhookRules.js"

type Endpoint = WebhookRules.EndpointRecord
type Delivery = WebhookRules.DeliveryRecord

interface Creation extends RecordRef {
  readonly definition: WebhookRules.EndpointDefinition
  readonly sealed: string
  readonly createdBy: string | null
}

const create = <X>() =>
  RecordOperations.inTurn<Creation, Endpoint, InvalidEndpoint, X>(
    "Webhooks.create",
    ({ createdBy, definition, id, projectId, sealed }, { now, rows }) =>
      Effect.gen(function* () {
        const records = rows.records(endpoints)
        if ((yield* records.ofProjects([projectId])).length >= maxEndpoints) {
          const message = `a project has ${maxEndpoints} endpoints at most; remove one first`
          return Either.left(new InvalidEndpoint({ field: "url", message }))
        }
        const record: Endpoint = {
          ...definition,
          id,
          projectId,
          status: "enabled",
          disabledReason: null,
          failingSince: null,
          createdBy,
          createdAt: now,
          updatedAt: now,
          secrets: [{ sealed, expiresAt: null }],
        }
        yield* records.write({ inserted: [record] })
        return Either.right(record)
      }),
  )

const change = <X>() =>
  RecordOperations.change<Endpoint, InvalidEndpoint, EndpointNotFound, X>(
    "Webhooks.change",
    endpoints,
    (endpointId) => new EndpointNotFound({ endpointId }),
  )

interface Test extends RecordRef {
  readonly event: string
}

const test = <X>() =>
  RecordOperations.inTurn<Test, Delivery, EndpointNotFound, X>(
    "Webhooks.test",
    ({ event, ...ref }, { now, rows }) =>
      Effect.gen(function* () {
        const found = yield* rows.records(endpoints).find(ref)
        if (found === undefined) return Either.left(new EndpointNotFound({ endpointId: ref.id }))
        const data = { endpoint_id: ref.id, project_id: ref.projectId }
        const record = WebhookRules.message(found.record, { type: "test", key: event, data }, now)
        yield* rows.records(deliveries).write({ inserted: [record] })
        return Either.right(record)
      }),
  )

interface Retry {
  readonly projectId: Ids.ProjectId
  readonly ids: ReadonlyArray<string>
  /** Whether only those that are dead are sent again. */
  readonly dead: boolean
}

const retry = <X>() =>
  RecordOperations.inTurn<Retry, ReadonlyArray<Delivery>, never, X>(
    "Webhooks.retry",
    ({ dead, ids, projectId }, { now, rows }) =>
      Effect.gen(function* () {
        const records = rows.records(deliveries)
        const updated: Array<StoredRecord<Delivery>> = []
        for (const id of ids) {
          const found = yield* records.find({ projectId, id })
          if (found === undefined || (dead && found.record.status !== "dead")) continue
          updated.push({ key: found.key, record: WebhookRules.retry(found.record, now) })
        }
        yield* records.write({ updated })
        return Either.right(updated.map(({ record }) => record))
      }),
  )

/** Bytes of JSON that one claim reads. */
const mostBytes = 4 * 1024 * 1024

/** `abandoned`: messages that have no endpoint to go to. */
interface Claimed {
  readonly claimed: ReadonlyArray<{ readonly delivery: Delivery; readonly endpoint: Endpoint }>
  readonly abandoned: ReadonlyArray<StoreMetrics.Attempted>
  readonly more: boolean
}

/** What became of a message, for the metrics. */
const attempted = ({ createdAt, status, updatedAt }: Delivery): StoreMetrics.Attempted => ({
  status,
  millis: updatedAt - createdAt,
})

/** Why a message to an endpoint is not sent; undefined where it is. */
const obstacleOf = (endpoint: Endpoint | undefined): string | undefined => {
  if (endpoint === undefined) return "the endpoint was removed"
  return endpoint.status === "disabled" ? "the endpoint is disabled" : undefined
}

const claimOne = <X>(
  { busy, claimMillis, most, mostEach }: ClaimDeliveries,
  { now, rows }: Parameters<RunOperation<ClaimDeliveries, Claimed, never, never, X>["decide"]>[1],
): Effect.Effect<Claimed, X> =>
  Effect.gen(function* () {
    const records = rows.records(deliveries)
    const full = Array.from(busy).flatMap(([id, count]) => (count >= mostEach ? [id] : []))
    const found = yield* records.due(
      now,
      { count: most, bytes: mostBytes },
      { column: "endpoint_id", values: full },
    )
    if (found.length === 0) return { claimed: [], abandoned: [], more: false }
    const projects = Array.from(new Set(found.map(({ record }) => record.projectId)))
    const stored = yield* rows.records(endpoints).ofProjects(projects)
    const byId = new Map(stored.map(({ record }) => [record.id, record]))
    const counts = new Map(busy)
    const claimed: Array<Claimed["claimed"][number]> = []
    const abandoned: Array<StoreMetrics.Attempted> = []
    const updated: Array<StoredRecord<Delivery>> = []
    for (const { key, record } of found) {
      const endpoint = byId.get(record.endpointId)
      const obstacle = obstacleOf(endpoint)
      if (endpoint === undefined || obstacle !== undefined) {
        const dead = WebhookRules.abandon(record, obstacle ?? "", now)
        updated.push({ key, record: dead })
        abandoned.push(attempted(dead))
        continue
      }
      const count = counts.get(endpoint.id) ?? 0
      if (count >= mostEach) continue
      counts.set(endpoint.id, count + 1)
      const delivery = WebhookRules.claim(record, now + claimMillis, now)
      updated.push({ key, record: delivery })
      claimed.push({ delivery, endpoint })
    }
    yield* records.write({ updated })
    return { claimed, abandoned, more: true }
  })

interface Settlement extends RecordRef {
  readonly endpointId: string
  readonly attempt: number
  readonly outcome: DeliveryOutcome
}

/** All servers write messages before endpoints, and endpoints in the order of their ids. */
const byEndpoint = Order.mapInput(
  Order.string,
  ({ endpointId }: { readonly endpointId: string }) => endpointId,
)

const settle = <X>(): RunOperation<Settlement, StoreMetrics.Attempted | undefined, void, never, X> => ({
  name: "Webhooks.settle",
  decide: (requests, { now, rows }) =>
    Effect.gen(function* () {
      const settled: Array<Settlement> = []
      const results: Array<StoreMetrics.Attempted | undefined> = []
      const updated: Array<StoredRecord<Delivery>> = []
      for (const request of requests) {
        const found = yield* rows.records(deliveries).find(request)
        if (found?.record.status !== "pending" || found.record.attempt !== request.attempt) {
          results.push(undefined)
          continue
        }
        const record = WebhookRules.settle(found.record, request.outcome, now)
        updated.push({ key: found.key, record })
        settled.push(request)
        results.push(attempted(record))
      }
      if (updated.length > 0) {
        yield* rows.records(deliveries).write({ updated })
        const projects = Array.from(new Set(settled.map(({ projectId }) => projectId)))
        const records = rows.records(endpoints)
        const byId = new Map((yield* records.ofProjects(projects)).map(({ record }) => [record.id, record]))
        for (const { endpointId: id, outcome, projectId } of settled.sort(byEndpoint)) {
          const before = byId.get(id)
          if (before === undefined || WebhookRules.afterAttempt(before, outcome, now) === before) continue
          const found = yield* records.find({ projectId, id })
          if (found === undefined) continue
          const record = WebhookRules.afterAttempt(found.record, outcome, now)
          if (record !== found.record) yield* records.write({ updated: [{ key: found.key, record }] })
          byId.set(id, record)
        }
      }
      return results.map((result) => Either.right(result))
    }),
  answer: (result) => {
    if (result !== undefined) StoreMetrics.countAttempt(result)
  },
})

/** The messages of all projects. */
export const queue = <X>(store: RunStore<X>, commits: RunCommits<X>, wakeups: Wakeups): DeliveryQueue => {
  const { read } = StoreReads.reading(store)
  const claim = commits.operation({
    ...RecordOperations.inTurn<ClaimDeliveries, Claimed, never, X>("Webhooks.claim", (request, batch) =>
      Effect.map(claimOne(request, batch), (claimed) => Either.right(claimed)),
    ),
    answer: (claimed) => {
      for (const each of claimed.abandoned) StoreMetrics.countAttempt(each)
      return claimed
    },
  })
  const end = commits.operation(settle<X>())
  return {
    due: wakeups.untilMessages,

    countDue: (most) =>
      read("Webhooks.countDue", ({ now, records }) =>
        Effect.flatMap(now, (instant) => records(deliveries).countDue(instant, most)),
      ),

    claim: (request) =>
      Effect.map(claim(request), ({ claimed, more }) => ({
        more,
        claimed: claimed.map(({ delivery, endpoint }): ClaimedDelivery => ({
          delivery: WebhookRules.toDelivery(delivery),
          url: endpoint.url,
          secrets: SealedSecrets.valid(endpoint, delivery.updatedAt).map(({ sealed }) => sealed),
        })),
      })),

    settle: ({ attempt, endpointId, id, projectId }, outcome) =>
      end({ id, projectId, endpointId, attempt, outcome }),
  }
}

/** 256 bits, in the form of Standard Webhooks. */
export const newSecret = Effect.sync(() =>
  Redacted.make(`whsec_${Encoding.encodeBase64(globalThis.crypto.getRandomValues(new Uint8Array(32)))}`),
)

/** The most messages that one commit sends again. */
const mostRetried = 100

/** The port of webhooks of any project. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  wakeups: Wakeups,
  secrets: Secrets["Type"],
): ((projectId: Ids.ProjectId) => Webhooks["Type"]) => {
  const createOne = commits.operation(create<X>())
  const changeOne = commits.operation(change<X>())
  const testOne = commits.operation(test<X>())
  const retrySome = commits.operation(retry<X>())
  const { read } = StoreReads.reading(store)
  const impossible = { InvalidEndpoint: Effect.die }

  return (projectId) => {
    const find = (operation: string, endpointId: string) =>
      Effect.flatMap(
        read(operation, ({ records }) => findRecord(records(endpoints), { projectId, id: endpointId })),
        (found) =>
          found === undefined ? new EndpointNotFound({ endpointId }) : Effect.succeed(found.record),
      )

    const pageOf = Effect.fnUntraced(function* (cursor: string | undefined) {
      const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(cursor, [Number.MAX_SAFE_INTEGER])
      return before
    })

    const seal = Effect.fnUntraced(function* (endpointId: string) {
      const secret = yield* newSecret
      return { secret, sealed: yield* secrets.seal(secret, secretPlace(endpointId)) }
    })

    return {
      create: Effect.fnUntraced(function* ({ createdBy = null, ...input }) {
        const definition = yield* WebhookRules.checkEndpoint(input)
        const id = yield* Ids.uuidV7
        const { sealed, secret } = yield* seal(id)
        const record = yield* createOne({ projectId, id, definition, sealed, createdBy })
        commits.webhookProjects.add(projectId)
        return { endpoint: WebhookRules.toEndpoint(record), secret }
      }),

      get: (endpointId) => Effect.map(find("Webhooks.get", endpointId), WebhookRules.toEndpoint),

      list: Effect.fnUntraced(function* (options = {}) {
        const before = yield* pageOf(options.cursor)
        const limit = KeysetPage.limitOf(options)
        const found = yield* read("Webhooks.list", ({ records }) =>
          records(endpoints).list(projectId, {}, { before, limit }),
        )
        return KeysetPage.pageOf(
          found,
          limit,
          ({ key }) => [key],
          ({ record }) => WebhookRules.toEndpoint(record),
        )
      }),

      update: (endpointId, changes) =>
        Effect.map(
          changeOne({
            projectId,
            id: endpointId,
            change: (record, now) => WebhookRules.changeEndpoint(record, changes, now),
          }),
          WebhookRules.toEndpoint,
        ),

      remove: (endpointId) =>
        Effect.asVoid(
          changeOne({ projectId, id: endpointId, change: () => Either.right(null) }).pipe(
            Effect.catchTags(impossible),
          ),
        ),

      rotate: Effect.fnUntraced(function* (endpointId, options = {}) {
        const overlap = SealedSecrets.overlapOf(options.expiresInSeconds)
        if (typeof overlap === "object") {
          return yield* new InvalidEndpoint({ field: "expiresInSeconds", message: overlap.problem })
        }
        yield* find("Webhooks.rotate", endpointId)
        const { sealed, secret } = yield* seal(endpointId)
        const record = yield* changeOne({
          projectId,
          id: endpointId,
          change: (before, now) => Either.right(SealedSecrets.rotate(before, sealed, overlap, now)),
        })
        return { endpoint: WebhookRules.toEndpoint(record), secret }
      }),

      test: Effect.fnUntraced(function* (endpointId) {
        const event = `test ${yield* Ids.uuidV7}`
        const record = yield* testOne({ projectId, id: endpointId, event })
        yield* wakeups.messages
        return WebhookRules.toDelivery(record)
      }),

      deliveries: Effect.fnUntraced(function* (options = {}) {
        const before = yield* pageOf(options.cursor)
        const limit = KeysetPage.limitOf(options)
        const filter = { endpoint_id: options.endpointId, status: options.status }
        const found = yield* read("Webhooks.deliveries", ({ records }) =>
          records(deliveries).list(projectId, filter, { before, limit }),
        )
        return KeysetPage.pageOf(
          found,
          limit,
          ({ key }) => [key],
          ({ record }) => WebhookRules.toDelivery(record),
        )
      }),

      retry: Effect.fnUntraced(function* (deliveryId) {
        const [record] = yield* retrySome({ projectId, ids: [deliveryId], dead: false })
        if (record === undefined) return yield* new DeliveryNotFound({ deliveryId })
        yield* wakeups.messages
        return WebhookRules.toDelivery(record)
      }),

      retryAll: Effect.fnUntraced(function* (endpointId, options = {}) {
        yield* find("Webhooks.retryAll", endpointId)
        const since = options.since === undefined ? 0 : DateTime.toEpochMillis(options.since)
        const filter = { endpoint_id: endpointId, status: "dead" }
        let retried = 0
        let before = Number.MAX_SAFE_INTEGER
        for (;;) {
          const page = { before, limit: mostRetried }
          const found = yield* read("Webhooks.retryAll", ({ records }) =>
            records(deliveries).list(projectId, filter, page),
          )
          const some = found.slice(0, mostRetried).filter(({ record }) => record.createdAt >= since)
          if (some.length > 0) {
            const ids = some.map(({ record }) => record.id)
            retried += (yield* retrySome({ projectId, ids, dead: true })).length
            yield* wakeups.messages
          }
          const last = some.at(-1)
          if (last === undefined || some.length < mostRetried) return { retried }
          before = last.key
        }
      }),
    }
  }
}
