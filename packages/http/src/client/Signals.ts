/** The signals of a worker, from the event stream of its server. */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { ControlPlaneUnavailable as Unavailable, type Ids, type Leases } from "@runlease/core"
import { type Context, Effect, Option, Schema, Stream } from "effect"
import * as Api from "../Api/Workers.js"
import * as ControlPlaneErrors from "../contract/ControlPlaneErrors.js"
import { Connections } from "./Connections.js"
import * as Endpoints from "./Endpoints.js"
import { Credentials, lacks, Transport } from "./Transport.js"

const Signal = Schema.Union(
  Schema.Struct({ type: Schema.Literal("cancelled"), run_id: Schema.String }),
  Schema.Struct({ type: Schema.Literal("message"), run_id: Schema.String, inbox: Schema.Positive }),
  Schema.Struct({ type: Schema.Literal("drain"), drain: Schema.Boolean }),
)
const isSignal = Schema.is(Signal)

const operation = "Leases.signals"

const ended = new Unavailable.ControlPlaneUnavailable({
  operation,
  message: "The control plane ended the stream of signals",
})

const parseJson = Schema.decodeOption(Schema.parseJson())

/** The `data` of an event stream, each one line of JSON. */
const jsonEvents = (
  operation: string,
  response: HttpClientResponse.HttpClientResponse,
): Stream.Stream<unknown, Unavailable.ControlPlaneUnavailable> =>
  response.stream.pipe(
    Stream.mapError(
      (error) =>
        new Unavailable.ControlPlaneUnavailable({
          operation,
          message: `The control plane's event stream broke: ${error.reason}`,
        }),
    ),
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filterMap((line) =>
      line.startsWith("data:") ? parseJson(line.slice("data:".length)) : Option.none(),
    ),
  )

export const make: Effect.Effect<
  Context.Tag.Service<Leases.Leases>["signals"],
  never,
  Connections | Credentials | Transport
> = Effect.gen(function* () {
  const transport = yield* Transport
  const connections = yield* Connections
  const credentials = yield* Credentials

  const byRequest = (workerId: Ids.WorkerId) =>
    Stream.unwrapScoped(
      Effect.gen(function* () {
        const { token } = credentials.of(workerId)
        const response = yield* transport.open({
          operation,
          method: "GET",
          path: Endpoints.address(Api.group, "signals", { worker_id: workerId }),
          token,
          headers: { accept: "text/event-stream" },
        })
        return jsonEvents(operation, response)
      }),
    )

  return (workerId) =>
    Stream.unwrap(
      Effect.map(connections.settled(workerId), (connection) =>
        connection === undefined ? byRequest(workerId) : connection.signals,
      ),
    ).pipe(
      Stream.filter(isSignal),
      Stream.map((signal): Leases.LeaseSignal => {
        if (signal.type === "drain") return { _tag: "Drain", drain: signal.drain }
        const runId = signal.run_id as Ids.RunId
        return signal.type === "cancelled"
          ? { _tag: "Cancelled", runId }
          : { _tag: "MessageSent", runId, inbox: signal.inbox }
      }),
      Stream.concat(Stream.fail(ended)),
      Stream.catchTag("ConnectionLost", () => Stream.fail(ended)),
      Stream.catchTag("Refusal", (refusal) =>
        lacks(refusal) ? Stream.never : Stream.fail(ControlPlaneErrors.decode(operation)(refusal)),
      ),
    )
})
