/** Messages to the run of an execution: the exit of a deferred, and an interruption. */
import type { Inbox } from "@runlease/core"
import { Schema } from "effect"
import { digestOf } from "./Names.js"

const interruptionType = "workflow.interrupt"

/** The message that interrupts an execution. A repeat of it is the same message. */
export const interruption = { idempotencyKey: interruptionType, parts: [{ type: interruptionType }] } as const

export const isInterruption = ({ parts }: Inbox.InboxMessage): boolean =>
  parts.some(({ type }) => type === interruptionType)

const DeferredPart = Schema.Struct({
  type: Schema.Literal("workflow.deferred"),
  name: Schema.String,
  exit: Schema.Unknown,
})

const isDeferredPart = Schema.is(DeferredPart)

/** The message that completes a deferred. Of several, the first is the only one. */
export const completion = (name: string, exit: unknown) => ({
  idempotencyKey: `workflow.deferred ${digestOf("deferred", name)}`,
  parts: [{ type: "workflow.deferred", name, exit } satisfies typeof DeferredPart.Type],
})

/** The exit of a deferred, as JSON. Undefined while it has none. */
export const exitOf = (messages: ReadonlyArray<Inbox.InboxMessage>, name: string): unknown =>
  messages.flatMap(({ parts }) => parts).find((part) => isDeferredPart(part) && part.name === name)?.["exit"]
