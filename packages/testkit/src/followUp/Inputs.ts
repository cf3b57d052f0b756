/** Builders of runs, inputs and answers for the follow-up suite. */
import type { FollowUp } from "@runlease/core/FollowUp"
import * as Ids from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import { Leases } from "@runlease/core/Leases"
import type { RequestSnapshot, SnapshotMessage } from "@runlease/core/RequestSnapshot"
import { Runs, type SubmissionInput } from "@runlease/core/Runs"
import { Effect } from "effect"
import * as TestRuns from "../TestRuns.js"

export const id = (name: string) => Ids.RunId.make(name)

export const clientCall = (toolCallId: string): Interrupt.Interrupt => ({
  ...Interrupt.ofToolCall(toolCallId, "look_up"),
  clientTool: true,
})

export const approval: Interrupt.Interrupt = { id: "approval", reason: "confirmation" }
export const yes: Interrupt.Answer = { interruptId: "approval", status: "resolved", payload: true }

export const userMessage = (messageId: string, text: string): SnapshotMessage => ({
  id: messageId,
  role: "user",
  parts: [{ type: "text", text }],
})
const callsMessage = (...toolCallIds: ReadonlyArray<string>): SnapshotMessage => ({
  id: "called",
  role: "assistant",
  parts: toolCallIds.map((toolCallId) => ({
    type: "tool_call",
    toolCallId,
    toolName: "look_up",
    args: "{}",
  })),
})
const resultMessage = (toolCallId: string, result: unknown): SnapshotMessage => ({
  id: `result-${toolCallId}`,
  role: "tool",
  parts: [{ type: "tool_result", toolCallId, result }],
})

export const snapshotOf = (
  messages: ReadonlyArray<SnapshotMessage>,
  more: Partial<RequestSnapshot> = {},
): RequestSnapshot => ({ messages, tools: [], context: [], protocol: "ag-ui", ...more })

/** An input with the results of these calls, and more messages. */
export const input = (
  publicId: string,
  results: Readonly<Record<string, unknown>>,
  {
    more = [],
    resume = [],
    ...snapshot
  }: Partial<RequestSnapshot> & {
    readonly more?: ReadonlyArray<SnapshotMessage>
    readonly resume?: ReadonlyArray<Interrupt.Answer>
  } = {},
): FollowUp => ({
  publicId: id(publicId),
  resume,
  results: Object.entries(results).map(([toolCallId, result]) => Interrupt.toolResult(toolCallId, result)),
  snapshot: snapshotOf(
    [
      userMessage("m1", "look"),
      callsMessage("a", "b"),
      ...Object.entries(results).map(([toolCallId, result]) => resultMessage(toolCallId, result)),
      ...more,
    ],
    snapshot,
  ),
})

export const inputsOf = (runId: Ids.RunId) => Effect.flatMap(Runs, (runs) => runs.inputs(runId))

/** Submits a run as an AG-UI client does, claims it and suspends it for the interrupts. */
export const waitingRun = (
  publicId: string,
  interrupts: Interrupt.Interrupts,
  options: {
    readonly worker: Ids.WorkerId
    readonly submission?: Partial<SubmissionInput>
    readonly expiresAfter?: "10 seconds"
  },
) =>
  Effect.gen(function* () {
    const leases = yield* Leases
    const claimed = yield* TestRuns.hold(options.worker, {
      publicId,
      snapshot: snapshotOf([userMessage("m1", "look")]),
      ...options.submission,
    })
    yield* leases.suspend(TestRuns.leaseOf(claimed), { interrupts, expiresAfter: options.expiresAfter })
    return claimed
  })

/** Sends a follow-up input and returns its verdict as one line. */
export const sendFollowUp = (runId: Ids.RunId, followUp: FollowUp) =>
  Effect.flatMap(Runs, (runs) =>
    Effect.match(runs.followUp(runId, followUp), {
      onSuccess: (result) =>
        result._tag === "Continued"
          ? `${result.duplicate ? "Again" : "Continued"} after ${result.since}`
          : result._tag === "Uncovered"
            ? `Uncovered ${result.open.join()}`
            : `${result._tag} ${result.run.status}`,
      onFailure: ({ _tag }) => _tag,
    }),
  )

export const status = (runId: Ids.RunId) => Effect.map(TestRuns.getRun(runId), (run) => run.status)

/** The messages of a snapshot, one line each. */
export const linesOf = ({ messages }: RequestSnapshot) =>
  messages.map(
    ({ parts, role }) =>
      `${role}: ${parts.map((part) => part["text"] ?? JSON.stringify(part["result"] ?? part["toolCallId"])).join(", ")}`,
  )
