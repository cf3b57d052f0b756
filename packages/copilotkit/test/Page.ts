/**
 * A page without a browser: uses CopilotKit's core as its React components do.
 */
import type { AbstractAgent, Interrupt, Message } from "@ag-ui/client"
import { CopilotKitCore, ɵInterruptState as InterruptState } from "@copilotkit/core"
import { Data, Effect, type Scope } from "effect"
import { z } from "zod"

export class PageError extends Data.TaggedError("PageError")<{
  readonly code: string
  readonly message: string
}> {}

export interface Page {
  readonly agent: AbstractAgent
  /** The arguments of the calls of the page's tool. */
  readonly accents: ReadonlyArray<string>
  /** Sends a user message and waits for the end of the answer, including the calls of the page's tool. */
  readonly say: (content: string) => Effect.Effect<void, PageError>
  /** Answers the one open interrupt, as the hook `useInterrupt` does. */
  readonly respond: (approved: boolean) => Effect.Effect<void, PageError>
  /** Loads the page: the thread so far, and its run in progress, to the end. */
  readonly connect: Effect.Effect<void, PageError>
  readonly stop: Effect.Effect<void>
  /** Waits until the messages pass `test`. */
  readonly until: (test: (messages: ReadonlyArray<Message>) => boolean) => Effect.Effect<void>
  /** Waits until an answer contains this text. */
  readonly shows: (text: string) => Effect.Effect<void>
  readonly interrupts: () => ReadonlyArray<Interrupt>
  readonly answer: () => unknown
}

/** Opens the page at a thread; the Scope closes it. The page's tool records the colour and runs `setAccent`. Each request has `headers`. */
export const open = (
  runtimeUrl: string,
  threadId: string,
  setAccent: (color: string) => Promise<string> = async (color) => `${color} it is`,
  headers: Record<string, string> = {},
): Effect.Effect<Page, never, Scope.Scope> =>
  Effect.gen(function* () {
    const accents: Array<string> = []
    const core = new CopilotKitCore({
      runtimeUrl,
      runtimeTransport: "rest",
      headers,
      tools: [
        {
          name: "setAccent",
          description: "Sets the accent colour of the page.",
          parameters: z.object({ color: z.string() }),
          handler: async ({ color }) => {
            accents.push(color)
            return setAccent(color)
          },
        },
      ],
    })
    // Outside a browser the core does not request its agents from the runtime.
    const { agent } = core.registerProxiedAgent({ agentId: "chat", runtimeAgentId: "assistant" })
    agent.threadId = threadId
    yield* Effect.addFinalizer(() => Effect.sync(() => agent.abortController.abort()))

    const state = new InterruptState()
    let interrupts: ReadonlyArray<Interrupt> = []
    let askedBy = ""
    agent.subscribe({
      onRunStartedEvent: () => {
        interrupts = []
        state.clear()
      },
      onRunFinishedEvent: (finished) => {
        if (finished.outcome !== "interrupt") return
        interrupts = finished.interrupts
        state.setStandard(finished.interrupts)
        askedBy = finished.input.runId
      },
    })

    /** The core reports errors to its subscribers only; its promises resolve anyway. */
    const attempt = (action: () => Promise<unknown>) =>
      Effect.gen(function* () {
        const errors: Array<PageError> = []
        const { unsubscribe } = core.subscribe({
          onError: ({ code, error }) => {
            errors.push(new PageError({ code, message: error.message }))
          },
        })
        yield* Effect.tryPromise({
          try: action,
          catch: (error) => new PageError({ code: "rejected", message: String(error) }),
        }).pipe(Effect.ensuring(Effect.sync(unsubscribe)))
        const [error] = errors
        if (error !== undefined) return yield* error
      })

    const until: Page["until"] = (test) =>
      Effect.async((resume) => {
        const check = () => {
          if (test(agent.messages)) resume(Effect.void)
        }
        const { unsubscribe } = agent.subscribe({ onMessagesChanged: check })
        check()
        return Effect.sync(unsubscribe)
      })

    return {
      agent,
      accents,
      say: (content) =>
        attempt(() => {
          agent.addMessage({ id: crypto.randomUUID(), role: "user", content })
          return core.runAgent({ agent })
        }),
      respond: (approved) =>
        attempt(async () => {
          const decision = state.resolve({ approved })
          if (decision.kind !== "resume") throw new Error(`There is no answer to send: ${decision.kind}`)
          for (const { content, toolCallId } of decision.toolResults) {
            agent.addMessage({ id: crypto.randomUUID(), role: "tool", toolCallId, content })
          }
          // Sent with the id of the interrupted run, as the hook does.
          await core.runAgent({ agent, resume: decision.resume, runId: askedBy })
        }),
      connect: attempt(() => core.connectAgent({ agent })),
      stop: Effect.sync(() => core.stopAgent({ agent })),
      until,
      shows: (text) =>
        until((messages) =>
          messages.some(
            ({ content, role }) =>
              role === "assistant" && typeof content === "string" && content.includes(text),
          ),
        ),
      interrupts: () => interrupts,
      answer: () => agent.messages.findLast(({ role }) => role === "assistant")?.content,
    }
  })
