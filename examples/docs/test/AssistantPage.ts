/**
 * A page of assistant-ui without a browser: the component and the route of docs/ag-ui.md.
 */
import { HttpApp, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import {
  type AssistantRuntime,
  type AssistantToolProps,
  type ThreadRuntime,
  useAssistantTool,
} from "@assistant-ui/react"
import { Context, Deferred, Effect, Layer, type Scope } from "effect"
import { createServer } from "node:http"
import { type ComponentType, createElement, Profiler, type ReactNode } from "react"
import { create, type ReactTestInstance } from "react-test-renderer"
import { vi } from "vitest"
import * as Code from "./Code.js"

/** A request of the page to an agent. */
interface Input {
  readonly threadId: string
  readonly runId: string
  readonly messages: ReadonlyArray<{ readonly role: string }>
}

interface Assistant {
  readonly Assistant: ComponentType<{ readonly threadId: string; readonly children?: ReactNode }>
  readonly Questions: ComponentType
}

/** The component of docs/ag-ui.md, and a server with its route. */
export class Site extends Context.Tag("example-docs/Site")<
  Site,
  Assistant & { readonly inputs: ReadonlyArray<Input> }
>() {}

/** Serves the page and its route in front of the Runlease server of the settings. */
export const layer = <E, R>(settings: Effect.Effect<Readonly<Record<string, string>>, E, R>) =>
  Layer.scoped(
    Site,
    Effect.gen(function* () {
      const inputs: Array<Input> = []
      const code = Object.fromEntries(
        Code.blocksOf(yield* Effect.promise(() => Code.read("../../../docs/ag-ui.md"))).flatMap(
          ({ name, text }) => (name === undefined ? [] : [[name, text]]),
        ),
      )
      const written = (folder: string, names: ReadonlyArray<string>, change: (text: string) => string) =>
        Effect.promise(() =>
          Code.write(folder, Object.fromEntries(names.map((name) => [name, change(code[name] ?? "")]))),
        )

      const env = yield* settings
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.entries(env).forEach(([name, value]) => vi.stubEnv(name, value))),
        () => Effect.sync(() => vi.unstubAllEnvs()),
      )
      const backend = yield* written("assistant-backend", ["agent.ts", "proxy.ts"], (text) => text)
      const { toRunlease }: { toRunlease: (request: Request) => Promise<Response> } = yield* Effect.promise(
        () => import(`${backend}proxy.ts`),
      )
      const http = yield* Layer.build(
        HttpServer.serve(
          HttpApp.fromWebHandler(async (request) => {
            if (request.url.includes("/ag-ui/")) inputs.push(JSON.parse(await request.clone().text()))
            return toRunlease(request)
          }),
        ).pipe(
          Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
        ),
      )
      const url = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), http)

      // A browser completes URLs that begin with a slash.
      const page = yield* written("assistant-page", ["Assistant.tsx"], (text) =>
        text
          .replaceAll("/runlease/", `${url}/runlease/`)
          .replaceAll('"@ag-ui/client"', '"@ag-ui/client-0.0.59"'),
      )
      const assistant: Assistant = yield* Effect.promise(() => import(`${page}Assistant.tsx`))
      return { ...assistant, inputs }
    }),
  )

export type Tool = AssistantToolProps<{ color: string }, string>

type Thread = ReturnType<ThreadRuntime["getState"]>

export interface Page {
  readonly thread: ThreadRuntime
  /** All requests of this thread so far, from every page. */
  readonly inputs: () => ReadonlyArray<Input>
  /** Waits until the thread passes `test`. */
  readonly until: (test: (thread: Thread) => boolean) => Effect.Effect<void>
  /** Executes an action, waits for the end of the answer, and returns its text. */
  readonly answer: (action: () => void) => Effect.Effect<string>
  /** The buttons of the open questions. */
  readonly buttons: () => ReadonlyArray<ReactTestInstance>
}

/** The text of the last message; empty when that is a tool call. */
export const lastText = ({ messages }: Thread): string =>
  messages
    .at(-1)
    ?.content.map((part) => (part.type === "text" ? part.text : ""))
    .join("") ?? ""

/** Opens the page at a thread and waits until it is loaded; the Scope closes it. */
export const open = (
  threadId: string,
  tools: ReadonlyArray<Tool> = [],
): Effect.Effect<Page, never, Site | Scope.Scope> =>
  Effect.gen(function* () {
    const { Assistant, inputs, Questions } = yield* Site
    const listeners = new Set<() => void>()
    const onRender = () => listeners.forEach((listener) => listener())
    const Registered = ({ tool }: { tool: Tool }) => {
      useAssistantTool(tool)
      return null
    }
    const registered = tools.map((tool) => createElement(Registered, { tool, key: tool.toolName }))
    const assistant = createElement(Assistant, { threadId }, createElement(Questions), registered)

    const mounted = yield* Deferred.make<void>()
    listeners.add(() => Deferred.unsafeDone(mounted, Effect.void))
    const page = yield* Effect.acquireRelease(
      Effect.sync(() => create(createElement(Profiler, { id: threadId, onRender }, assistant))),
      (rendered) => Effect.sync(() => rendered.unmount()),
    )
    yield* Deferred.await(mounted)
    const [provider] = page.root.findAll(({ props }) => "runtime" in props)
    const { thread }: AssistantRuntime = provider!.props["runtime"]
    yield* Effect.acquireRelease(
      Effect.sync(() => thread.subscribe(onRender)),
      (unsubscribe) => Effect.sync(unsubscribe),
    )

    const until: Page["until"] = (test) =>
      Effect.async((resume) => {
        const check = () => {
          if (!test(thread.getState())) return
          listeners.delete(check)
          resume(Effect.void)
        }
        listeners.add(check)
        check()
        return Effect.sync(() => listeners.delete(check))
      })
    yield* until(({ isLoading }) => isLoading)
    yield* until(({ isLoading }) => !isLoading)

    return {
      thread,
      inputs: () => inputs.filter((input) => input.threadId === threadId),
      until,
      answer: (action) =>
        Effect.gen(function* () {
          const before = thread.getState().messages.length
          action()
          yield* until(
            (now) =>
              now.messages.length > before &&
              now.messages.at(-1)?.role === "assistant" &&
              !now.isRunning &&
              lastText(now) !== "",
          )
          return lastText(thread.getState())
        }),
      buttons: () => page.root.findAllByType("button"),
    }
  })
