/**
 * The command as a process: its signals, its streams and its exit code.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Exit } from "effect"
import { interruptedExitCode, main } from "./Runlease.js"

// The streams are written out before the process ends: its exit does not wait for a pipe.
const exitWhenWritten = (code: number) =>
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))

// The reader of the output may go first, as `head` does, and a terminal may be closed. Either ends the command as SIGTERM
// does, once: a worker drains. A signal that is sent for real would end it at once while it drains.
const terminate = () => void process.emit("SIGTERM", "SIGTERM")

/** Runs the command line of this process, and ends the process with its exit code. */
export const run = (): void => {
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
