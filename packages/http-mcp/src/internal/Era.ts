/**
 * The version of the protocol by which a request is served, and what its client can do.
 *
 * A request of 2026-07-28 says both in its `_meta`. One of an older version says neither: its client sends them once, when it begins, and
 * this server remembers nothing of that.
 *
 * Source: https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
 */
import { Either, Predicate, Schema } from "effect"
import * as JsonRpc from "./JsonRpc.js"

/** The version with the metadata of its client in each request. */
export const modern = "2026-07-28"

/** The versions that begin with `initialize`, the newest first. */
export const legacy = ["2025-11-25", "2025-06-18", "2025-03-26"] as const

/** The extension by which a tool call may become a task. */
export const tasksExtension = "io.modelcontextprotocol/tasks"

const prefix = "io.modelcontextprotocol/"
const versionKey = `${prefix}protocolVersion`
const capabilitiesKey = `${prefix}clientCapabilities`

/** The key of the name and the version of the server in the `_meta` of a result. */
export const serverInfoKey = `${prefix}serverInfo`

/** The key of the request that a notification of a subscription belongs to. */
export const subscriptionKey = `${prefix}subscriptionId`

/** How a request is served. `tasks`: its client takes tasks. `elicits`: its client shows forms to its user. */
export interface Era {
  readonly isModern: boolean
  readonly tasks: boolean
  readonly elicits: boolean
}

const ofLegacy: Era = { isModern: false, tasks: false, elicits: false }

const Meta = Schema.Struct({
  [versionKey]: Schema.String,
  [capabilitiesKey]: JsonRpc.Params,
})
const decodeMeta = Schema.decodeUnknownEither(Meta)

/** The `_meta` of a request. */
export const metaOf = ({ params }: JsonRpc.Incoming): JsonRpc.Params => {
  const meta = params?.["_meta"]
  return Predicate.isRecord(meta) ? meta : {}
}

const unsupported = (requested: string): JsonRpc.RpcFailure =>
  JsonRpc.failure("unsupportedVersion", "Unsupported protocol version", {
    status: 400,
    data: { supported: [modern], requested },
  })

const isLegacy = (version: string): boolean => legacy.some((one) => one === version)

/** Form mode is the one that a client has which says nothing of modes. */
const elicits = (capability: unknown): boolean =>
  Predicate.isRecord(capability) &&
  (Predicate.isRecord(capability["form"]) || Object.keys(capability).length === 0)

/**
 * The era of a request. `header` is the version that a header names, where the request came over HTTP with one.
 *
 * Fails: `unsupportedVersion`; `invalidParams` where `_meta` lacks what a request of 2026-07-28 must say; `headerMismatch`.
 */
export const of = (
  incoming: JsonRpc.Incoming,
  header: string | undefined,
): Either.Either<Era, JsonRpc.RpcFailure> => {
  const meta = metaOf(incoming)
  const named = meta[versionKey]
  if (named === undefined && (header === undefined || isLegacy(header))) return Either.right(ofLegacy)
  const read = decodeMeta(meta)
  if (Either.isLeft(read)) {
    // An unknown version has other rules, so its metadata says nothing.
    return Either.left(
      named === undefined && header !== modern && header !== undefined
        ? unsupported(header)
        : JsonRpc.failure(
            "invalidParams",
            `\`_meta\` must have ${versionKey} and ${capabilitiesKey}; version ${modern} requires both`,
            { status: 400 },
          ),
    )
  }
  const { [capabilitiesKey]: capabilities, [versionKey]: version } = read.right
  if (header !== undefined && header !== version) {
    return Either.left(
      JsonRpc.failure(
        "headerMismatch",
        `Header mismatch: MCP-Protocol-Version header value '${header}' does not match body value '${version}'`,
        { status: 400 },
      ),
    )
  }
  if (version !== modern) return Either.left(unsupported(version))
  const { elicitation, extensions } = capabilities
  return Either.right({
    isModern: true,
    tasks: Predicate.isRecord(extensions) && Predicate.isRecord(extensions[tasksExtension]),
    elicits: elicits(elicitation),
  })
}

/** The refusal of a request that needs the extension of tasks, whose client has not declared it. */
export const tasksRequired: JsonRpc.RpcFailure = JsonRpc.failure(
  "missingClientCapability",
  "Missing required client capability",
  { status: 400, data: { requiredCapabilities: { extensions: { [tasksExtension]: {} } } } },
)
