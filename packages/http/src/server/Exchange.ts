/**
 * Answers an exchange: its operations side by side, so that the store makes one commit of them.
 *
 * @since 0.1.0
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { type Ids, TraceContext } from "@runlease/core"
import { SideBySide } from "@runlease/core/internal"
import { Cause, Effect, Either, Exit, Option } from "effect"
import { Api } from "../Api.js"
import { type Answer, Operation } from "../Api/Exchange.js"
import type { CurrentPrincipal } from "../contract/Principal.js"
import type * as Refusal from "../contract/Refusal.js"
import * as ClaimedRun from "../Wire/ClaimedRun.js"
import { choice } from "../Wire/DiscriminatedUnion.js"
import * as Decoder from "../Wire/Decoder.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Caller from "./Caller.js"
import type { Ports } from "./ProjectPortsCache.js"
import * as WorkerOperations from "./WorkerOperations.js"
import * as ErrorResponse from "./ErrorResponse.js"

const decode = Decoder.decodeUnknownEither(choice("operation", Operation))

const refused = ({ body, headers, httpStatus }: Refusal.Refusal): Answer => {
  const seconds = headers?.["retry-after"]
  return { status: httpStatus, body, ...(seconds === undefined ? {} : { retry_after: Number(seconds) }) }
}

const perform = (
  ports: Ports,
  workerId: Ids.WorkerId,
  operation: Operation,
): Effect.Effect<unknown, Verdicts.PortError, CurrentPrincipal> => {
  if (operation.operation === "claim") {
    return Effect.map(WorkerOperations.claim(ports, workerId, operation), (runs) => ({
      runs: runs.map(ClaimedRun.toJson),
    }))
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

/** An operation in the span that it names, where a tracer is there. */
const performTraced = (ports: Ports, workerId: Ids.WorkerId, operation: Operation) => {
  const performed = perform(ports, workerId, operation)
  const span = Option.getOrUndefined(TraceContext.ofHeader(operation.traceparent))
  return span === undefined ? performed : Effect.withParentSpan(performed, span)
}

/** A failure of one operation is the answer to that operation alone. */
const answerOf = (exit: Exit.Exit<unknown, Verdicts.PortError | Refusal.Refusal>): Effect.Effect<Answer> =>
  Exit.isSuccess(exit)
    ? Effect.succeed({ status: 200, body: exit.value })
    : Effect.map(ErrorResponse.ofCause(Cause.map(exit.cause, (error) => Verdicts.encode(error))), refused)

const read = (sent: unknown): Either.Either<Operation, Refusal.Refusal> =>
  Either.mapLeft(decode(sent), ErrorResponse.ofParse)

/** Does operations of a worker side by side. */
export const exchange = (workerId: Ids.WorkerId, sent: ReadonlyArray<unknown>) =>
  Effect.flatMap(Caller.worker(workerId), (ports) =>
    Effect.map(
      Effect.flatMap(
        SideBySide.exits(
          sent.map((operation) =>
            Either.match(read(operation), {
              onLeft: (
                refusal,
              ): Effect.Effect<unknown, Verdicts.PortError | Refusal.Refusal, CurrentPrincipal> =>
                Effect.fail(refusal),
              onRight: (decoded) => performTraced(ports, workerId, decoded),
            }),
          ),
          // The store makes one commit of requests that arrive together.
          { immediate: true },
        ),
        Effect.forEach(answerOf),
      ),
      (answers) => ({ answers }),
    ),
  )

export const layer = HttpApiBuilder.group(Api, "exchange", (handlers) =>
  handlers.handle("exchange", ({ path, payload }) => exchange(path.worker_id, payload.operations)),
)
