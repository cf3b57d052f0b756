import type { WorkerRegistry as Port } from "@runlease/core"
import { type Context, Effect, Schema } from "effect"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import * as Verdicts from "../contract/Verdicts.js"
import { HeartbeatReply, Registered } from "../Api/Workers.js"
import { pageOf } from "../Wire.js"
import { Registration, Worker } from "../Wire/Worker.js"
import { Extensions, missing } from "./Extensions.js"
import { Credentials, path, Transport } from "./Transport.js"

const encodeRegistration = Schema.encodeSync(Registration)
const Workers = pageOf(Worker)

export const make = (
  project: string,
): Effect.Effect<Context.Tag.Service<Port.WorkerRegistry>, never, Extensions | Credentials | Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Credentials
    const extensions = yield* Extensions

    return {
      register: Effect.fnUntraced(
        function* (registration) {
          const { token, worker } = yield* transport.request({
            operation: "WorkerRegistry.register",
            method: "POST",
            path: path`/agent-workers/projects/${project}/workers`,
            body: encodeRegistration(registration),
            success: Registered,
          })
          yield* credentials.keep(worker.id, token)
          return worker
        },
        Effect.catchTag("Refusal", (refusal) =>
          Effect.fail(ControlPlaneErrors.decode("WorkerRegistry.register")(refusal)),
        ),
      ),

      heartbeat: Effect.fnUntraced(function* (workerId, status, metadata) {
        const body = {
          ...(status === undefined ? {} : { status }),
          ...(metadata === undefined ? {} : { metadata }),
        }
        const credential = credentials.of(workerId)
        const { token, worker } = yield* transport.call(
          {
            operation: "WorkerRegistry.heartbeat",
            method: "POST",
            path: path`/agent-workers/workers/${workerId}/heartbeat`,
            ...(extensions && Object.keys(body).length > 0 ? { body } : {}),
            token: credential.token,
            success: HeartbeatReply,
          },
          ["WorkerNotFound"],
          { workerId },
        )
        if (token !== null) yield* credentials.keep(workerId, token)
        return worker
      }),

      drain: Effect.fnUntraced(
        function* (workerId, drain) {
          if (!extensions) return yield* missing("WorkerRegistry.drain", "ask a worker to drain")
          return yield* transport.request({
            operation: "WorkerRegistry.drain",
            method: "POST",
            path: path`/agent-workers/workers/${workerId}/drain`,
            body: { drain },
            success: Worker,
          })
        },
        (drained, workerId) =>
          Effect.catchTag(
            drained,
            "Refusal",
            Verdicts.decode("WorkerRegistry.drain", ["WorkerNotFound"], { workerId }),
          ),
      ),

      list: Effect.fnUntraced(
        function* (page) {
          if (!extensions) return yield* missing("WorkerRegistry.list", "list its workers")
          const { data, page_info } = yield* transport.request({
            operation: "WorkerRegistry.list",
            method: "GET",
            path: path`/agent-workers/projects/${project}/workers`,
            query: { cursor: page?.cursor, limit: page?.limit },
            success: Workers,
          })
          return { items: data, next: page_info.next }
        },
        (list, page) =>
          Effect.catchTag(
            list,
            "Refusal",
            Verdicts.decode("WorkerRegistry.list", ["InvalidCursor"], { cursor: page?.cursor }),
          ),
      ),
    }
  })
