/**
 * The exit codes of the command, and the failure that carries one.
 */
import { Data } from "effect"

export const ExitCode = {
  /** Success; for a followed run: completed. */
  ok: 0,
  /** Any other failure. */
  error: 1,
  runFailed: 2,
  /** The followed run was cancelled. */
  runCancelled: 3,
  /** The command was misused: an unknown flag, a value out of range, a bad file. */
  usage: 64,
  /** The control plane or its database cannot be reached, or the program of a worker cannot be started. */
  unavailable: 69,
  /** The server refused the key. */
  refused: 77,
  /** The command was interrupted. */
  interrupted: 130,
} as const

/** A failure with what to print, what to do about it, and the exit code. */
export class CommandFailure extends Data.TaggedError("CommandFailure")<{
  readonly message: string
  readonly hint?: string
  readonly exitCode: number
}> {}

/** A failure for a misused command. */
export const usage = (message: string, hint?: string): CommandFailure =>
  new CommandFailure({ message, exitCode: ExitCode.usage, ...(hint === undefined ? {} : { hint }) })

/** A command that did its work and reports its result by the exit code alone; nothing is printed for it. */
export class QuietExit extends Data.TaggedError("QuietExit")<{ readonly exitCode: number }> {}
