/**
 * The command as a process: its signals, its streams and its exit code.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Exit } from "effect"
import { setFlagsFromString } from "node:v8"
import { interruptedExitCode, main } from "./Runlease.js"

// Waits for both streams to flush: `process.exit` does not wait for a pipe.
const exitWhenWritten = (code: number) =>
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))

// The reader of the output may close it first, as `head` does, or the terminal may close. Both end the command as one
// SIGTERM does, so a worker drains. A real second signal would end the process during the drain, so the event is emitted
// instead.
const terminate = () => void process.emit("SIGTERM", "SIGTERM")

// Objects that V8 takes for lasting go into old space at once. Those of runs and requests do not last, so what they refer to fills
// old space until a full collection, which a stream of deltas waits for.
const keepNewObjectsYoung = () => setFlagsFromString("--no-allocation-site-pretenuring")

/** Runs the command line of this process, and ends the process with its exit code. */
export const run = (): void => {
  keepNewObjectsYoung()
  process.stdout.on("error", terminate)
  process.on("SIGHUP", terminate)
  process.stderr.on("error", () => {})
  NodeRuntime.runMain(main(process.argv), {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit) => {
      exitWhenWritten(Exit.isSuccess(exit) ? Number(exit.value) : interruptedExitCode(process.argv))
    },
  })
}
