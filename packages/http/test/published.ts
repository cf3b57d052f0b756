/** A client of the public API alone, whose every request must be one that the API publishes. */
import { FetchHttpClient } from "@effect/platform"
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Effect, Layer, Redacted, type Scope } from "effect"
import * as Veryfront from "../src/Veryfront.js"
import { plain, type Requested } from "./plain.js"
import { Served } from "./serving.js"

/** Every request of the public API: its method, its address, and what its query and its body may say. */
const published: ReadonlyArray<readonly [method: string, path: RegExp, says: string]> = [
  [
    "POST",
    /^\/agent-workers\/projects\/[^/]+\/workers$/,
    "implementation_kind worker_key implementation_display_name display_name metadata",
  ],
  ["POST", /^\/agent-workers\/workers\/[^/]+\/heartbeat$/, ""],
  ["POST", /^\/agent-workers\/workers\/[^/]+\/claim$/, "lease_duration_seconds"],
  ["POST", /^\/agent-workers\/workers\/[^/]+\/runs\/[^/]+\/lease$/, "lease_duration_seconds"],
  ["PUT", /^\/agent-workers\/workers\/[^/]+\/runs\/[^/]+\/session$/, "session_key status metadata"],
  ["POST", /^\/runs$/, "kind owner public_id parent_run_id conversation_id trigger request"],
  ["GET", /^\/runs\/[^/]+$/, ""],
  ["GET", /^\/runs\/[^/]+\/events$/, "after_event_id limit"],
  ["GET", /^\/projects\/[^/]+\/runs$/, "cursor limit"],
  ["POST", /^\/runs\/[^/]+\/complete$/, "status metadata terminal_error_code terminal_error_message"],
  ["POST", /^\/runs\/[^/]+\/cancel$/, ""],
  ["POST", /^\/runs\/[^/]+\/resume$/, "type tool_call_id result is_error"],
  ["POST", /^\/conversations$/, "id project_id title metadata"],
  ["GET", /^\/conversations\/[^/]+$/, ""],
  ["GET", /^\/conversations\/[^/]+\/messages$/, "cursor limit"],
  ["POST", /^\/conversations\/[^/]+\/messages$/, "role parts idempotency_key parent_id metadata"],
  ["GET", /^\/conversations\/[^/]+\/runs\/[^/]+$/, ""],
  [
    "POST",
    /^\/conversations\/[^/]+\/runs\/[^/]+\/events$/,
    "events expected_previous_event_id expected_previous_external_event_sequence",
  ],
]

const publishedOfRun = new Set(
  (
    "mode agent_id implementation_kind worker_key initial_status source_target_kind source_target_environment_id " +
    "source_target_branch_id source_target_release_version runtime_target_kind runtime_target_environment_id " +
    "runtime_target_branch_id"
  ).split(" "),
)

/** What a request says that the public API does not know. */
const unknownIn = ({ body, headers, method, url }: Requested): ReadonlyArray<string> => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  const found = published.find(([known, path]) => known === method && path.test(pathname))
  if (found === undefined) return [`${method} ${pathname}`]
  const says = new Set(found[2].split(" "))
  const json: Record<string, unknown> = body === "" ? {} : JSON.parse(body)
  const ofRun = pathname === "/runs" ? Object.keys(json["request"] as object) : []
  return [
    ...Object.keys(json).filter((key) => !says.has(key)),
    ...Array.from(searchParams.keys()).filter((key) => !says.has(key)),
    ...ofRun.filter((key) => !publishedOfRun.has(key)),
    ...Object.keys(headers).filter((name) => name.startsWith("x-")),
  ]
}

const portsOf = (requests: Array<Requested>) =>
  Layer.unwrapEffect(
    Effect.map(Served, ({ key, url }) =>
      Veryfront.layerWith({ baseUrl: url, token: Redacted.make(key), project: "default" }),
    ),
  ).pipe(Layer.provide(FetchHttpClient.layer), Layer.provide(plain(requests)))

export type Ports = Layer.Layer.Success<ReturnType<typeof portsOf>>

/** A test whose every request must be one of the public API. */
export const test = <A, E>(
  title: string,
  body: (requests: ReadonlyArray<Requested>) => Effect.Effect<A, E, Ports | Scope.Scope>,
) =>
  it.scopedLive(
    title,
    () =>
      Effect.suspend(() => {
        const requests: Array<Requested> = []
        return Effect.provide(
          Effect.tap(body(requests), () => {
            assertTrue(requests.length > 0)
            deepStrictEqual(requests.flatMap(unknownIn), [])
          }),
          portsOf(requests),
        )
      }),
    30_000,
  )
