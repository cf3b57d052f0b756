import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { ControlPlane } from "@runlease/core"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"
import { ClaimAnswers } from "./ProjectPorts.js"

const ok = { status: "ok" } as const

export const layer = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane.ControlPlane
    const claimAnswers = yield* ClaimAnswers
    const ready = Effect.zipRight(controlPlane.ready, claimAnswers.ready)
    return handlers
      .handle("healthz", () => Effect.succeed(ok))
      .handle("readyz", () => Effect.as(Effect.mapError(ready, Verdicts.encode), ok))
  }),
)
