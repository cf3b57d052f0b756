import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { AgentEvent } from "@runlease/core"
import { Executor } from "@runlease/core"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWorker from "@runlease/testkit/TestWorker"
import * as ai5 from "ai-5"
import * as ai6 from "ai-6"
import { Effect, Schedule } from "effect"
import { testerWith } from "../../http/test/agui/HttpAgents.js"
import { Served } from "../../http/test/serving.js"
import { sqlite } from "../../http/test/sqlite.js"
import * as ChatFace from "../src/ChatFace.js"

const tester = testerWith({ faces: [ChatFace.face] })

const test = tester(sqlite)

interface Page {
  readonly status: string
  readonly messages: ReadonlyArray<{
    readonly role: string
    readonly parts: ReadonlyArray<{ readonly type: string; readonly text?: string }>
  }>
  readonly sendMessage: (message: { readonly text: string }) => Promise<void>
}

/** A state that nothing renders. */
class State<M> {
  status: "submitted" | "streaming" | "ready" | "error" = "ready"
  error: Error | undefined = undefined
  messages: Array<M> = []
  pushMessage = (message: M) => {
    this.messages = [...this.messages, message]
  }
  popMessage = () => {
    this.messages = this.messages.slice(0, -1)
  }
  replaceMessage = (index: number, message: M) => {
    this.messages = this.messages.map((other, at) => (at === index ? message : other))
  }
  snapshot = <T>(thing: T): T => structuredClone(thing)
}

class Chat5 extends ai5.AbstractChat<ai5.UIMessage> {
  constructor(options: { readonly api: string; readonly headers: Record<string, string> }) {
    super({ state: new State<ai5.UIMessage>(), transport: new ai5.DefaultChatTransport(options) })
  }
}

class Chat6 extends ai6.AbstractChat<ai6.UIMessage> {
  constructor(options: { readonly api: string; readonly headers: Record<string, string> }) {
    super({ state: new State<ai6.UIMessage>(), transport: new ai6.DefaultChatTransport(options) })
  }
}

const textOf = (page: Page) =>
  (page.messages.at(-1)?.parts ?? []).flatMap((part) => (part.type === "text" ? [part.text] : [])).join("|")

for (const [version, make] of [
  ["5", (options: ConstructorParameters<typeof Chat5>[0]): Page => new Chat5(options)],
  ["6", (options: ConstructorParameters<typeof Chat6>[0]): Page => new Chat6(options)],
] as const) {
  describe(`a page with version ${version} of the AI SDK`, () => {
    test(
      "talks, and takes an answer that another worker begins anew",
      Effect.gen(function* () {
        const { key, url } = yield* Served
        const page = make({
          api: `${url}/chat/agent`,
          headers: { authorization: `Bearer ${key}`, "x-ai-sdk": version },
        })
        const sent = page.sendMessage({ text: "go" })
        const worker = yield* TestRuns.register()
        const [claimed] = yield* TestRuns.claim(worker, { wait: "10 seconds", leaseDuration: "5 seconds" })
        yield* TestRuns.append(claimed!, [AgentEvent.textStart("m"), AgentEvent.textContent("m", "half")])
        yield* Effect.repeat(
          Effect.sync(() => textOf(page)),
          { until: (text) => text === "half", schedule: Schedule.spaced("5 millis") },
        )
        yield* TestWorker.start(Executor.from(() => Effect.succeed("whole")))
        yield* Effect.promise(() => sent)
        deepStrictEqual([page.status, textOf(page)], ["ready", "half|whole"])
        strictEqual(page.messages.length, 2)
      }),
    )
  })
}
