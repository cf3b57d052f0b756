/** What the waiting claims of many servers on one database cost: CPU at idle, and the pick-up of a run. */
import { Duration, Effect } from "effect"
import * as Contenders from "../Contenders.js"
import * as Cpu from "../Cpu.js"
import { type Part, type Sample, summaries } from "../Figures.js"
import * as Rounds from "../Rounds.js"
import { Scale } from "../Scale.js"
import * as PickUp from "./PickUp.js"

const backend = "PostgreSQL"

/** Each is measured alone, as the others would wait meanwhile. */
const row = (servers: number) =>
  Effect.gen(function* () {
    const { idling, pickUps, rounds } = yield* Scale
    const { contender, meters } = yield* Contenders.runlease(backend, { servers })
    yield* contender.call("attend")
    const sample = Effect.gen(function* () {
      const idle = yield* Cpu.during(meters, Effect.sleep(Duration.seconds(idling)))
      const busy = yield* Cpu.during(meters, PickUp.sample(contender, pickUps))
      const percent = (name: string) => {
        const micros = idle.used[name] ?? null
        return micros === null ? null : micros / idling / 1e4
      }
      const perRun = Cpu.per(pickUps, busy.used)
      return {
        ...busy.value,
        "idle servers": percent("client"),
        "idle database": percent("database"),
        servers: perRun["client"] ?? null,
        database: perRun["database"] ?? null,
      } satisfies Sample
    })
    const [result] = yield* Rounds.interleave([{ name: "", sample }], rounds)
    return { name: `${backend}: waiting claims of ${servers}`, figures: summaries(result!.samples) }
  }).pipe(Effect.scoped)

export const measure = Effect.gen(function* () {
  return {
    title: "Pick-up and CPU where the claims of many servers wait on one database",
    columns: [
      ...PickUp.columns,
      ...["idle servers", "idle database"].map((name) => ({ name, unit: "% of a core" })),
      ...["servers", "database"].map((name) => ({ name, unit: "µs/run" })),
    ],
    rows: yield* Effect.forEach([1, 16, 64], row),
  } satisfies Part
})
