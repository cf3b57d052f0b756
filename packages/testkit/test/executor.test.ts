import { Agent, Emit, Executor } from "@runlease/core"
import { Effect, type ParseResult, Schema, Stream } from "effect"
import * as ExecutorSuite from "../src/ExecutorSuite.js"

class PeerGone extends Schema.TaggedError<PeerGone>()("PeerGone", { message: Schema.String }) {}
class LineTooLong extends Schema.TaggedError<LineTooLong>()("LineTooLong", { message: Schema.String }) {}

const maxLineLength = 1024 * 1024
const Line = Schema.parseJson(Schema.String)

const linesOf = (
  behaviour: ExecutorSuite.Behaviour,
  onProduced: () => void,
): Stream.Stream<string, PeerGone> => {
  const lines = (texts: ReadonlyArray<string>) =>
    Stream.fromIterable(texts.map((text) => JSON.stringify(text)))
  switch (behaviour._tag) {
    case "Says":
      return lines(behaviour.texts)
    case "SaysThenHangs":
      return Stream.concat(lines(behaviour.texts), Stream.never)
    case "SaysThenCrashes":
      return Stream.concat(lines(behaviour.texts), new PeerGone({ message: "The peer has died" }))
    case "Floods":
      return Stream.tap(Stream.repeatValue('"more "'), () => Effect.sync(onProduced))
    case "Huge":
      return lines(["x".repeat(behaviour.bytes)])
    case "Malformed":
      return Stream.make('{"not"')
  }
}

const decode = (line: string): Effect.Effect<string, LineTooLong | ParseResult.ParseError> =>
  line.length > maxLineLength
    ? new LineTooLong({ message: `A line is longer than ${maxLineLength} characters` })
    : Schema.decode(Line)(line)

/** The texts of a peer, which lives for as long as they are read. */
const textsOf = (behaviour: ExecutorSuite.Behaviour) => {
  let alive = 0
  let produced = 0
  const peer = Effect.acquireRelease(
    Effect.sync(() => void alive++),
    () => Effect.sync(() => void alive--),
  )
  const texts = Stream.unwrapScoped(
    Effect.as(
      peer,
      linesOf(behaviour, () => void produced++),
    ),
  ).pipe(Stream.mapEffect(decode))
  return { texts, alive: Effect.sync(() => alive), produced: Effect.sync(() => produced) }
}

/** An executor made from a function; its peer writes lines of JSON. */
ExecutorSuite.suite("Executor.from of a Stream", (behaviour) =>
  Effect.sync(() => {
    const { texts, ...counts } = textsOf(behaviour)
    return { execute: Executor.from(() => texts), ...counts }
  }),
)

ExecutorSuite.suite("Executor.from of an Effect", (behaviour) =>
  Effect.sync(() => {
    const { texts, ...counts } = textsOf(behaviour)
    return { execute: Executor.from(() => Stream.runForEach(texts, Emit.text)), ...counts }
  }),
)

const Writer = Agent.make({ name: "writer", payload: { topic: Schema.String }, success: Schema.Int })

ExecutorSuite.suite("an agent with types", (behaviour) => {
  const { texts, ...counts } = textsOf(behaviour)
  const layer = Writer.toLayer(({ topic }) => Stream.concat(texts, Stream.make(Agent.result(topic.length))))
  return Effect.map(ExecutorSuite.ofAgent(Writer, { topic: "sun" }, layer), (subject) => ({
    ...subject,
    ...counts,
  }))
})
