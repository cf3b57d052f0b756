import { ControlPlane } from "@runlease/core"
import { Effect } from "effect"
import { group } from "./Group.js"
import { ClaimAnswers } from "./ProjectPorts.js"

const ok = { status: "ok" } as const

export const layer = group("health", (handlers) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane.ControlPlane
    const claimAnswers = yield* ClaimAnswers
    const ready = Effect.zipRight(controlPlane.ready, claimAnswers.ready)
    return handlers.handle("healthz", () => Effect.succeed(ok)).handle("readyz", () => Effect.as(ready, ok))
  }),
)
