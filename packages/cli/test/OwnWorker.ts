/** A worker within the process of a test, for tests of other things than workers. */
import { FetchHttpClient } from "@effect/platform"
import { type Executor, Worker } from "@runlease/core"
import { Client } from "@runlease/http"
import { Layer, Redacted } from "effect"
import type { Env } from "./Processes.js"

/** Works on the runs of a project until the Scope closes. */
export const working = <E>(
  env: Env,
  executor: Layer.Layer<Executor.Executor, E>,
  options: Parameters<typeof Worker.layerWith>[0] = {},
) =>
  Layer.build(
    Worker.layerWith(options).pipe(
      Layer.provide([
        executor,
        Client.layerWith({
          baseUrl: env.RUNLEASE_URL,
          token: Redacted.make(env.RUNLEASE_API_KEY),
          project: env.RUNLEASE_PROJECT,
        }),
      ]),
      Layer.provide(FetchHttpClient.layer),
    ),
  )
