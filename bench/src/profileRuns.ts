/** Prints where the time of a run goes: in process, one run at a time and 64 at once, and 64 at once over HTTP. */
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Throughput from "./measure/Throughput.js"
import * as Profile from "./Profile.js"
import * as Rounds from "./Rounds.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"

const millis = 4000
const load = { concurrency: 64, millis }

const show = (title: string, perSecond: number, groups: ReadonlyArray<Profile.Group>) => {
  const busy = groups.filter(({ name }) => name !== "idle")
  const total = busy.reduce((sum, { self }) => sum + self, 0)
  const runs = (perSecond * millis) / 1000
  const row = (name: string, self: number) => [
    name,
    `${((self * 100) / total).toFixed(1)}%`,
    ((self * 1000) / runs).toFixed(1),
  ]
  const ours = busy.filter(({ name }) => name.startsWith("ours:"))
  return Console.log(
    Table.render(
      `${title}: ${Table.number(perSecond)} runs/s, ${((total * 100) / millis).toFixed(0)}% of a core`,
      ["whose code", "share", "µs per run"],
      [
        ...busy
          .filter(({ name, self }) => !name.startsWith("ours:") && self * 200 > total)
          .map(({ name, self }) => row(name, self)),
        row(
          "ours, all of it",
          ours.reduce((sum, { self }) => sum + self, 0),
        ),
        ...ours.filter(({ self }) => self * 200 > total).map(({ name, self }) => row(`  ${name}`, self)),
      ],
    ),
  )
}

const program = Effect.gen(function* () {
  const folder = yield* Stores.folder
  const profile = yield* Profile.make

  const local = yield* Stores.local(`${folder}/local.sqlite`, "normal")
  const inProcess = Throughput.once(local, yield* Stores.registerWorker(local))
  for (const concurrency of [64, 1]) {
    yield* Rounds.rate(inProcess, { concurrency, millis })
    yield* profile.start
    const locally = yield* Rounds.rate(inProcess, { concurrency, millis })
    yield* show(`In process, ${concurrency} at once`, locally, yield* profile.stop)
  }

  const server = yield* Stores.server({ filename: `${folder}/served.sqlite`, synchronous: "normal" })
  const remote = yield* Stores.client(server.ready)
  const overHttp = Throughput.once(remote, yield* Stores.registerWorker(remote))
  yield* Rounds.rate(overHttp, load)
  yield* server.ask("profileStart")
  const remotely = yield* Rounds.rate(overHttp, load)
  yield* show("The server behind HTTP, 64 at once", remotely, yield* server.ask("profileStop"))
  yield* profile.start
  const asClient = yield* Rounds.rate(overHttp, load)
  yield* show("Its client", asClient, yield* profile.stop)
}).pipe(Effect.scoped)

program.pipe(Effect.provide(NodeContext.layer), NodeRuntime.runMain)
