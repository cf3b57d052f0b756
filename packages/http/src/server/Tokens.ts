import { Access, BrowserTokens } from "@runlease/core"
import { Effect } from "effect"
import { toIssued } from "../Wire/BrowserToken.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as Thread from "./agui/Thread.js"

export const layer = group("tokens", (handlers) =>
  Effect.map(Access.Access, (access) =>
    handlers
      .handle("issue", ({ path, payload }) =>
        Effect.gen(function* () {
          const { keyId, projectId } = yield* Caller.project(path.project_reference)
          const { agentIds, boundTo, expiresIn, scopes } = payload
          if (boundTo._tag === "Thread") yield* Thread.checkName(boundTo.threadId)
          const bound = BrowserTokens.toBound(projectId, boundTo)
          const issued = yield* access.issueBrowserToken({
            projectId,
            issuedBy: keyId,
            scopes,
            bound,
            agentIds,
            expiresIn,
          })
          return toIssued(payload, bound, issued)
        }),
      )
      .handle("rotate", ({ path }) =>
        Effect.gen(function* () {
          const { projectId } = yield* Caller.project(path.project_reference)
          yield* access.rotateSigningKey(projectId)
          return { rotated: true }
        }),
      ),
  ),
)
