import type { WorkerRegistry as Port } from "@runlease/core"
import { type Context, Effect } from "effect"
import * as Api from "../Api/Workers.js"
import * as Endpoints from "./Endpoints.js"
import { Credentials, type Transport } from "./Transport.js"

export const make: Effect.Effect<
  Context.Tag.Service<Port.WorkerRegistry>,
  never,
  Credentials | Transport
> = Effect.gen(function* () {
  const { call } = yield* Endpoints.of("WorkerRegistry", Api.group.add(Api.drain))
  const credentials = yield* Credentials

  return {
    register: Effect.fnUntraced(function* (registration) {
      const { token, worker } = yield* call("register", { body: registration })
      yield* credentials.keep(worker.id, token)
      return worker
    }),

    heartbeat: Effect.fnUntraced(function* (workerId, status, metadata) {
      const body = {
        ...(status === undefined ? {} : { status }),
        ...(metadata === undefined ? {} : { metadata }),
      }
      const { token, worker } = yield* call(
        "heartbeat",
        {
          path: { worker_id: workerId },
          credential: credentials.of(workerId),
          body: Object.keys(body).length > 0 ? body : undefined,
        },
        ["WorkerNotFound"],
        { workerId },
      )
      if (token !== null) yield* credentials.keep(workerId, token)
      return worker
    }),

    drain: Effect.fnUntraced(function* (workerId, drain) {
      return yield* call("drain", { path: { worker_id: workerId }, body: { drain } }, ["WorkerNotFound"], {
        workerId,
      })
    }),

    list: Effect.fnUntraced(function* (page) {
      const { data, page_info } = yield* call(
        "workers",
        { operation: "WorkerRegistry.list", query: { cursor: page?.cursor, limit: page?.limit } },
        ["InvalidCursor"],
        { cursor: page?.cursor },
      )
      return { items: data, next: page_info.next }
    }),
  }
})
