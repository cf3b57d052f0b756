/**
 * The port of tokens for browsers of one project: a page has one instead of an API key.
 *
 * Source: docs/decisions/0109-tokens-for-browsers.md
 */
import { Context, type DateTime, type Duration, Effect, Layer, type Redacted } from "effect"
import type { Bound, InvalidBrowserToken, Scope } from "../model/BrowserToken.js"
import type * as Ids from "../model/Ids.js"
import { conversationIdOf } from "../model/ThreadName.js"
import { Access, type ProjectNotFound } from "./Access.js"
import { defaultProject } from "./ControlPlane.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"

/**
 * What a token is bound to: as `BrowserToken.Bound`, or the thread of a client by its name. A conversation, a thread or a run need not exist
 * yet.
 */
export type BoundTo = Bound | { readonly _tag: "Thread"; readonly threadId: string }

/**
 * A token to be made. `agentIds`: the runs of these agents alone, 8 at most; of all when absent.
 *
 * Units: `expiresIn` is a Duration from now, by the store's clock: 15 minutes when absent, 24 hours at most.
 */
export interface NewToken {
  readonly scopes: readonly [Scope, ...ReadonlyArray<Scope>]
  readonly boundTo: BoundTo
  readonly agentIds?: ReadonlyArray<Ids.AgentId> | undefined
  readonly expiresIn?: Duration.DurationInput | undefined
}

/** A token that was made. It is in the answer and nowhere else. */
export interface IssuedToken {
  readonly token: Redacted.Redacted
  readonly expiresAt: DateTime.Utc
}

export class BrowserTokens extends Context.Tag("@runlease/core/BrowserTokens")<
  BrowserTokens,
  {
    /**
     * Makes a token. Nothing is stored of it.
     *
     * Fails: `InvalidBrowserToken` names the field that no token can have.
     */
    readonly issue: (token: NewToken) => Effect.Effect<IssuedToken, InvalidBrowserToken | ControlPlaneError>

    /** Refuses every token that the project has made, from now on. Streams that pages have open end within seconds. */
    readonly rotate: Effect.Effect<void, ControlPlaneError>
  }
>() {}

/**
 * The tokens of a project over a store in the same process, where an application makes them without a request. No API key makes them, so
 * they end with their time or a rotation alone.
 */
export const layerAccess = (
  reference: string = defaultProject,
): Layer.Layer<BrowserTokens, ProjectNotFound | ControlPlaneError, Access> =>
  Layer.effect(
    BrowserTokens,
    Effect.gen(function* () {
      const access = yield* Access
      const { id: projectId } = yield* access.getProject(reference)
      return {
        issue: ({ boundTo, ...token }) =>
          access.issueBrowserToken({ ...token, projectId, bound: toBound(projectId, boundTo) }).pipe(
            // No key issues it, and no project is deleted.
            Effect.catchTags({ KeyRevoked: Effect.die, KeyExpired: Effect.die, ProjectNotFound: Effect.die }),
          ),
        rotate: Effect.catchTag(access.rotateSigningKey(projectId), "ProjectNotFound", Effect.die),
      }
    }),
  )

/** What a token is bound to, with the conversation of a thread in place of its name. */
export const toBound = (projectId: Ids.ProjectId, boundTo: BoundTo): Bound =>
  boundTo._tag === "Thread"
    ? { _tag: "Conversation", conversationId: conversationIdOf(projectId, boundTo.threadId) }
    : boundTo
