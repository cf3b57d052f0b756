#!/usr/bin/env node
import { NodeRuntime } from "@effect/platform-node"
import { Exit } from "effect"
import { interruptedExitCode, main } from "./Runlease.js"

// The streams are written out before the process ends: its exit does not wait for a pipe.
const exitWhenWritten = (code: number) =>
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))

// Whoever reads what is printed may go first, as `head` does. Then the command ends as by SIGTERM: a worker hands back.
process.stdout.once("error", () => {
  process.stdout.on("error", () => {})
  process.kill(process.pid, "SIGTERM")
})
process.stderr.on("error", () => {})

NodeRuntime.runMain(main(process.argv), {
  disableErrorReporting: true,
  disablePrettyLogger: true,
  teardown: (exit) => {
    exitWhenWritten(Exit.isSuccess(exit) ? Number(exit.value) : interruptedExitCode(process.argv))
  },
})
