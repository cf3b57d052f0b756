/**
 * Faces: other protocols over the same runs. Each adds its endpoints to the server that has it.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Effect, Layer, Scope } from "effect"
import type { Addition } from "../Api/Addition.js"
import type { JsonBody } from "../contract/Body.js"
import type { Authorization, CurrentPrincipal } from "../contract/Principal.js"
import type { AgentForms } from "./AgentForms.js"
import type { Revocation, Shutdown } from "./LongRequests.js"
import type { OpenStreams } from "./OpenStreams.js"
import type { ProjectPortsCache } from "./ProjectPorts.js"
import type { Rebuilds } from "./Rebuilds.js"
import type { StreamTurns } from "./StreamTurns.js"
import type { Views } from "./Views.js"

export { empty as api } from "../Api.js"
export { version } from "../contract/Version.js"
export { type Failure, of as handlers } from "./Group.js"
export { of as lazy } from "./LazyModule.js"

/** What a server has for the handlers of its faces. */
export type Services =
  | AgentForms
  | Authorization
  | JsonBody
  | OpenStreams
  | ProjectPortsCache
  | Rebuilds
  | Revocation
  | Shutdown
  | StreamTurns
  | Views

/** What a handler has, with what the server has. */
export type Requirements = Services | CurrentPrincipal | HttpServerRequest.HttpServerRequest | Scope.Scope

export type Answer<E = never, R = never> = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  E,
  R | Requirements
>

/** `headers`: those of its requests, which a page of another origin may send. `layer`: its handlers. */
export interface Face extends Addition {
  readonly headers: ReadonlyArray<string>
  readonly layer: Layer.Layer<never, never, Services>
}
