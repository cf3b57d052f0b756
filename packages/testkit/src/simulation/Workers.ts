/** The workers of a simulated world: processes that start, crash, pause, drain and come back under their keys. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Executor from "@runlease/core/Executor"
import * as Worker from "@runlease/core/Worker"
import { type Context, Effect, Fiber, Layer } from "effect"
import type { Network } from "./Network.js"
import type { Fault, Plan, PlannedWorker, Script } from "./Plan.js"
import * as ScriptExecutor from "./ScriptExecutor.js"
import type * as Process from "./Process.js"
import type { Recorder } from "./Recorder.js"
import * as RemotePorts from "./RemotePorts.js"
import type { Subject } from "./Subject.js"
import type { VirtualTime } from "./VirtualTime.js"

/** A worker that runs, and how it stops. */
interface Running {
  readonly process: Process.Process
  readonly end: (how: string, silent: boolean) => void
  readonly drain: () => void
}

/** The part of the world that workers need. */
export interface World {
  /** Makes a process, which the end of the world buries. */
  readonly makeProcess: (name: string, rate: number) => Process.Process
  readonly time: VirtualTime
  readonly plan: Plan
  readonly recorder: Recorder
  readonly network: Network
  readonly ports: Context.Context<ProjectPorts>
  readonly scriptOf: (text: string) => Script
  readonly subject: Subject<unknown>
}

/** How long a worker that has died by itself is gone, in milliseconds. */
const restartDelay = 1_000

const start = (world: World, worker: PlannedWorker, nth: number, ended: () => void): Running => {
  const { makeProcess, network, plan, ports, recorder, scriptOf, subject } = world
  const name = `${worker.name}#${nth}`
  const process = makeProcess(name, 1 + worker.drift)
  const link = network.link(worker.name, process)
  const end: Running["end"] = (how, silent) => {
    if (process.isDead()) return
    process.kill()
    if (!silent) link.reset()
    recorder.happened({ _tag: "Ended", process: name, how })
    ended()
  }
  const remote = RemotePorts.make(ports, link, recorder, name)
  const execute = ScriptExecutor.observed(
    { process: name, recorder },
    subject.execute ??
      ScriptExecutor.make({ process: name, recorder, scriptOf, kill: () => end("poisoned", false) }),
  )
  const program = (subject.worker ?? Worker.run)({
    implementationKind: "simulated",
    workerKey: worker.name,
    concurrency: subject.fault?.slots?.(worker.slots) ?? worker.slots,
    leaseDuration: plan.lease,
    heartbeatInterval: "10 seconds",
    drainTimeout: "1 second",
    interruptGrace: "1 second",
  }).pipe(
    Effect.provide(Executor.layerWith(execute)),
    Effect.provide(Layer.scopedContext(subject.fault?.worker?.(remote) ?? Effect.succeed(remote))),
  )
  recorder.happened({ _tag: "Started", process: name })
  const fiber = process.fork(program)
  fiber.addObserver(() => end("over", false))
  return { process, end, drain: () => void process.fork(Fiber.interrupt(fiber)) }
}

/** Starts a worker, and what the plan does to it. */
export const make = (world: World, worker: PlannedWorker): void => {
  const { plan, recorder, time } = world
  let nth = 0
  let running: Running | undefined
  let comesBack = 0

  const begin = (): void => {
    nth += 1
    running = start(world, worker, nth, () => {
      running = undefined
      time.at(Math.max(time.now() + restartDelay * 1000, comesBack), begin)
    })
  }

  const strike = (fault: Extract<Fault, { readonly worker: string }>): void => {
    if (running === undefined) return
    const { drain, end, process } = running
    const until = (fault.at + fault.millis) * 1000
    switch (fault._tag) {
      case "Pause": {
        if (process.isPaused()) return
        process.pause(fault.clock)
        recorder.happened({ _tag: "Paused", process: process.name, clock: fault.clock })
        time.at(until, () => {
          if (process.isDead()) return
          recorder.happened({ _tag: "Resumed", process: process.name })
          process.resume()
        })
        return
      }
      case "Crash":
        comesBack = until
        return end("crashed", fault.silent)
      case "Shutdown":
        comesBack = until
        return drain()
    }
  }

  for (const fault of plan.faults) {
    if ("worker" in fault && fault.worker === worker.name) time.at(fault.at * 1000, () => strike(fault))
  }
  begin()
}
