import { NodeRuntime } from "@effect/platform-node"
import { AgentEvent, RequestSnapshot, RunLog, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Console, Deferred, Effect, Layer, Queue, Stream } from "effect"
import { chat, Chat, Library, researcher } from "./agents.js"

const program = Effect.gen(function* () {
  const begun = yield* Deferred.make<void>()
  const found = yield* Deferred.make<string>()
  const library = Layer.succeed(Library, {
    read: () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(found)),
  })
  const agents = Layer.mergeAll(chat, Layer.provide(researcher, library))
  yield* Layer.build(Layer.provide(Worker.layer, agents))

  const runs = yield* Runs.Runs
  const log = yield* RunLog.RunLog
  const { run } = yield* Chat.submit("Answer me, please.")
  const answers = yield* Queue.unbounded<string>()
  const following = yield* Effect.forkScoped(
    log.follow({ runId: run.runId }).pipe(
      Stream.map(({ event }) => event),
      Stream.filter(AgentEvent.is("TEXT_MESSAGE_CONTENT")),
      Stream.runForEach(({ delta }) => Queue.offer(answers, delta.trim())),
    ),
  )
  const shown = Effect.flatMap(Queue.take(answers), (answer) => Console.log(`chat: ${answer}`))
  const say = (text: string) =>
    Console.log(`you:  ${text}`).pipe(
      Effect.zipRight(runs.tell(run.runId, { parts: [RequestSnapshot.textPart(text)] })),
      Effect.zipRight(shown),
    )

  yield* say("Find out about bees, please")
  yield* Deferred.await(begun)
  yield* Console.log("      (the researcher begins)")
  yield* say("What is a queue?")
  yield* Console.log("      (the researcher ends)")
  yield* Deferred.succeed(found, "Bees dance to say where the flowers are.")
  yield* shown
  yield* say("Bye")
  yield* following
}).pipe(Effect.scoped)

program.pipe(Effect.provide(MemoryControlPlane.layer), NodeRuntime.runMain)
