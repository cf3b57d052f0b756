/** Reads one answer of a model: its parts become AG-UI events, and its content becomes part of the next request. */
import type { AiError, Response, Tool } from "@effect/ai"
import { AgentEvent, type RequestSnapshot } from "@runlease/core"
import { AnswerEvents, PastAttempts, type UniqueIds } from "@runlease/core/executor"
import { Encoding, Option } from "effect"
import * as ProviderOptions from "./ProviderOptions.js"
import * as RequestedCall from "./RequestedCall.js"
import * as ToolResults from "./ToolResults.js"

type Events = ReadonlyArray<AgentEvent.AgentEvent>

interface ContentBlock extends AnswerEvents.Block {
  options: ProviderOptions.ProviderOptions
}

const makeBlock = (
  kind: ContentBlock["kind"],
  messageId: string,
  options: ProviderOptions.ProviderOptions,
): ContentBlock => ({ kind, messageId, text: "", options, open: false })

/** Appends a delta, which may carry options without text. */
const extend = (block: ContentBlock, delta: string, options: ProviderOptions.ProviderOptions): Events => {
  block.options = ProviderOptions.merge(block.options, options)
  return AnswerEvents.extend(block, delta)
}

/**
 * Ends the block's message. Reasoning that has options and no text gets a message here, so that the options have one to
 * belong to. `optionsOf` returns the events that record the options of a message.
 */
const close = (block: ContentBlock, optionsOf: (block: ContentBlock) => Events): Events => {
  const opening =
    block.kind === "reasoning" && !ProviderOptions.isEmpty(block.options) ? AnswerEvents.open(block) : []
  return [...opening, ...AnswerEvents.close(block, () => optionsOf(block))]
}

type Part = Response.StreamPart<Record<string, Tool.Any>>

type Options = ProviderOptions.ProviderOptions

/** A whole answer. `finish` is absent when the answer was cut off. `begun` is false when no part arrived. */
export interface Summary {
  readonly begun: boolean
  readonly finish: Response.FinishPart | undefined
  readonly model: string | undefined
  readonly calls: ReadonlyArray<RequestedCall.RequestedCall>
  /** What the answer has opened, calls of the provider included. */
  readonly messageIds: ReadonlyArray<string>
  readonly callIds: ReadonlyArray<string>
  /** The calls among these that the provider makes itself. */
  readonly providerCalls: ReadonlySet<string>
}

export interface Answer {
  readonly read: (part: Part) => Events
  /** The error part that the provider sent, if any. */
  readonly error: () => Response.ErrorPart | undefined
  /**
   * Repairs an answer that broke off in a call that cannot be made, such as one whose arguments are not JSON. The call then
   * carries its problem. Undefined when the answer broke off elsewhere.
   */
  readonly salvage: (error: AiError.AiError) => Events | undefined
  readonly summary: () => Summary
  /** The messages of the answer, as a later attempt reads them from the log. */
  readonly messages: () => ReadonlyArray<RequestSnapshot.SnapshotMessage>
}

/** Reads one answer. */
export const make = (ids: UniqueIds.UniqueIds): Answer => {
  const blocks: Array<ContentBlock | RequestedCall.CallBlock> = []
  const openBlocks = new Map<string, ContentBlock>()
  const calls = new Map<string, RequestedCall.CallBlock>()
  let begun = false
  let finish: Response.FinishPart | undefined
  let error: Response.ErrorPart | undefined
  let model: string | undefined
  const log: Array<AgentEvent.AgentEvent> = []

  const logged = (events: Events): Events => {
    for (const event of events) log.push(event)
    return events
  }

  const hasReasoned = () =>
    blocks.some(({ kind, options }) => kind === "reasoning" && !ProviderOptions.isEmpty(options))

  /** Providers demand their options back only in a turn that has reasoned. */
  const recordOptions = (subtype: "message" | "tool-call", entityId: string, options: Options): Events =>
    ProviderOptions.isEmpty(options) || !hasReasoned()
      ? []
      : [ProviderOptions.toEvent(subtype, entityId, options)]

  const startBlock = (kind: ContentBlock["kind"], id: string, options: Options): ContentBlock => {
    const block = makeBlock(kind, ids.nextMessageId(), options)
    openBlocks.set(`${kind} ${id}`, block)
    blocks.push(block)
    return block
  }

  const extendBlock = (kind: ContentBlock["kind"], id: string, delta: string, options: Options): Events =>
    extend(openBlocks.get(`${kind} ${id}`) ?? startBlock(kind, id, {}), delta, options)

  const closeBlock = (block: ContentBlock): Events =>
    close(block, ({ messageId, options }) => recordOptions("message", messageId, options))

  const endBlock = (kind: ContentBlock["kind"], id: string, options: Options): Events => {
    const key = `${kind} ${id}`
    const block = openBlocks.get(key)
    if (block === undefined) return []
    openBlocks.delete(key)
    block.options = ProviderOptions.merge(block.options, options)
    return closeBlock(block)
  }

  const startCall = (id: string, toolName: string, byProvider: boolean): Events => {
    const call = RequestedCall.make(ids.freshCallId(id), toolName, byProvider)
    calls.set(id, call)
    blocks.push(call)
    const parent = blocks.findLast((block) => block.kind !== "call")
    return AnswerEvents.startCall(call.toolCallId, toolName, parent)
  }

  const extendCall = (call: RequestedCall.CallBlock, delta: string): Events => {
    if (delta === "") return []
    call.args += delta
    return [AgentEvent.toolCallArgs(call.toolCallId, delta)]
  }

  const completeCall = (part: Extract<Part, { readonly type: "tool-call" }>): Events => {
    const events = calls.has(part.id) ? [] : [...startCall(part.id, part.name, part.providerExecuted)]
    const call = calls.get(part.id)!
    call.options = part.metadata
    call.params = part.params
    // The provider did not stream the arguments.
    if (call.args === "") events.push(...extendCall(call, JSON.stringify(part.params) ?? "{}"))
    if (call.byProvider) events.push(AgentEvent.toolCallEnd(call.toolCallId))
    events.push(...recordOptions("tool-call", call.toolCallId, call.options))
    call.complete = true
    return events
  }

  const readResult = (part: Extract<Part, { readonly type: "tool-result" }>): Events => {
    const call = calls.get(part.id)
    if (call !== undefined) call.answered = true
    const result = { content: JSON.stringify(part.encodedResult) ?? "null", isError: part.isFailure }
    return [ToolResults.eventOf(call?.toolCallId ?? part.id, result)]
  }

  const readFinish = (part: Response.FinishPart): Events => {
    finish = part
    return blocks.flatMap((block) => {
      if (block.kind !== "call") return block.open ? closeBlock(block) : []
      return block.byProvider && !block.answered ? [ToolResults.ofProvider(block.toolCallId)] : []
    })
  }

  const read = (part: Part): Events => {
    begun = true
    switch (part.type) {
      case "text-start":
        startBlock("text", part.id, part.metadata)
        return []
      case "text-delta":
        return extendBlock("text", part.id, part.delta, part.metadata)
      case "text-end":
        return endBlock("text", part.id, part.metadata)
      case "reasoning-start":
        startBlock("reasoning", part.id, part.metadata)
        return []
      case "reasoning-delta":
        return extendBlock("reasoning", part.id, part.delta, part.metadata)
      case "reasoning-end":
        return endBlock("reasoning", part.id, part.metadata)
      case "tool-params-start":
        return startCall(part.id, part.name, part.providerExecuted)
      case "tool-params-delta": {
        const call = calls.get(part.id)
        return call === undefined ? [] : extendCall(call, part.delta)
      }
      // TOOL_CALL_END is written when the call is about to be made.
      case "tool-params-end":
        return []
      case "tool-call":
        return completeCall(part)
      case "tool-result":
        return readResult(part)
      case "source":
        return [
          AgentEvent.reserved("runlease.source", {
            id: part.id,
            title: part.title,
            ...(part.sourceType === "url" ? { url: part.url } : { mediaType: part.mediaType }),
          }),
        ]
      case "file":
        return [
          AgentEvent.reserved("runlease.file", {
            mediaType: part.mediaType,
            data: Encoding.encodeBase64(part.data),
          }),
        ]
      case "response-metadata":
        model = Option.getOrElse(part.modelId, () => model)
        return []
      case "finish":
        return readFinish(part)
      case "error":
        error = part
        return []
    }
  }

  const salvage = (failed: AiError.AiError): Events | undefined => {
    if (failed._tag !== "MalformedOutput") return undefined
    const incomplete = blocks.flatMap((block) => (block.kind === "call" && !block.complete ? [block] : []))
    if (incomplete.length === 0) return undefined
    for (const call of incomplete) call.problem = RequestedCall.problemOf(call.args)
    return blocks.flatMap((block) => (block.kind !== "call" && block.open ? closeBlock(block) : []))
  }

  return {
    read: (part) => logged(read(part)),
    error: () => error,
    salvage: (failed) => {
      const events = salvage(failed)
      return events === undefined ? undefined : logged(events)
    },
    messages: () => PastAttempts.messagesOf(log),
    summary: () => ({
      begun,
      finish,
      model,
      calls: blocks.flatMap((block) => (block.kind === "call" ? RequestedCall.toRequested(block) : [])),
      messageIds: blocks.flatMap((block) => (block.kind === "call" ? [] : [block.messageId])),
      callIds: blocks.flatMap((block) => (block.kind === "call" ? [block.toolCallId] : [])),
      providerCalls: new Set(
        blocks.flatMap((block) => (block.kind === "call" && block.byProvider ? [block.toolCallId] : [])),
      ),
    }),
  }
}
