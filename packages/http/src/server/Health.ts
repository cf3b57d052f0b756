import { HttpApiBuilder } from "@effect/platform"
import { ControlPlane } from "@runlease/core"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"

const ok = { status: "ok" } as const

export const layer = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.map(ControlPlane.ControlPlane, (controlPlane) =>
    handlers
      .handle("healthz", () => Effect.succeed(ok))
      .handle("readyz", () => Effect.as(Effect.mapError(controlPlane.ready, Verdicts.encode), ok)),
  ),
)
