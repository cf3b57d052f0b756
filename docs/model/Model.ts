/** The checks of the model: what each of them searches, and what it finds. */
import { execFile, spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** A part of the protocol within bounds; `defines` are macros of the model, which is `lease.pml` where `file` does not say otherwise. */
export interface Check {
  readonly name: string
  readonly about: string
  readonly defines: ReadonlyArray<string>
  readonly file?: "lease.pml" | "ticks.pml"
}

/** A check of the protocol as it is: every state is searched, and every property holds in it. */
export const protocols: ReadonlyArray<Check> = [
  {
    name: "leases",
    about: "claims, renewals, hand-backs and cancellation; leases of 3 ticks, 3 claims, 2 messages",
    defines: ["LEASES", "LEASE=3", "CLAIMS=3", "WIRE=2"],
  },
  {
    name: "leases, crowded",
    about: "the same with leases of 2 ticks, 2 claims and 3 messages",
    defines: ["LEASES", "LEASE=2", "CLAIMS=2", "WIRE=3"],
  },
  {
    name: "log",
    about: "appends of 1 or 2 events, and the end of the run; leases of 3 ticks, 3 claims, 3 messages",
    defines: ["LOG", "LEASE=3", "CLAIMS=3", "WIRE=3"],
  },
  {
    name: "tree",
    about: "a child, a join, a question and their ends; leases of 2 ticks, 4 claims, 2 messages",
    defines: ["TREE", "LEASE=2", "CLAIMS=4", "WIRE=2"],
  },
  {
    name: "ticks",
    about: "the ticks of a schedule on two servers that die, beside a backfill; 8 ticks, 4 deaths",
    defines: ["TICKS=8", "DEATHS=4"],
    file: "ticks.pml",
  },
]

/** A check of the protocol with a deliberate fault, which breaks the property `breaks`. */
export interface Fault extends Check {
  readonly breaks: string
}

const fault = (name: string, part: string, breaks: string, about: string): Fault => ({
  name,
  about,
  breaks,
  defines: [part, `FAULT_${name}`],
})

const faultOfTicks = (name: string, breaks: string, about: string): Fault => ({
  name,
  about,
  breaks,
  defines: [`FAULT_${name}`],
  file: "ticks.pml",
})

export const faults: ReadonlyArray<Fault> = [
  fault("RENEW_WITHOUT_EPOCH", "LEASES", "fenced", "a renewal is checked for its owner alone"),
  fault("SAME_EPOCH", "LOG", "fenced", "a claim does not raise the epoch"),
  fault("FENCE_OUTSIDE_TRANSACTION", "LOG", "fenced", "the fence of an append is checked before its commit"),
  fault("COMPLETE_NOT_FENCED", "LOG", "fenced", "any worker ends a run that goes on"),
  fault("LAPSED_COMPLETE", "LOG", "fenced", "an outcome under a lapsed lease is accepted until the sweep"),
  fault("DEADLINE_FROM_ANSWER", "LEASES", "one_holder", "the worker counts its lease from the answer"),
  fault("NO_MARGIN", "LEASES", "one_holder", "the worker stops no earlier than its lease ends"),
  fault("LATE_CLAIM_STARTED", "LEASES", "one_holder", "a run starts although its deadline has passed"),
  fault(
    "HANDED_BACK_AFTER_REPEAT",
    "LEASES",
    "one_holder",
    "the run of an abandoned claim is handed back although a repeat has given it",
  ),
  fault("CANCEL_PUSHED", "LEASES", "cancel_stays", "a cancellation is a message to the worker, not a state"),
  fault("ANSWERED_BEFORE_COMMIT", "LOG", "nothing_lost", "an append is answered before its commit"),
  fault("APPEND_TWICE", "LOG", "applied_once", "a repeated append is not compared with the log"),
  fault("REPEAT_REFUSED", "LOG", "repeatable", "an append whose events are in the log is refused"),
  fault("LAST_OUTCOME", "LOG", "one_outcome", "the last outcome stands"),
  fault("CHILD_TOLD_TWICE", "TREE", "wakes_once", "the end of a child is told to its parent twice"),
  fault("LOST_WAKE_UP", "TREE", "never_stuck", "a child's end looks at the parent before its commit"),
  fault(
    "ATTEMPTS_NOT_COUNTED",
    "LEASES",
    "poison_stops",
    "an attempt that ends without outcome is not counted",
  ),
  faultOfTicks(
    "NO_TICK_ID",
    "ticks_once",
    "the run of a tick has an id of its own, and not that of the tick",
  ),
  faultOfTicks("NEXT_FROM_NOW", "no_tick_lost", "the next tick follows the present, and not the tick before"),
  faultOfTicks(
    "TICK_IN_TWO_COMMITS",
    "no_tick_lost",
    "the next tick is set before the run of this one begins",
  ),
]

const goal = (name: string, part: string, about: string, ...bounds: ReadonlyArray<string>): Check => ({
  name,
  about,
  defines: [part, `GOAL_${name}`, ...bounds],
})

/** States that the protocol must reach, so that its properties do not hold for want of work. */
export const goals: ReadonlyArray<Check> = [
  goal("TAKEN_OVER", "LEASES", "a worker completes a run that another one has lost"),
  goal("POISONED", "LEASES", "a run fails after its last attempt"),
  goal(
    "GIVEN_AGAIN",
    "LEASES",
    "a repeated claim gives a run that the store is about to hand back",
    "CLAIMS=1",
  ),
  goal("TWO_ATTEMPTS_IN_LOG", "LOG", "a completed run has the events of two attempts"),
  goal("PROGRESS", "LOG", "a recorded step gives a run one attempt more"),
  goal("JOINED", "TREE", "a parent completes after its child and an answer"),
  goal("ANSWERED_FIRST", "TREE", "an answer ends a wait, and the child goes on"),
  goal("ORPHANED", "TREE", "the end of a parent ends its child"),
  {
    name: "TICK_AFTER_DEATH",
    about: "all ticks have their runs after servers have died in them",
    defines: ["GOAL_TICK_AFTER_DEATH"],
    file: "ticks.pml",
  },
]

/** What Spin says after a search. */
export interface Found {
  /** The property that does not hold: `out_of_reach` where a goal was reached. */
  readonly broken: string | undefined
  /** Whether every state was searched: not so after an error, or where a path was too long. */
  readonly complete: boolean
  readonly states: number
  readonly depth: number
  readonly seconds: number
  readonly megabytes: number
}

const has = (program: string, version: string) => spawnSync(program, [version]).status === 0

/** Whether the checks can run: Spin writes a search as C, which gcc compiles. */
export const isThere = has("spin", "-V") && has("gcc", "--version")

const run = promisify(execFile)

const figure = (report: string, pattern: RegExp): number => {
  const found = pattern.exec(report)
  if (found === null) throw new Error(`Spin did not say ${pattern}:\n${report}`)
  return Number(found[1])
}

/** What a report of Spin says. A report without the figures of a search throws. */
export const read = (report: string): Found => {
  const errors = figure(report, /errors: (\d+)/)
  const assertion = /assertion violated (\w+)/.exec(report)?.[1]
  const broken = report.includes("pan:1: acceptance cycle") ? "never_stuck" : assertion
  if (errors > 0 && broken === undefined) throw new Error(`Spin found another error:\n${report}`)
  return {
    broken,
    complete: errors === 0 && !/Search not completed|max search depth too small|Bit statespace/.test(report),
    states: figure(report, /([\d.e+]+) states, stored/),
    depth: figure(report, /depth reached (\d+)/),
    seconds: figure(report, /elapsed time ([\d.e+-]+)/),
    megabytes: figure(report, /([\d.]+)\s+total actual memory usage/),
  }
}

/** Searches the states of a check until the first error. */
export const search = async ({ defines, file = "lease.pml" }: Check): Promise<Found> => {
  const folder = await mkdtemp(join(tmpdir(), "runlease-model-"))
  try {
    const model = join(import.meta.dirname, file)
    await run("spin", ["-a", ...defines.map((define) => `-D${define}`), model], { cwd: folder })
    // Only the tree has a property of whole paths.
    const ofPaths = defines.includes("TREE")
    const isWhole = !defines.some((define) => /^(FAULT|GOAL)_/.test(define))
    const flags = [
      isWhole ? "-O1" : "-O0",
      "-w",
      "-DNOREDUCE",
      "-DMEMLIM=1500",
      ...(ofPaths ? [] : ["-DSAFETY"]),
    ]
    await run("gcc", [...flags, "-o", "pan", "pan.c"], { cwd: folder })
    const options = ["-m100000", isWhole ? "-w24" : "-w20", ...(ofPaths ? ["-a"] : [])]
    return read((await run(join(folder, "pan"), options, { cwd: folder })).stdout)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
