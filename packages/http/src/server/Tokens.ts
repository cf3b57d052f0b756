import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Access, BrowserTokens } from "@runlease/core"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"
import { toIssued } from "../Wire/BrowserToken.js"
import * as Caller from "./Caller.js"
import * as Thread from "./agui/Thread.js"

export const layer = HttpApiBuilder.group(Api, "tokens", (handlers) =>
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
        }).pipe(Effect.mapError(Verdicts.encode)),
      )
      .handle("rotate", ({ path }) =>
        Effect.gen(function* () {
          const { projectId } = yield* Caller.project(path.project_reference)
          yield* access.rotateSigningKey(projectId)
          return { rotated: true }
        }).pipe(Effect.mapError(Verdicts.encode)),
      ),
  ),
)
