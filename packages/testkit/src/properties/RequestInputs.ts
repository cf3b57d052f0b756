/** What the requests of a history are as inputs of the ports. */
import type { FollowUp } from "@runlease/core/FollowUp"
import { type AgentId, RunId } from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import type { Pause, Suspension } from "@runlease/core/Leases"
import { fromText } from "@runlease/core/RequestSnapshot"
import type { Submission } from "@runlease/core/Runs"
import { DateTime } from "effect"
import { type Calls, inputName, type Request, runName } from "./Request.js"

/**
 * `origin` is the beginning of the history, in milliseconds since the epoch.
 *
 * @category constructors
 */
export const make = (options: {
  readonly name: string
  readonly agentId: AgentId
  readonly origin: number
}) => {
  const { agentId, name, origin } = options
  const runIdOf = (run: number) => RunId.make(`${name}-${runName(run)}`)

  const suspensionOf = ({ calls, expiresAfter }: Calls): Suspension => {
    const [first, ...others] = calls.map(({ call, until }) => ({
      ...Interrupt.ofToolCall(call, "ask"),
      ...(until === null ? {} : { expiresAt: DateTime.unsafeMake(origin + until) }),
    }))
    return { interrupts: [first!, ...others], ...(expiresAfter === null ? {} : { expiresAfter }) }
  }

  const submissionOf = (request: Extract<Request, { _tag: "Submit" }>): Submission => ({
    publicId: runIdOf(request.run),
    agentId,
    ...(request.limit === null
      ? { concurrencyKey: request.lane === null ? null : `${name}-${request.lane}` }
      : { concurrencyKey: `${name}-${request.limit.key}`, concurrencyLimit: request.limit.most }),
    priority: request.priority,
    maxAttempts: request.maxAttempts,
    ...(request.availableAt === null
      ? {}
      : { availableAt: DateTime.unsafeMake(origin + request.availableAt) }),
    ...(request.ttl === null ? {} : { ttlSeconds: request.ttl / 1000 }),
    ...(request.timeout === null ? {} : { timeoutSeconds: request.timeout / 1000 }),
    ...(request.driven ? { initialStatus: "running" } : {}),
    snapshot: request.ofClient ? { ...fromText("client"), protocol: "ag-ui" } : fromText("left"),
    ...(request.debounce === null
      ? { multitask: request.multitask }
      : {
          debounce: {
            key: `${name}-${request.debounce.key}`,
            seconds: request.debounce.wait / 1000,
            ...(request.debounce.most === null ? {} : { maxSeconds: request.debounce.most / 1000 }),
          },
        }),
    ...(request.tokens === null ? {} : { budget: { tokens: request.tokens } }),
  })

  const followUpOf = ({ answers, input }: Extract<Request, { _tag: "FollowUp" }>): FollowUp => ({
    publicId: RunId.make(`${name}-${inputName(input)}`),
    resume: [],
    results: answers.map(({ call, result }) => Interrupt.toolResult(call, result)),
    snapshot: { ...fromText(JSON.stringify(answers)), protocol: "ag-ui" },
  })

  const pauseOf = (request: Extract<Request, { _tag: "Pause" }>): Suspension | Pause => ({
    ...(request.time === null ? {} : { wakeAfter: request.time }),
    ...(request.children.length === 0 ? {} : { children: request.children }),
    ...(request.inbox === null ? {} : { inbox: request.inbox }),
    ...(request.budget ? { budget: true } : {}),
    ...(request.calls.length === 0 ? {} : suspensionOf(request)),
  })

  return { suspensionOf, submissionOf, followUpOf, pauseOf }
}
