/**
 * The port of webhook sources over a store, and the secrets of one, for what verifies its messages.
 *
 * Source: docs/decisions/0151-webhooks-in.md
 */
import type { ControlPlane } from "@runlease/core/ControlPlane"
import type * as Ids from "@runlease/core/Ids"
import { keysOf } from "@runlease/core/Page"
import type { Secrets } from "@runlease/core/Secrets"
import { maxSources } from "@runlease/core/WebhookSource"
import { InvalidSource, SourceNotFound, type WebhookSources } from "@runlease/core/WebhookSources"
import { Effect, Either, type Redacted } from "effect"
import type { RunCommits } from "../commit/RunCommits.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import { findRecord, type RecordRef, webhookSources as sources } from "../rows/Records.js"
import type { RunStore } from "../rows/RunStore.js"
import * as StoreReads from "../rows/StoreReads.js"
import * as SealedSecrets from "../rules/SealedSecrets.js"
import * as Rules from "../rules/WebhookSourceRules.js"
import * as RecordOperations from "./RecordOperations.js"
import { newSecret } from "./StoreWebhooks.js"

/** `made`: the secret of a source that is not there yet. `secret`: the one that replaces that of a source that is. */
interface Definition extends RecordRef {
  readonly definition: Rules.Definition
  readonly made: string
  readonly secret: string | undefined
  readonly createdBy: string | null
}

/** `isNew`: the source was not there before. */
interface Defined {
  readonly record: Rules.SourceRecord
  readonly isNew: boolean
}

const define = <X>() =>
  RecordOperations.inTurn<Definition, Defined, InvalidSource, X>(
    "WebhookSources.define",
    ({ createdBy, definition, id, made, projectId, secret }, { now, rows }) =>
      Effect.gen(function* () {
        const records = rows.records(sources)
        // Another transaction that makes the same source waits here.
        yield* records.all(projectId, "scheme", definition.scheme)
        const stored = yield* records.ofProjects([projectId])
        const found = stored.find(({ record }) => record.id === id)
        if (found !== undefined) {
          const replacing = secret === undefined ? undefined : { sealed: secret, expiresAt: null }
          const changed = Rules.redefine(found.record, definition, replacing, now)
          if (Either.isLeft(changed)) return Either.left(changed.left)
          yield* records.write({ updated: [{ key: found.key, record: changed.right }] })
          return Either.right({ record: changed.right, isNew: false })
        }
        if (stored.length >= maxSources) {
          return Rules.refuse("name", `a project has ${maxSources} sources at most; remove one first`)
        }
        const record: Rules.SourceRecord = {
          ...definition,
          id,
          projectId,
          createdBy,
          createdAt: now,
          updatedAt: now,
          secrets: [{ sealed: made, expiresAt: null }],
        }
        yield* records.write({ inserted: [record] })
        return Either.right({ record, isNew: true })
      }),
  )

const change = <X>() =>
  RecordOperations.change<Rules.SourceRecord, never, SourceNotFound, X>(
    "WebhookSources.change",
    sources,
    (name) => new SourceNotFound({ name }),
  )

/** Opens the secrets of a source of any project. */
export const open = <X>(store: RunStore<X>, secrets: Secrets["Type"]): ControlPlane["Type"]["openSource"] => {
  const { read } = StoreReads.reading(store)
  return Effect.fnUntraced(function* (projectId: Ids.ProjectId, name: string) {
    const { found, instant } = yield* read("WebhookSources.open", ({ now, records }) =>
      Effect.all({ found: findRecord(records(sources), { projectId, id: name }), instant: now }),
    )
    if (found === undefined) return yield* new SourceNotFound({ name })
    const place = Rules.secretPlace(projectId, name)
    return {
      source: Rules.toSource(found.record),
      secrets: yield* Effect.forEach(SealedSecrets.valid(found.record, instant), ({ sealed }) =>
        secrets.open(sealed, place),
      ),
    }
  })
}

/** The port of webhook sources of any project. */
export const make = <X>(
  store: RunStore<X>,
  commits: RunCommits<X>,
  secrets: Secrets["Type"],
): ((projectId: Ids.ProjectId) => WebhookSources["Type"]) => {
  const defineOne = commits.operation(define<X>())
  const changeOne = commits.operation(change<X>())
  const { read } = StoreReads.reading(store)

  return (projectId) => {
    const find = (operation: string, name: string) =>
      Effect.flatMap(
        read(operation, ({ records }) => findRecord(records(sources), { projectId, id: name })),
        (found) => (found === undefined ? new SourceNotFound({ name }) : Effect.succeed(found.record)),
      )

    const seal = (name: string, secret: Redacted.Redacted) =>
      secrets.seal(secret, Rules.secretPlace(projectId, name))

    return {
      define: Effect.fnUntraced(function* (name, { createdBy = null, secret, ...input }) {
        const definition = yield* Rules.checkSource(name, input)
        const chosen = secret && (yield* Rules.checkSecret(definition.scheme, secret))
        const made = chosen ?? (yield* newSecret)
        const sealed = yield* seal(name, made)
        const { isNew, record } = yield* defineOne({
          projectId,
          id: name,
          definition,
          made: sealed,
          secret: chosen && sealed,
          createdBy,
        })
        return { source: Rules.toSource(record), secret: isNew && chosen === undefined ? made : null }
      }),

      get: (name) => Effect.map(find("WebhookSources.get", name), Rules.toSource),

      list: Effect.fnUntraced(function* (options = {}) {
        const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(options.cursor, [Number.MAX_SAFE_INTEGER])
        const limit = KeysetPage.limitOf(options)
        const found = yield* read("WebhookSources.list", ({ records }) =>
          records(sources).list(projectId, {}, { before, limit }),
        )
        return KeysetPage.pageOf(
          found,
          limit,
          ({ key }) => [key],
          ({ record }) => Rules.toSource(record),
        )
      }),

      remove: (name) => Effect.asVoid(changeOne({ projectId, id: name, change: () => Either.right(null) })),

      rotate: Effect.fnUntraced(function* (name, options = {}) {
        const overlap = SealedSecrets.overlapOf(options.expiresInSeconds)
        if (typeof overlap === "object") {
          return yield* new InvalidSource({ field: "expiresInSeconds", message: overlap.problem })
        }
        const { scheme } = yield* find("WebhookSources.rotate", name)
        const chosen = options.secret && (yield* Rules.checkSecret(scheme, options.secret))
        const secret = chosen ?? (yield* newSecret)
        const sealed = yield* seal(name, secret)
        const record = yield* changeOne({
          projectId,
          id: name,
          change: (before, now) => Either.right(SealedSecrets.rotate(before, sealed, overlap, now)),
        })
        return { source: Rules.toSource(record), secret: chosen === undefined ? secret : null }
      }),
    }
  }
}
