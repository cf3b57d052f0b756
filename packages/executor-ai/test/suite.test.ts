import { Executor } from "@runlease/core"
import { ExecutorSuite } from "@runlease/testkit"
import { Effect, Match, Stream } from "effect"
import { readdir } from "node:fs/promises"
import * as ModelRuns from "./ModelRuns.js"
import * as ModelServer from "./ModelServer.js"
import * as Searches from "../../testkit/test/Searches.js"

const flood = function* () {
  for (let n = 0; ; n++) yield `${n} and on and on `
}

/** What a server says for a behaviour; `read` is when all of the text has been read. */
const turnOf = (read: () => Promise<void>) =>
  Match.type<ExecutorSuite.Behaviour>().pipe(
    Match.withReturnType<ModelServer.Turn | ModelServer.Plain>(),
    Match.tagsExhaustive({
      Says: ({ texts }) => ({ texts }),
      SaysThenHangs: ({ texts }) => ({ texts, ending: "hang" }),
      SaysThenCrashes: ({ texts }) => ({
        texts,
        ending: "cut",
        until: texts.length === 0 ? Promise.resolve() : read(),
      }),
      Floods: () => ({ texts: flood() }),
      Huge: ({ bytes }) => ({ texts: ["x".repeat(bytes)] }),
      Malformed: () => ({
        status: 200,
        headers: { "content-type": "text/event-stream" },
        body: "data: this is no answer of a model\n\n",
      }),
    }),
  )

const make =
  (protocol: ModelServer.Protocol): Parameters<typeof ExecutorSuite.suite>[1] =>
  (behaviour) =>
    Effect.gen(function* () {
      // A cut connection loses unread data, so the peer dies after all of its output has been read.
      const reading = new Set<() => void>()
      const turn = turnOf(() => new Promise<void>((resolve) => reading.add(resolve)))
      const server = yield* ModelServer.make(() => turn(behaviour))
      const { execute } = yield* ModelRuns.executor(protocol, server)
      const all = "texts" in behaviour ? behaviour.texts.join("") : undefined
      return {
        execute: (run) =>
          Stream.suspend(() => {
            let text = ""
            return Stream.tap(Executor.toStream(execute)(run), (event) =>
              Effect.sync(() => {
                text += ModelRuns.textOf([event])
                if (text !== all) return
                for (const read of reading) read()
                reading.clear()
              }),
            )
          }),
        produced: server.produced,
        alive: server.open,
      }
    })

const descriptors = Effect.map(
  Effect.promise(() => readdir("/proc/self/fd")),
  (names) => names.length,
)

// The parts of the executor above a protocol are the same, and other files use each protocol: a commit takes one of the three.
for (const protocol of Searches.oneOf(ModelRuns.protocols)) {
  ExecutorSuite.suite(
    `model, ${protocol}`,
    make(protocol),
    process.platform === "linux" ? { descriptors } : {},
  )
}
