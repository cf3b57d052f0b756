/** One answer of a model: its parts as AG-UI events, and what of it goes into the next request. */
import { type AiError, Prompt, type Response, type Tool } from "@effect/ai"
import { AgentEvent } from "@runlease/core"
import { Encoding, Option, Schema } from "effect"
import * as Conversation from "./Conversation.js"
import * as Results from "./Results.js"
import type { UniqueIds } from "./UniqueIds.js"

type Part = Response.StreamPart<Record<string, Tool.Any>>

type Options = Prompt.ProviderOptions

/** A call that the model asks for. `problem` says why it cannot be made. */
export interface Asked {
  readonly toolCallId: string
  readonly toolName: string
  readonly args: string
  readonly params: unknown
  readonly problem: string | undefined
}

/** What an answer came to. `finish` is absent when it was cut off, `begun` says whether there was any of it. */
export interface Answered {
  readonly begun: boolean
  readonly finish: Response.FinishPart | undefined
  readonly model: string | undefined
  readonly content: ReadonlyArray<Prompt.AssistantMessagePart>
  readonly calls: ReadonlyArray<Asked>
}

export interface Answer {
  /** The events of a part. */
  readonly read: (part: Part) => ReadonlyArray<AgentEvent.AgentEvent>
  /** An error that the provider sent as a part, once it did. */
  readonly error: () => Response.ErrorPart | undefined
  /**
   * Makes what it can of an answer that broke off in a call that nobody can make, such as one with arguments that are no
   * JSON: the call, with its problem. Undefined when that is not where it broke off.
   */
  readonly salvage: (error: AiError.AiError) => ReadonlyArray<AgentEvent.AgentEvent> | undefined
  readonly end: () => Answered
}

interface Said {
  readonly kind: "text" | "reasoning"
  readonly messageId: string
  text: string
  options: Options
  open: boolean
}

interface Call {
  readonly kind: "call"
  readonly toolCallId: string
  readonly toolName: string
  readonly byProvider: boolean
  args: string
  params: unknown
  options: Options
  complete: boolean
  answered: boolean
  problem: string | undefined
}

const merged = (a: Options, b: Options): Options => {
  const all: Record<string, Options[string]> = { ...a }
  for (const [provider, fields] of Object.entries(b)) {
    if (fields !== undefined) all[provider] = { ...all[provider], ...fields }
  }
  return all
}

const isEmpty = (options: Options) => Object.values(options).every((fields) => fields === undefined)

const parseJson = Schema.decodeUnknownOption(Schema.parseJson())

const problemOf = (args: string): string =>
  Option.isNone(parseJson(args))
    ? `The arguments are not valid JSON: ${args.slice(0, 500)}`
    : "There is no such tool, or its arguments are not a JSON object."

/** Reads one answer. */
export const make = (ids: UniqueIds): Answer => {
  const items: Array<Said | Call> = []
  const said = new Map<string, Said>()
  const calls = new Map<string, Call>()
  let begun = false
  let finish: Response.FinishPart | undefined
  let error: Response.ErrorPart | undefined
  let model: string | undefined

  const reasoned = () => items.some(({ kind, options }) => kind === "reasoning" && !isEmpty(options))

  /** What the provider must be given back with what its model said, where it had reasoned. */
  const remember = (
    subtype: "message" | "tool-call",
    entityId: string,
    options: Options,
  ): ReadonlyArray<AgentEvent.AgentEvent> =>
    isEmpty(options) || !reasoned()
      ? []
      : [
          {
            type: "REASONING_ENCRYPTED_VALUE",
            subtype,
            entityId,
            encryptedValue: Conversation.encodeOptions(options),
          },
        ]

  const start = (kind: Said["kind"], id: string, options: Options): ReadonlyArray<AgentEvent.AgentEvent> => {
    const item: Said = { kind, messageId: ids.nextMessageId(), text: "", options, open: false }
    said.set(`${kind} ${id}`, item)
    items.push(item)
    return []
  }

  /** A message is opened by the first of its text, so that none is empty. */
  const opened = (item: Said): ReadonlyArray<AgentEvent.AgentEvent> => {
    if (item.open) return []
    item.open = true
    return item.kind === "text"
      ? [AgentEvent.textStart(item.messageId)]
      : [
          { type: "REASONING_START", messageId: item.messageId },
          { type: "REASONING_MESSAGE_START", messageId: item.messageId, role: "reasoning" },
        ]
  }

  const extend = (
    kind: Said["kind"],
    id: string,
    delta: string,
    options: Options,
  ): ReadonlyArray<AgentEvent.AgentEvent> => {
    if (!said.has(`${kind} ${id}`)) start(kind, id, {})
    const item = said.get(`${kind} ${id}`)!
    item.options = merged(item.options, options)
    if (delta === "") return []
    item.text += delta
    return [
      ...opened(item),
      kind === "text"
        ? AgentEvent.textContent(item.messageId, delta)
        : { type: "REASONING_MESSAGE_CONTENT", messageId: item.messageId, delta },
    ]
  }

  /** Reasoning without text is opened here, so that what only the provider can read has a message. */
  const closeSaid = (item: Said): ReadonlyArray<AgentEvent.AgentEvent> => {
    const { messageId, options } = item
    if (item.kind === "text") {
      const wasOpen = item.open
      item.open = false
      return wasOpen ? [AgentEvent.textEnd(messageId), ...remember("message", messageId, options)] : []
    }
    if (!item.open && isEmpty(options)) return []
    const opening = opened(item)
    item.open = false
    return [
      ...opening,
      { type: "REASONING_MESSAGE_END", messageId },
      ...remember("message", messageId, options),
      { type: "REASONING_END", messageId },
    ]
  }

  const stop = (kind: Said["kind"], id: string, options: Options): ReadonlyArray<AgentEvent.AgentEvent> => {
    const key = `${kind} ${id}`
    const item = said.get(key)
    if (item === undefined) return []
    said.delete(key)
    item.options = merged(item.options, options)
    return closeSaid(item)
  }

  const startCall = (
    id: string,
    toolName: string,
    byProvider: boolean,
  ): ReadonlyArray<AgentEvent.AgentEvent> => {
    const call: Call = {
      kind: "call",
      toolCallId: ids.freshCallId(id),
      toolName,
      byProvider,
      args: "",
      params: {},
      options: {},
      complete: false,
      answered: false,
      problem: undefined,
    }
    calls.set(id, call)
    items.push(call)
    // A call after more reasoning is of a message of its own, so that a client keeps the order.
    const parent = items.findLast(({ kind }) => kind !== "call")
    return [
      {
        ...AgentEvent.toolCallStart(call.toolCallId, toolName),
        ...(parent?.kind === "text" && parent.text !== "" ? { parentMessageId: parent.messageId } : {}),
      },
    ]
  }

  const extendCall = (call: Call, delta: string): ReadonlyArray<AgentEvent.AgentEvent> => {
    if (delta === "") return []
    call.args += delta
    return [AgentEvent.toolCallArgs(call.toolCallId, delta)]
  }

  const completeCall = (
    part: Extract<Part, { readonly type: "tool-call" }>,
  ): ReadonlyArray<AgentEvent.AgentEvent> => {
    const events = calls.has(part.id) ? [] : [...startCall(part.id, part.name, part.providerExecuted)]
    const call = calls.get(part.id)!
    call.options = part.metadata
    call.params = part.params
    // Arguments that were not streamed.
    if (call.args === "") events.push(...extendCall(call, JSON.stringify(part.params) ?? "{}"))
    if (call.byProvider) events.push(AgentEvent.toolCallEnd(call.toolCallId))
    events.push(...remember("tool-call", call.toolCallId, call.options))
    call.complete = true
    return events
  }

  const read = (part: Part): ReadonlyArray<AgentEvent.AgentEvent> => {
    begun = true
    switch (part.type) {
      case "text-start":
        return start("text", part.id, part.metadata)
      case "text-delta":
        return extend("text", part.id, part.delta, part.metadata)
      case "text-end":
        return stop("text", part.id, part.metadata)
      case "reasoning-start":
        return start("reasoning", part.id, part.metadata)
      case "reasoning-delta":
        return extend("reasoning", part.id, part.delta, part.metadata)
      case "reasoning-end":
        return stop("reasoning", part.id, part.metadata)
      case "tool-params-start":
        return startCall(part.id, part.name, part.providerExecuted)
      case "tool-params-delta": {
        const call = calls.get(part.id)
        return call === undefined ? [] : extendCall(call, part.delta)
      }
      // Whoever makes the call ends its arguments, when it is about to.
      case "tool-params-end":
        return []
      case "tool-call":
        return completeCall(part)
      case "tool-result": {
        const call = calls.get(part.id)
        if (call !== undefined) call.answered = true
        const result = { content: JSON.stringify(part.encodedResult) ?? "null", isError: part.isFailure }
        return [Results.eventOf(call?.toolCallId ?? part.id, result)]
      }
      case "source":
        return [
          AgentEvent.custom("runlease.source", {
            id: part.id,
            title: part.title,
            ...(part.sourceType === "url" ? { url: part.url } : { mediaType: part.mediaType }),
          }),
        ]
      case "file":
        return [
          AgentEvent.custom("runlease.file", {
            mediaType: part.mediaType,
            data: Encoding.encodeBase64(part.data),
          }),
        ]
      case "response-metadata":
        model = Option.getOrElse(part.modelId, () => model)
        return []
      case "finish":
        finish = part
        return items.flatMap((item) => {
          if (item.kind !== "call") return item.open ? closeSaid(item) : []
          return item.byProvider && !item.answered ? [Results.ofProvider(item.toolCallId)] : []
        })
      case "error":
        error = part
        return []
    }
  }

  const salvage = (failed: AiError.AiError): ReadonlyArray<AgentEvent.AgentEvent> | undefined => {
    if (failed._tag !== "MalformedOutput") return undefined
    const unmade = items.filter((item): item is Call => item.kind === "call" && !item.complete)
    if (unmade.length === 0) return undefined
    for (const call of unmade) call.problem = problemOf(call.args)
    return items.flatMap((item) => (item.kind !== "call" && item.open ? closeSaid(item) : []))
  }

  return {
    read,
    error: () => error,
    salvage,
    end: () => ({
      begun,
      finish,
      model,
      content: items.flatMap((item): ReadonlyArray<Prompt.AssistantMessagePart> => {
        if (item.kind === "call") {
          if (item.byProvider) return []
          return [
            Prompt.toolCallPart({
              id: item.toolCallId,
              name: item.toolName,
              params: Conversation.paramsOf(item.params),
              providerExecuted: false,
              options: item.options,
            }),
          ]
        }
        if (item.kind === "reasoning")
          return [Prompt.reasoningPart({ text: item.text, options: item.options })]
        return item.text === "" ? [] : [Prompt.textPart({ text: item.text, options: item.options })]
      }),
      calls: items.flatMap((item) =>
        item.kind === "call" && !item.byProvider
          ? [
              {
                toolCallId: item.toolCallId,
                toolName: item.toolName,
                args: item.args,
                params: item.params,
                problem: item.problem,
              },
            ]
          : [],
      ),
    }),
  }
}
