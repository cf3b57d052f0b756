/**
 * Answers an exchange: its operations side by side, so that the store makes one commit of them.
 *
 * @since 0.1.0
 */
import { HttpApiBuilder } from "@effect/platform"
import type { Ids } from "@runlease/core"
import { Effect, Either, Schema } from "effect"
import { Api } from "../Api.js"
import { type Answer, Operation, Replies } from "../Api/Exchange.js"
import type * as Refusal from "../contract/Refusal.js"
import { choice } from "../Wire/Choice.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Caller from "./Caller.js"
import type { Ports } from "./ProjectPortsCache.js"
import * as WorkerOperations from "./WorkerOperations.js"
import * as ErrorResponse from "./ErrorResponse.js"

const decode = Schema.decodeUnknownEither(choice("operation", Operation))
const encodeClaimed = Schema.encodeSync(Replies.claim)

const refused = ({ body, headers, httpStatus }: Refusal.Refusal): Answer => {
  const seconds = headers?.["retry-after"]
  return { status: httpStatus, body, ...(seconds === undefined ? {} : { retry_after: Number(seconds) }) }
}

const perform = (
  ports: Ports,
  workerId: Ids.WorkerId,
  operation: Operation,
): Effect.Effect<unknown, Verdicts.PortError> => {
  if (operation.operation === "claim") {
    return Effect.map(WorkerOperations.claim(ports, workerId, operation), (runs) => encodeClaimed({ runs }))
  }
  const lease = { workerId, runId: operation.run_id, epoch: operation.lease_epoch ?? null }
  switch (operation.operation) {
    case "append":
      return WorkerOperations.append(ports, lease.runId, operation, lease)
    case "complete":
      return WorkerOperations.complete(ports, lease, operation)
    case "release":
      return WorkerOperations.release(ports, lease, operation)
    case "suspend":
      return WorkerOperations.suspend(ports, lease, operation)
  }
}

/** A failure of one operation is the answer to that operation alone. */
const answer = (ports: Ports, workerId: Ids.WorkerId, sent: unknown): Effect.Effect<Answer> =>
  Either.match(decode(sent), {
    onLeft: (error) => Effect.succeed(refused(ErrorResponse.ofParse(error))),
    onRight: (operation) =>
      Effect.matchCauseEffect(Effect.mapError(perform(ports, workerId, operation), Verdicts.encode), {
        onSuccess: (body) => Effect.succeed({ status: 200, body }),
        onFailure: (cause) => Effect.map(ErrorResponse.ofCause(cause), refused),
      }),
  })

export const layer = HttpApiBuilder.group(Api, "exchange", (handlers) =>
  handlers.handle("exchange", ({ path, payload }) =>
    Effect.gen(function* () {
      const ports = yield* Caller.worker(path.worker_id)
      const answers = yield* Effect.forEach(
        payload.operations,
        (sent) => answer(ports, path.worker_id, sent),
        { concurrency: "unbounded" },
      )
      return { answers }
    }),
  ),
)
