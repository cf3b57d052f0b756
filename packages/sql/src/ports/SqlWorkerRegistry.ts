/** The worker registry on SQL. */
import { Ids, Page, WorkerRegistry } from "@runlease/core"
import { KeysetPage } from "@runlease/store"
import { DateTime, Effect, Either, Function } from "effect"
import { fromJson, toJson } from "../rows/Fields.js"
import type { SqlStore } from "../batch/SqlStore.js"

interface WorkerRow {
  readonly worker_pk: number
  readonly id: Ids.WorkerId
  readonly project_id: Ids.ProjectId
  readonly implementation_kind: string
  readonly implementation_display_name: string | null
  readonly worker_key: string
  readonly version: string | null
  readonly status: string
  readonly drain: number
  readonly display_name: string | null
  readonly metadata: string | null
  readonly created_at: number
  readonly updated_at: number
  readonly last_heartbeat_at: number | null
}

const toWorker = (row: WorkerRow, inFlight: number | null = null): WorkerRegistry.RegisteredWorker => ({
  id: row.id,
  projectId: row.project_id,
  implementationKind: row.implementation_kind,
  implementationDisplayName: row.implementation_display_name,
  workerKey: row.worker_key,
  version: row.version,
  status: row.status,
  drain: row.drain === 1,
  displayName: row.display_name,
  metadata: fromJson(row.metadata),
  inFlight,
  createdAt: DateTime.unsafeMake(row.created_at),
  updatedAt: DateTime.unsafeMake(row.updated_at),
  lastHeartbeatAt: row.last_heartbeat_at === null ? null : DateTime.unsafeMake(row.last_heartbeat_at),
})

interface Register {
  readonly projectId: Ids.ProjectId
  readonly newId: string
  readonly registration: WorkerRegistry.Registration
}

interface Heartbeat {
  readonly projectId: Ids.ProjectId
  readonly workerId: Ids.WorkerId
  readonly status: WorkerRegistry.WorkerStatus | undefined
  readonly metadata: WorkerRegistry.Metadata | undefined
}

interface Drain {
  readonly projectId: Ids.ProjectId
  readonly workerId: Ids.WorkerId
  readonly drain: boolean
}

interface HeartbeatRow {
  readonly project_id: string
  readonly id: string
  readonly next_status: string | null
  readonly next_metadata: string | null
}

/** One row for each worker, with the last that it says of itself. */
const heartbeatRows = (requests: ReadonlyArray<Heartbeat>) => {
  const rows = new Map<string, HeartbeatRow>()
  for (const { metadata, projectId, status, workerId } of requests) {
    const key = `${projectId} ${workerId}`
    const before = rows.get(key)
    rows.set(key, {
      project_id: projectId,
      id: workerId,
      next_status: status ?? before?.next_status ?? null,
      next_metadata: toJson(metadata) ?? before?.next_metadata ?? null,
    })
  }
  return Array.from(rows.values())
}

export const make = (
  store: SqlStore,
): ((projectId: Ids.ProjectId) => WorkerRegistry.WorkerRegistry["Type"]) => {
  const { sql, dialect, writer } = store

  const registerOne = ({ projectId, newId, registration }: Register, now: number) =>
    Effect.map(
      sql<WorkerRow>`INSERT INTO workers ${sql.insert({
        id: newId,
        project_id: projectId,
        implementation_kind: registration.implementationKind,
        implementation_display_name: registration.implementationDisplayName ?? null,
        worker_key: registration.workerKey,
        version: registration.version ?? null,
        status: "active",
        drain: 0,
        display_name: registration.displayName ?? null,
        metadata: toJson(registration.metadata),
        created_at: now,
        updated_at: now,
        last_heartbeat_at: null,
      })}
      ON CONFLICT (project_id, implementation_kind, worker_key, COALESCE(version, '')) DO UPDATE SET
        implementation_display_name = excluded.implementation_display_name, status = excluded.status, drain = 0,
        display_name = excluded.display_name, metadata = excluded.metadata, updated_at = excluded.updated_at
      RETURNING *`,
      ([row]) => Either.right(toWorker(row!)),
    )

  const register = writer.operation<
    Register,
    WorkerRegistry.RegisteredWorker,
    WorkerRegistry.RegisteredWorker
  >({
    name: "WorkerRegistry.register",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => registerOne(request, now)),
    answer: Function.identity,
  })

  const heartbeat = writer.operation<
    Heartbeat,
    WorkerRegistry.RegisteredWorker,
    WorkerRegistry.RegisteredWorker,
    WorkerRegistry.WorkerNotFound
  >({
    name: "WorkerRegistry.heartbeat",
    decide: (requests, { now }) =>
      Effect.gen(function* () {
        // The status is as `WorkerRegistry.nextStatus` has it.
        const rows = yield* sql<WorkerRow>`UPDATE workers SET last_heartbeat_at = ${now}, updated_at = ${now},
            metadata = COALESCE(v.next_metadata, workers.metadata),
            status = CASE WHEN v.next_status IS NULL OR (v.next_status = 'ended' AND workers.status <> 'draining')
              THEN workers.status ELSE v.next_status END
          FROM ${dialect.rows({ project_id: "text", id: "text", next_status: "text", next_metadata: "text" }, heartbeatRows(requests))} v
          WHERE workers.id = v.id AND workers.project_id = v.project_id
          RETURNING *`
        const workers = new Map(rows.map((row) => [row.id, row]))
        return requests.map(({ projectId, workerId }) => {
          const row = workers.get(workerId)
          return row === undefined || row.project_id !== projectId
            ? Either.left(new WorkerRegistry.WorkerNotFound({ workerId }))
            : Either.right(toWorker(row))
        })
      }),
    answer: Function.identity,
  })

  const drainOne = ({ drain, projectId, workerId }: Drain, now: number) =>
    Effect.map(
      sql<WorkerRow>`UPDATE workers SET drain = ${drain ? 1 : 0}, updated_at = ${now}
        WHERE id = ${workerId} AND project_id = ${projectId} RETURNING *`,
      ([row]) =>
        row === undefined
          ? Either.left(new WorkerRegistry.WorkerNotFound({ workerId }))
          : Either.right(toWorker(row)),
    )

  const setDrain = writer.operation<
    Drain,
    WorkerRegistry.RegisteredWorker,
    WorkerRegistry.RegisteredWorker,
    WorkerRegistry.WorkerNotFound
  >({
    name: "WorkerRegistry.drain",
    decide: (requests, { now }) => Effect.forEach(requests, (request) => drainOne(request, now)),
    answer: Function.identity,
  })

  return (projectId) => ({
    register: Effect.fnUntraced(function* (registration) {
      return yield* register({ projectId, newId: yield* Ids.uuidV7, registration })
    }),

    heartbeat: (workerId, status, metadata) => heartbeat({ projectId, workerId, status, metadata }),

    drain: (workerId, drain) =>
      Effect.zipLeft(
        setDrain({ projectId, workerId, drain }),
        store.wakeups.signal(workerId, { _tag: "Drain", drain }),
      ),

    list: Effect.fnUntraced(function* (page) {
      const limit = KeysetPage.limitOf(page)
      const first = Number.MAX_SAFE_INTEGER
      const [beat, key] = yield* Page.keysOf(page?.cursor, [first, first])
      // A worker that has sent no heartbeat comes last.
      const rows = yield* store.read(
        "WorkerRegistry.list",
        sql<WorkerRow>`SELECT * FROM workers WHERE project_id = ${projectId}
          AND (COALESCE(last_heartbeat_at, -1), worker_pk) < (${beat}, ${key})
          ORDER BY COALESCE(last_heartbeat_at, -1) DESC, worker_pk DESC LIMIT ${limit + 1}`,
      )
      const leased = yield* store.read(
        "WorkerRegistry.list",
        Effect.flatMap(
          store.dialect.instant,
          (now) => sql<{ readonly lease_owner: string; readonly leases: number }>`
          SELECT lease_owner, CAST(COUNT(*) AS INTEGER) AS leases FROM leases
          WHERE lease_owner IS NOT NULL AND lease_expires_at > ${now}
          GROUP BY lease_owner`,
        ),
      )
      const inFlight = new Map(leased.map((row) => [row.lease_owner, row.leases]))
      return KeysetPage.pageOf(
        rows,
        limit,
        (row) => [row.last_heartbeat_at ?? -1, row.worker_pk],
        (row) => toWorker(row, inFlight.get(row.id) ?? 0),
      )
    }),
  })
}
