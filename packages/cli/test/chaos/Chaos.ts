/**
 * Chaos: a control plane with workers and clients, all of them real processes under load, of which many things go wrong for a time. Then
 * everything is mended, and what came of it is checked.
 */
import { isTerminal } from "@runlease/core/Run"
import { Array, Clock, Effect, FiberSet, type Scope } from "effect"
import { execFile } from "node:child_process"
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Final } from "../../../testkit/src/simulation/History.js"
import * as World from "../../../testkit/src/simulation/World.js"
import * as Prng from "../../../testkit/src/simulation/Prng.js"
import * as Recorder from "../../../testkit/src/simulation/Recorder.js"
import * as Bundle from "../../checkout/bundle.mjs"
import * as Deployment from "./Deployment.js"
import * as Faults from "./Faults.js"
import * as Journal from "./Journal.js"
import * as Leftovers from "./Leftovers.js"
import * as Observation from "./Observation.js"
import * as Report from "./Report.js"
import type * as SideEffects from "./SideEffects.js"
import * as Store from "./Store.js"
import * as Submitters from "./Submitters.js"
import * as WorkerLog from "./WorkerLog.js"
import * as Workload from "./Workload.js"

/**
 * `runlease`: the path of the bundled command. `millis`: how long things go wrong. `gap`: how soon the next one does. `tell`: is given a
 * line for each thing that does.
 */
export interface Options {
  readonly runlease: string
  readonly store: Store.Name
  readonly seed: number
  readonly millis: number
  readonly gap: Faults.Gap
  readonly tell: (line: string) => void
}

/** How many runs of clients are unfinished at once, at most. */
const mostAtOnce = 60

/** The time between two submissions, in milliseconds, while there are fewer. */
const pace = { least: 50, most: 300 }

/** How long runs may take to end once nothing goes wrong any more. */
const settlingTime = "3 minutes"

/** The exit code of a process that did not reach what it needs when it was started. */
const unavailable = 69

/** How many runs of those that something is wrong with are explained. */
const mostExplained = 5

/** Makes a folder in that of the system for temporary files. The Scope removes it, unless it is kept. */
const makeFolder = (prefix: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(realpathSync(tmpdir()), prefix))
      // PostgreSQL runs as a user without rights, if this one is root.
      chmodSync(folder, 0o755)
      return { folder, keep: { logs: false } }
    }),
    ({ folder, keep }) =>
      Effect.sync(() => {
        if (!keep.logs) rmSync(folder, { recursive: true, force: true })
      }),
  )

/** Submits runs for so long, and waits until each of them has ended. Gives whether they have. */
const load = (
  { millis, seed }: Options,
  clients: ReadonlyArray<Submitters.Ports>,
): Effect.Effect<Effect.Effect<boolean>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const prng = Prng.make(Prng.hash("load", seed))
    const performing = yield* FiberSet.make()
    let nth = 0
    const next = Effect.gen(function* () {
      yield* Effect.sleep(prng.between(pace.least, pace.most))
      if ((yield* FiberSet.size(performing)) >= mostAtOnce) return
      nth += 1
      const ports = clients[nth % clients.length]!
      yield* FiberSet.run(
        performing,
        Effect.provide(Submitters.perform(seed, Workload.taskOf(seed, nth)), ports),
      )
    })
    yield* Effect.ignore(Effect.timeout(Effect.forever(next), millis))
    return FiberSet.awaitEmpty(performing).pipe(
      Effect.as(true),
      Effect.timeoutTo({ duration: settlingTime, onTimeout: () => false, onSuccess: (ended) => ended }),
    )
  })

/** Waits until each run has ended, children included. Gives whether they have. */
const untilSettled = (direct: Submitters.Ports): Effect.Effect<boolean> =>
  World.allRuns.pipe(
    Effect.map((runs) => runs.every(({ status }) => isTerminal(status))),
    Effect.orElseSucceed(() => false),
    Effect.delay("500 millis"),
    Effect.repeat({ until: (ended) => ended }),
    Effect.timeoutTo({ duration: settlingTime, onTimeout: () => false, onSuccess: (ended) => ended }),
    Effect.provide(direct),
  )

const explain = (runlease: string, url: string, apiKey: string, run: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const env = { PATH: process.env["PATH"], RUNLEASE_URL: url, RUNLEASE_API_KEY: apiKey, NO_COLOR: "1" }
    try {
      return (await promisify(execFile)(process.execPath, [runlease, "runs", "explain", run], { env })).stdout
    } catch (error) {
      return `run ${run} cannot be explained: ${String(error)}`
    }
  })

/** The runs that sentences name. */
const namedRuns = (
  broken: ReadonlyArray<SideEffects.Broken>,
  final: ReadonlyArray<Final>,
): ReadonlyArray<string> => {
  const words = new Set(broken.flatMap(({ sentence }) => sentence.split(/[^\w.-]+/)))
  return final.flatMap(({ run }) => (words.has(run) ? [run] : []))
}

/** Lets things go wrong for the time that is given, and reports. */
export const play = (options: Options) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { millis, runlease, seed, tell } = options
      const { folder, keep } = yield* makeFolder("runlease-chaos-")
      const { folder: database } = yield* makeFolder("runlease-database-")
      const journal = join(folder, "journal")
      const work = join(folder, "work")
      for (const each of [journal, work]) mkdirSync(each)
      const program = join(folder, "program.mjs")
      copyFileSync(new URL("program.mjs", import.meta.url), program)
      const scripts = yield* Effect.promise(() =>
        Bundle.bundle(new URL("scripts.ts", import.meta.url), folder, "scripts"),
      )

      const begunAt = yield* Clock.currentTimeMillis
      const recorder = Recorder.make({ now: () => (Date.now() - begunAt) * 1000 })
      const instant = () => `${(recorder.now() / 1000).toFixed(1).padStart(6)} s  `
      const unexpected: Array<string> = []
      let unreachable = 0
      const store = yield* Store.stores[options.store](database)
      const deployment = yield* Deployment.make({
        folder,
        journal,
        work,
        runlease,
        scripts,
        program,
        seed,
        store,
        recorder,
        unexpected: (sentence, code) => {
          if (code === unavailable) unreachable += 1
          else unexpected.push(sentence)
          tell(`${instant()}${sentence}`)
        },
      })
      const { apiKey, clientUrls, url } = deployment
      const clients = yield* Effect.forEach(clientUrls, (clientUrl, index) =>
        Submitters.connect(clientUrl, apiKey, recorder, `client-${index + 1}`),
      )
      yield* Submitters.attend(clients[0]!.recorded)
      const { direct } = yield* Submitters.connect(url, apiKey, recorder, "observer")

      const kinds = [...deployment.faults, ...store.faults]
      if (!Array.isNonEmptyReadonlyArray(kinds)) return yield* Effect.dieMessage("there are no faults")
      const [ended, faults] = yield* Effect.all(
        [
          load(
            options,
            clients.map(({ recorded }) => recorded),
          ),
          Faults.run(kinds, Prng.make(Prng.hash("faults", seed)), millis, options.gap, (text) =>
            tell(`${instant()}${text}`),
          ),
        ],
        { concurrency: "unbounded" },
      )
      tell(`${instant()}nothing goes wrong any more`)
      const settled = (yield* ended) && (yield* untilSettled(direct))
      const endedAt = recorder.now()
      const finals = yield* Effect.provide(World.finals, direct)
      recorder.close()

      const lines = Journal.read(journal)
      const observation: Observation.Observation = {
        begunAt,
        endedAt,
        lease: Deployment.lease,
        slots: deployment.slots,
        calls: recorder.calls,
        incidents: recorder.incidents,
        lines,
        recorded: WorkerLog.read(folder),
        finals,
        settled,
        crashes: recorder.crashes,
        servers: store.databases.length,
      }
      const ofRuns = Observation.judge(observation)
      const explained = yield* Effect.forEach(namedRuns(ofRuns, finals).slice(0, mostExplained), (run) =>
        explain(runlease, url, apiKey, run),
      )
      tell(`${instant()}everything is shut down`)
      const misended = yield* deployment.close
      const left = yield* Leftovers.find(folder)
      tell(`${instant()}no process of it is awaited any more`)
      const broken = [
        ...ofRuns,
        ...unexpected.map((sentence) => ({ invariant: "stays-up", sentence })),
        ...misended.map((sentence) => ({ invariant: "shuts-down", sentence })),
        ...left.map((line) => ({ invariant: "no-process-is-left", sentence: line })),
      ]
      keep.logs = broken.length > 0
      return {
        ...Report.numbersOf(observation),
        faults,
        leftOut: store.leftOut,
        effects: lines.filter(({ _tag }) => _tag === "Effect").length,
        unreachable,
        broken,
        explained: keep.logs ? [...explained, `The logs are in ${folder}`] : explained,
      } satisfies Report.Report
    }),
  )
