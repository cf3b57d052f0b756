/**
 * The types of agents. The compiler checks them; at run time each expression is made and not run.
 */
import { describe, expectTypeOf, it } from "@effect/vitest"
import {
  Agent,
  type AgentEvent,
  Child,
  type ControlPlaneError,
  type Executor,
  type Ids,
  type Leases,
  type Run,
  type RunLog,
  type Runs,
  type Step,
} from "@runlease/core"
import { Context, type DateTime, Effect, type Either, type Layer, Schema, Stream } from "effect"

class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { files: Schema.Int }) {}
class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {}

class Reviewers extends Context.Tag("test/Reviewers")<Reviewers, ReadonlyArray<string>>() {}

const Review = Agent.make({
  name: "review",
  payload: { repository: Schema.String, pull: Schema.Int, since: Schema.optional(Schema.DateTimeUtc) },
  success: Schema.Struct({ approved: Schema.Boolean, at: Schema.DateTimeUtc }),
  error: Schema.Union(TooLarge, Closed),
})
const Count = Agent.make({ name: "count", payload: Schema.Array(Schema.String), success: Schema.Int })
const Chat = Agent.make({ name: "chat" })

interface Payload {
  readonly repository: string
  readonly pull: number
  readonly since?: DateTime.Utc | undefined
}
interface Success {
  readonly approved: boolean
  readonly at: DateTime.Utc
}
type Awaiting =
  | Agent.RunFailed
  | Agent.ResultUnreadable
  | Run.RunNotFound
  | ControlPlaneError.ControlPlaneError

const payload = { repository: "runlease", pull: 1 }
const runId = "run" as Ids.RunId
const approved = (at: DateTime.Utc) => ({ approved: true, at })

describe("the types of an agent", () => {
  it("are those of its payload, its value and its errors", () => {
    expectTypeOf<Parameters<typeof Review.submit>[0]>().toEqualTypeOf<Payload>()
    expectTypeOf<Parameters<typeof Count.submit>[0]>().toEqualTypeOf<ReadonlyArray<string>>()
    expectTypeOf<Parameters<typeof Chat.submit>[0]>().toEqualTypeOf<string>()
    expectTypeOf(Review.await(runId)).toEqualTypeOf<
      Effect.Effect<Success, TooLarge | Closed | Awaiting, Runs.Runs | RunLog.RunLog>
    >()
    expectTypeOf(Review.execute(payload)).toEqualTypeOf<
      Effect.Effect<Success, TooLarge | Closed | Agent.SubmitError | Awaiting, Runs.Runs | RunLog.RunLog>
    >()
    expectTypeOf(Chat.await(runId)).toEqualTypeOf<
      Effect.Effect<string, Awaiting, Runs.Runs | RunLog.RunLog>
    >()
    expectTypeOf(Count.follow(runId)).toEqualTypeOf<
      Stream.Stream<Agent.Followed<number>, Awaiting, Runs.Runs | RunLog.RunLog>
    >()
    // @ts-expect-error -- a payload of another type
    Review.submit({ repository: "runlease", pull: "one" })
    // @ts-expect-error -- a payload without a field
    Review.submit({ repository: "runlease" })
    // @ts-expect-error -- no text
    Chat.submit(payload)
  })

  it("let a submitter catch an error by its tag", () => {
    const caught = Effect.catchTags(Review.await(runId), {
      TooLarge: ({ files }) => Effect.succeed(files),
      Closed: () => Effect.succeed("closed" as const),
    })
    expectTypeOf(caught).toEqualTypeOf<
      Effect.Effect<Success | number | "closed", Awaiting, Runs.Runs | RunLog.RunLog>
    >()
    // @ts-expect-error -- a tag that the agent does not declare
    Effect.catchTag(Chat.await(runId), "TooLarge", () => Effect.void)
  })
})

describe("the function of an agent", () => {
  it("gets the payload and the run, and may return an Effect, a Stream or an async iterable", () => {
    const layer = Review.toLayer(({ since }, run) => {
      expectTypeOf(since).toEqualTypeOf<DateTime.Utc | undefined>()
      expectTypeOf(run).toEqualTypeOf<Run.ClaimedRun>()
      return Effect.map(Effect.clock, () => approved(since!))
    })
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Executor.Executor>>()
    Count.toLayer((texts) => Stream.make("text", {} as AgentEvent.AgentEvent, Agent.result(texts.length)))
    Count.toLayer(async function* (texts) {
      yield "text"
      yield Agent.result(texts.length)
    })
    Chat.toLayer((text) => Effect.succeed(text))
    Chat.toLayer((text) => Stream.make(text))
    Chat.toLayer(() => Effect.void)
  })

  it("needs the services that its layer needs, without those that come with the run", () => {
    const layer = Count.toLayer(() =>
      Effect.gen(function* () {
        const child = yield* Child.spawn("ask", Chat, "hello")
        yield* Child.join(child)
        return (yield* Reviewers).length
      }),
    )
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Executor.Executor, never, Reviewers>>()
  })

  it("does not compile with another value than the agent's", () => {
    // @ts-expect-error -- another value
    Count.toLayer(() => Effect.succeed("three"))
    // @ts-expect-error -- no value
    Count.toLayer(() => Effect.void)
    // @ts-expect-error -- the JSON of the value
    Review.toLayer(() => Effect.succeed({ approved: true, at: "2026-01-01T00:00:00Z" }))
    // @ts-expect-error -- another value at the end of a Stream
    Count.toLayer(() => Stream.make("text", Agent.result("three")))
    // @ts-expect-error -- neither text nor an event
    Count.toLayer(() => Stream.make(3))
    // @ts-expect-error -- a value of an agent that gives text
    Chat.toLayer(() => Effect.succeed(3))
    // @ts-expect-error -- a field that the payload does not have
    Review.toLayer(({ branch }) => Effect.succeed(approved(branch)))
    expectTypeOf(Count.toLayer(() => Effect.succeed(3))).toEqualTypeOf<Layer.Layer<Executor.Executor>>()
  })

  it("has no schemas that need services", () => {
    const needy = {} as Schema.Schema<string, string, Reviewers>
    // @ts-expect-error -- a schema that needs a service
    expectTypeOf(() => Agent.make({ name: "needy", success: needy })).toBeFunction()
  })
})

describe("the types of children", () => {
  type Joining<A, E> = Effect.Effect<
    A,
    E | Step.StepError,
    Effect.Effect.Context<ReturnType<typeof Child.join>>
  >
  const review = {} as Child.ChildRef<Success, TooLarge | Closed>
  const chat = {} as Child.ChildRef<string, never>

  it("are those of their agents", () => {
    expectTypeOf(Effect.map(Child.spawn("review", Review, payload), (child) => child)).toMatchTypeOf<
      Effect.Effect<Child.ChildRef<Success, TooLarge | Closed>, unknown, unknown>
    >()
    expectTypeOf<Effect.Effect.Success<ReturnType<typeof spawnAll>>>().toEqualTypeOf<
      ReadonlyArray<Child.ChildRef<number, never>>
    >()
    const spawnAll = () => Child.spawnAll("count", Count, [["a"], ["b"]])
    expectTypeOf(Child.join(review)).toEqualTypeOf<
      Joining<Success, TooLarge | Closed | Agent.RunFailed | Agent.ResultUnreadable>
    >()
    expectTypeOf(Child.join(chat)).toEqualTypeOf<Joining<string, Agent.RunFailed | Agent.ResultUnreadable>>()
    // @ts-expect-error -- a payload of another agent
    Child.spawn("review", Review, "text")
    // @ts-expect-error -- a payload of another agent, in a list
    Child.spawnAll("count", Count, [payload])
  })

  it("have no errors but those that the agent declares", () => {
    const spawn = () => Child.spawn("chat", Chat, "hello")
    expectTypeOf<Effect.Effect.Success<ReturnType<typeof spawn>>>().toEqualTypeOf<
      Child.ChildRef<string, never>
    >()
    expectTypeOf<Effect.Effect.Error<ReturnType<typeof spawn>>>().toEqualTypeOf<
      Leases.ChildRefused | Runs.InvalidSubmission | Step.StepError
    >()
  })

  it("are those of a tuple where children of several agents are joined", () => {
    expectTypeOf<Effect.Effect.Success<ReturnType<typeof joinAll>>>().toEqualTypeOf<
      readonly [
        Either.Either<Success, Child.JoinError<TooLarge | Closed>>,
        Either.Either<string, Child.JoinError<never>>,
      ]
    >()
    const joinAll = () => Child.joinAll([review, chat])
  })

  it("name the child that has ended first, with its own value", () => {
    const joinFirst = () => Child.joinFirst("race", [review, chat])
    expectTypeOf<Effect.Effect.Success<ReturnType<typeof joinFirst>>>().toEqualTypeOf<
      readonly [
        child: Child.ChildRef<Success, TooLarge | Closed> | Child.ChildRef<string, never>,
        outcome: Either.Either<Success | string, Child.JoinError<TooLarge | Closed>>,
      ]
    >()
  })

  it("are no types of a child that is detached, which cannot be joined", () => {
    const detached = {} as Child.DetachedRef
    // @ts-expect-error -- no run waits for it
    expectTypeOf(() => Child.join(detached)).toBeFunction()
  })
})
