/**
 * The answers to the probes of a worker: whether its process lives, and whether it consumes runs.
 *
 * Source: docs/decisions/0079-readiness.md
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Worker, WorkerHealth } from "@runlease/core"
import { Duration, Effect, Ref } from "effect"

type Started = Worker.Worker["Type"]

export interface Probes {
  /** The probes report this worker until `forget`. Without a worker the command is starting. */
  readonly follow: (worker: Started) => Effect.Effect<void>

  readonly forget: Effect.Effect<void>

  /** Answers `/healthz` and `/readyz`; undefined for another path. */
  readonly answer: (path: string) => Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined
}

/** 200 with one word, or 503 with one and why. */
const response = (status: string, detail?: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.unsafeJson(
    { status, ...(detail === undefined ? {} : { detail }) },
    { status: status === "ok" ? 200 : 503 },
  )

const ofHealth = (health: WorkerHealth.WorkerHealth): HttpServerResponse.HttpServerResponse => {
  switch (health._tag) {
    case "Ready":
      return response("ok")
    case "Draining":
      return response("draining", "The worker claims no more runs")
    case "ClaimUnanswered": {
      const seconds = Math.floor(Duration.toSeconds(health.duration))
      return response("stalled", `No claim was answered for ${seconds} s although slots are free`)
    }
    case "LeaseUnrenewed":
      // The probe is public, and the failure may name hosts: the log has it.
      return response("stalled", "Leases are not renewed; the log of the worker says why")
  }
}

export const make: Effect.Effect<Probes> = Effect.map(
  Ref.make<Started | undefined>(undefined),
  (current) => ({
    follow: (worker) => Ref.set(current, worker),
    forget: Ref.set(current, undefined),
    answer: (path) => {
      if (path === "/healthz") return Effect.succeed(response("ok"))
      if (path !== "/readyz") return undefined
      return Effect.flatMap(Ref.get(current), (worker) =>
        worker === undefined
          ? Effect.succeed(response("starting", "The worker is not registered yet"))
          : Effect.map(worker.health, ofHealth),
      )
    },
  }),
)
