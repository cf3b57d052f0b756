import { HttpAgent, type RunAgentInput } from "@ag-ui/client"
import { assertInclude, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import { of } from "rxjs"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { claimed, execute, failureOf, test } from "./Runs.js"
import * as Streams from "./Streams.js"

const serving = ({ events }: Streams.Case) =>
  Peer.serve(async ({ begin, input, response, write }) => {
    const { runId, threadId } = input
    begin()
    // AG-UI's encoder would repair the events.
    for (const event of events({ threadId, runId })) await write(`data: ${JSON.stringify(event)}\n\n`)
    response.end()
  })

const accept = (stream: Streams.Case) =>
  Effect.gen(function* () {
    const agent = yield* serving(stream)
    const executor = yield* Peer.make({ url: agent.url })
    return yield* execute(executor, yield* claimed())
  })

/** The reference client. It stores the reason of a rejection and prints nothing. */
class Client extends HttpAgent {
  rejection: string | undefined
  protected override onError(_input: RunAgentInput, error: Error) {
    this.rejection = error.message
    return of({})
  }
}

/** The reason of the reference client's rejection, if any. RUN_ERROR is a failure of the agent, not of the stream. */
const rejectionByClient = (stream: Streams.Case) =>
  Effect.gen(function* () {
    const { url } = yield* serving(stream)
    const agent = new Client({ url, threadId: "thread" })
    let failed = false
    const onRunErrorEvent = () => void (failed = true)
    yield* Effect.promise(() => agent.runAgent({ runId: "run" }, { onRunErrorEvent }))
    return failed ? undefined : agent.rejection
  })

describe("a stream is accepted with", () => {
  for (const [what, stream] of Object.entries(Streams.accepted)) {
    test(
      what,
      Effect.gen(function* () {
        const { events, exit } = yield* accept(stream)
        strictEqual(exit._tag, "Success")
        deepStrictEqual(
          events.map(({ type }) => type),
          stream.types,
        )
        strictEqual(yield* rejectionByClient(stream), undefined)
      }),
    )
  }
})

describe("a stream is rejected for", () => {
  for (const [what, stream] of Object.entries(Streams.rejected)) {
    test(
      what,
      Effect.gen(function* () {
        const given = yield* accept(stream)
        const failure = failureOf(given)
        strictEqual(failure.code, "ag_ui_protocol_violation")
        strictEqual(failure.retryable, false)
        assertInclude(failure.message.toLowerCase(), stream.problem.toLowerCase())
        assertTrue(given.events.every(({ type }) => type !== "RUN_FINISHED"))
        strictEqual(typeof (yield* rejectionByClient(stream)), "string")
      }),
    )
  }
})
