import { Agent, Child, ChildMessage, Inbox, type InboxMessage, Step } from "@runlease/core"
import { Context, Effect, Option, Schema, Stream } from "effect"

/** What a researcher needs a long time for. */
export class Library extends Context.Tag("Library")<
  Library,
  { readonly read: (topic: string) => Effect.Effect<string> }
>() {}

const Researcher = Agent.make({
  name: "researcher",
  payload: { topic: Schema.String },
  success: Schema.Struct({ topic: Schema.String, finding: Schema.String }),
})

export const Chat = Agent.make({ name: "chat" })

export const researcher = Researcher.toLayer(({ topic }) =>
  Effect.map(
    Effect.flatMap(Library, ({ read }) => Step.run("read", read(topic))),
    (finding) => ({
      topic,
      finding,
    }),
  ),
)

const textOf = ({ parts }: InboxMessage.InboxMessage): string =>
  parts.flatMap(({ text, type }) => (type === "text" ? [String(text)] : [])).join("")

/** Takes one message after the other. Between two of them the run waits without a worker, also while a child works. */
export const chat = Chat.toLayer(() =>
  Effect.gen(function* () {
    const working: Array<Effect.Effect.Success<ReturnType<typeof research>>> = []
    for (let round = 0; ; round++) {
      const say = (text: string) => Step.stream("say", Stream.make(`${text}\n`), { key: round })
      const message = yield* Inbox.take("next", { key: round })
      const ended = ChildMessage.fromMessage(message)
      const text = textOf(message)
      const topic = /^Find out about (\w+)/.exec(text)?.[1]
      if (Option.isSome(ended)) {
        // It has ended, so nothing waits here.
        const { finding } = yield* Child.join(working[ended.value.index]!)
        yield* say(finding)
      } else if (topic !== undefined) {
        working.push(yield* research(topic, round))
        yield* say(`A researcher looks into ${topic}.`)
      } else if (text === "Bye") {
        return "Bye"
      } else {
        yield* say(`You said: ${text}`)
      }
    }
  }),
)

/** Begins work in the background: its end is a message to this run. */
const research = (topic: string, key: number) =>
  Child.spawn("research", Researcher, { topic }, { key, tellsParent: true })
