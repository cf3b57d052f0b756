/**
 * What the command's exit codes mean to a script, and the failure that carries one.
 */
import { Data } from "effect"

export const ExitCode = {
  /** Done; for a run that was followed: completed. */
  ok: 0,
  /** It did not work. */
  error: 1,
  /** The run that was followed failed. */
  runFailed: 2,
  /** The run that was followed was cancelled. */
  runCancelled: 3,
  /** The command was misused: an unknown flag, a value out of range, a bad file. */
  usage: 64,
  /** The control plane or its database cannot be reached, or the program of a worker cannot be started. */
  unavailable: 69,
  /** The key was refused. */
  refused: 77,
  /** Interrupted. */
  interrupted: 130,
} as const

/** What happened, what to do about it, and what a script is told. */
export class CommandFailure extends Data.TaggedError("CommandFailure")<{
  readonly message: string
  readonly hint?: string
  readonly exitCode: number
}> {}

export const usage = (message: string, hint?: string): CommandFailure =>
  new CommandFailure({ message, exitCode: ExitCode.usage, ...(hint === undefined ? {} : { hint }) })

/** A command that did its work, whose result a script reads from the exit code; nothing is printed for it. */
export class QuietExit extends Data.TaggedError("QuietExit")<{ readonly exitCode: number }> {}
